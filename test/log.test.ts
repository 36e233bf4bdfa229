/** The request log of the executable: each kind and outcome of an answer, and what stdout may do to it. */

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Running, startBinary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { linkOf } from "./load.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const MiB = 1024 * 1024;
const DIRECTORY = temporaryDirectory();
writeSettled(join(DIRECTORY, "small"), offsetBytes(1024));
writeSettled(join(DIRECTORY, "large"), offsetBytes(16 * MiB));
writeSettled(join(DIRECTORY, "line\nbreak"), "x");

/** Combined Log Format, as programs that read it expect it, and what this program adds. */
const COMBINED =
  /^(?<client>\S+) (\S+) (\S+) \[(?<time>\d\d\/[A-Z][a-z][a-z]\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(?<method>[A-Z]+) (?<target>[^ "]+) HTTP\/\d\.\d" (?<status>\d{3}) (?<sent>\d+|-) "(?<referer>[^"]*)" "(?<agent>[^"]*)"(?: "(?<range>[^"]*)" (?<owed>\d+) (?<seconds>\d+\.\d{3}) (?<outcome>\S+))$/;

type Line = Readonly<Record<string, string>>;

/** The lines that a process prints on stdout. */
class Lines {
  #text = "";
  readonly #chunks: AsyncIterator<string>;

  constructor({ process }: Running) {
    this.#chunks = process.stdout.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
  }

  /** The next line; undefined at the end. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#text += value;
    }
  }

  async parsed(): Promise<Line> {
    return parse((await this.next()) ?? "");
  }

  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.next(); line !== undefined; line = await this.next())
      lines.push(line);
    return lines;
  }
}

function parse(line: string): Line {
  return COMBINED.exec(line)?.groups ?? { unreadable: line };
}

/** What says what happened. */
function facts({ method, target, range, status, sent, owed, outcome }: Line): string {
  return [method, target, range, status, sent, owed, outcome].join(" ");
}

async function askFor(running: Running, method: string, target: string, range?: string) {
  await ask(running.port, method, target, range === undefined ? {} : { Range: `bytes=${range}` });
}

test("One line for each kind of answer", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", DIRECTORY]);
  const lines = new Lines(running);
  const asked: [string, string, string | undefined, string][] = [
    ["GET", "/data/small", undefined, "200 1024 1024 complete"],
    ["GET", "/data/large", undefined, "200 16777216 16777216 complete"],
    ["GET", "/data/small", "0-9", "206 10 10 complete"],
    ["GET", "/data/large", "1-8388608", "206 8388608 8388608 complete"],
    ["GET", "/data/small", "0-0,9-9", "206 - - complete"],
    ["GET", "/data/large", "0-1999999,5000000-5999999", "206 - - complete"],
    ["GET", "/data/small", "2000-", "416 - - complete"],
    ["HEAD", "/data/large", undefined, "200 0 0 complete"],
    ["GET", "/data/", undefined, "200 - - complete"],
    ["GET", "/data", undefined, "308 - - complete"],
    ["GET", "/data/absent", undefined, "404 - - complete"],
    ["GET", "/data/absent?token=geheim&x=1", undefined, "404 - - complete"],
    ["POST", "/data/small", undefined, "405 - - complete"],
    ["GET", "/-/healthy", undefined, "200 3 3 complete"],
    ["GET", "/-/announce", undefined, "200 - - complete"],
    ["GET", "/data/line%0Abreak", undefined, "200 1 1 complete"],
  ];
  for (const [method, target, range, expected] of asked) {
    await askFor(running, method, target, range);
    const line = await lines.parsed();
    const [status, sent] = expected.split(" ");
    const known = sent === "-" ? { ...line, sent: "-", owed: "-" } : line;
    const shown = target.replace("geheim", "***");
    const wanted = range === undefined ? "-" : `bytes=${range}`;
    expect(facts(known)).toBe(`${method} ${shown} ${wanted} ${expected}`);
    expect([status, line["client"], line["sent"]]).toEqual([
      line["status"]!,
      "127.0.0.1",
      line["owed"]!,
    ]);
  }
  expect(running.stderr()).not.toContain("geheim");
});

test("Lines of answers for which nobody else read the URL, the fields or the address", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", DIRECTORY]);
  const lines = new Lines(running);
  for (let n = 0; n < 40; n++) {
    await ask(running.port, "GET", `/data/${n}?key=k`, { Host: "a, b", "User-Agent": `a${n}` });
  }
  for (let n = 0; n < 40; n++) {
    const { client, target, status, agent } = await lines.parsed();
    expect([client, target, status, agent]).toEqual([
      ...["127.0.0.1", `/data/${n}?key=***`, "400", `a${n}`],
    ]);
  }
});

/** A client that takes nothing beyond what its kernel holds. */
async function pausedDownload({ port }: Running, target: string): Promise<Wire> {
  const wire = await Wire.connect(port);
  wire.pause();
  wire.request("GET", target);
  return wire;
}

test("A client that goes away: aborted, with less acknowledged than owed", async () => {
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  // Two answers before on the same connection don't count.
  using wire = await Wire.connect(running.port);
  for (let n = 0; n < 2; n++) {
    wire.request("GET", "/data/large", { Range: "bytes=0-999999" });
    await wire.response();
  }
  wire.request("GET", "/data/large");
  await wire.waitFor(4 * MiB);
  wire[Symbol.dispose]();
  const seen = [await lines.parsed(), await lines.parsed(), await lines.parsed()];
  const sent = seen.find(({ outcome }) => outcome === "aborted")?.["sent"];
  expect(seen.map(facts).toSorted()).toEqual([
    `GET /data/large - 200 ${sent} 16777216 aborted`,
    "GET /data/large bytes=0-999999 206 1000000 1000000 complete",
    "GET /data/large bytes=0-999999 206 1000000 1000000 complete",
  ]);
  expect(Number(sent)).toBeLessThan(16 * MiB);
});

test("A paused client that goes away: what its kernel had room for", async () => {
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  using wire = await pausedDownload(running, "/data/large");
  // Its kernel acknowledges what it has room for, and then nothing more.
  for (let n = 0; n < 200; n++) await ask(running.port, "GET", "/data/small");
  wire[Symbol.dispose]();
  let line = await lines.parsed();
  while (line["target"] !== "/data/large") line = await lines.parsed();
  expect([line["outcome"], Number(line["sent"]) > 0, Number(line["sent"]) < 16 * MiB]).toEqual([
    "aborted",
    true,
    true,
  ]);
});

test("A file that becomes another version: changed", async () => {
  const path = join(DIRECTORY, "changing");
  writeSettled(path, offsetBytes(16 * MiB));
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  using wire = await pausedDownload(running, "/data/changing");
  await ask(running.port, "GET", "/data/small");
  await lines.next();
  truncateSync(path, MiB);
  writeFileSync(path, offsetBytes(16 * MiB, "1"));
  const line = await lines.parsed();
  expect(facts({ ...line, sent: "-" })).toBe("GET /data/changing - 200 - 16777216 changed");
  wire.resume();
  expect((await wire.response()).complete).toBe(false);
});

test("A file that becomes another version while the process drains: changed", async () => {
  const path = join(DIRECTORY, "drained");
  writeSettled(path, offsetBytes(16 * MiB));
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  using wire = await pausedDownload(running, "/data/drained");
  await ask(running.port, "GET", "/data/small");
  await lines.next();
  running.process.kill("SIGTERM");
  await running.printed("stopping; 1 in flight");
  writeFileSync(path, offsetBytes(16 * MiB, "1"));
  const rest = (await lines.rest()).map((line) => facts({ ...parse(line), sent: "-" }));
  expect(rest).toEqual(["GET /data/drained - 200 - 16777216 changed"]);
  wire.resume();
  expect((await wire.response()).complete).toBe(false);
});

test.each([[[]], [["--workers", "2"]]] as const)(
  "The last lines are written at the end (%p)",
  async (options) => {
    await using running = await startBinary([...options, DIRECTORY]);
    const lines = new Lines(running);
    for (let n = 0; n < 3; n++) await ask(running.port, "GET", "/data/small");
    running.process.kill("SIGTERM");
    expect((await lines.rest()).length).toBe(3);
    expect(await running.process.exited).toBe(0);
  },
);

test("What still goes on when the grace is over is aborted", async () => {
  await using running = await startBinary(["--grace", "1", DIRECTORY]);
  const lines = new Lines(running);
  using _ = await pausedDownload(running, "/data/large");
  await ask(running.port, "GET", "/data/small");
  await lines.next();
  running.process.kill("SIGTERM");
  const rest = (await lines.rest()).map(parse);
  expect(rest.map(({ target, outcome }) => [target, outcome])).toEqual([
    ["/data/large", "aborted"],
  ]);
});

test("SIGTERM waits until the client has acknowledged what the kernel holds", async () => {
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  using wire = await Wire.connect(running.port);
  wire.pause();
  wire.request("GET", "/data/large", { Range: "bytes=0-1999999" });
  await ask(running.port, "GET", "/data/small");
  await lines.next();
  running.process.kill("SIGTERM");
  await running.printed("stopping; 1 in flight");
  wire.resume();
  expect((await wire.response()).body.length).toBe(2_000_000);
  expect((await lines.rest()).map((line) => facts(parse(line)))).toEqual([
    "GET /data/large bytes=0-1999999 206 2000000 2000000 complete",
  ]);
});

/** Many requests for a file on one connection. */
async function askOften(port: number, count: number): Promise<number> {
  using wire = await Wire.connect(port);
  let answered = 0;
  for (let n = 0; n < count; n++) {
    wire.request("GET", "/data/small", { "User-Agent": "x".repeat(400) });
    answered += Number((await wire.response()).status === 200);
  }
  return answered;
}

testWith("mkfifo")(
  "A pipe that nobody reads: requests are answered, lines are lost and counted",
  async () => {
    const path = join(temporaryDirectory(), "stdout");
    Bun.spawnSync(["mkfifo", path]);
    // Opened for both, it is open at once, and nobody need read it.
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    await using running = await startBinary([DIRECTORY], ["sh", "-c", `exec "$@" >${path}`, "sh"]);
    expect(await askOften(running.port, 4000)).toBe(4000);
    let text = "";
    const buffer = Buffer.alloc(65_536);
    const read = () => {
      try {
        text += buffer.toString("latin1", 0, readSync(reader, buffer));
      } catch (error) {
        // Nothing is there now.
        if (!String(error).includes("EAGAIN")) throw error;
      }
    };
    while (!running.stderr().includes("lines of the request log were lost")) {
      read();
      await new Promise(setImmediate);
    }
    const lost = Number(
      /(\d+) lines of the request log were lost: stdout was not read/.exec(running.stderr())?.[1],
    );
    while ((text.match(/\n/g) ?? []).length < 4000 - lost) {
      read();
      await new Promise(setImmediate);
    }
    closeSync(reader);
    const unreadable = text
      .trimEnd()
      .split("\n")
      .filter((line) => !COMBINED.test(line));
    expect([lost > 500, unreadable]).toEqual([true, []]);
  },
);

test.each<[string, string, string[]]>([
  ["a full disk", 'exec "$@" >/dev/full', []],
  [
    "a closed pipe",
    'exec "$@" > >(true)',
    ["rangesrv: stdout is closed: requests are no longer logged"],
  ],
  ["nothing", 'exec "$@" >&-', []],
])("stdout is %s: requests are answered", async (_why, script, told) => {
  await using running = await startBinary([DIRECTORY], ["bash", "-c", script, "bash"]);
  expect(await askOften(running.port, 300)).toBe(300);
  for (const line of told) await running.printed(line);
  expect(await askOften(running.port, 300)).toBe(300);
  running.process.kill("SIGTERM");
  expect(await running.process.exited).toBe(0);
  const lines = running
    .stderr()
    .split("\n")
    .filter((line) => line.includes("stdout"));
  expect(lines).toEqual(told);
});

test("Two workers write whole lines", async () => {
  await using running = await startBinary(["--workers", "2", DIRECTORY]);
  const lines = new Lines(running);
  await Promise.all(Array.from({ length: 8 }, () => askOften(running.port, 250)));
  running.process.kill("SIGTERM");
  const all = await lines.rest();
  expect([all.length, all.filter((line) => !COMBINED.test(line))]).toEqual([2000, []]);
});

test.skipIf(process.platform !== "linux")("The first line opens nothing", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", DIRECTORY]);
  const own = `/proc/${running.process.pid}/fd`;
  const stdout = linkOf(`${own}/1`);
  const count = () => readdirSync(own).filter((at) => linkOf(`${own}/${at}`) === stdout).length;
  const before = count();
  const lines = new Lines(running);
  await askFor(running, "GET", "/data/small");
  const { status } = await lines.parsed();
  expect([status, count()]).toEqual(["200", before]);
});

test("JSON", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", "--log", "json", DIRECTORY]);
  const lines = new Lines(running);
  await ask(running.port, "GET", "/data/small?key=k", { Range: "bytes=0-1", "User-Agent": '"\\' });
  const line = JSON.parse((await lines.next()) ?? "");
  const { time, seconds, first_byte, worker, ...rest } = line;
  expect(rest).toEqual({
    ...{ client: "127.0.0.1", method: "GET", path: "/data/small?key=***", range: "bytes=0-1" },
    ...{ kind: "range", status: 206, sent: 2, owed: 2, outcome: "complete", agent: '"\\' },
  });
  const isNow = Math.abs(Date.parse(time) - Date.now()) < 60_000;
  expect([isNow, typeof seconds, typeof first_byte]).toEqual([true, "number", "number"]);
});

test("--log off", async () => {
  await using running = await startBinary(["--log", "off", DIRECTORY]);
  await ask(running.port, "GET", "/data/small");
  running.process.kill("SIGTERM");
  expect(await running.process.stdout.text()).toBe("");
});

test("A target of 8 KiB and escape sequences make one short line of ASCII", async () => {
  await using running = await startBinary([DIRECTORY]);
  const lines = new Lines(running);
  const agent = "\u0080\u00ff\t";
  await ask(running.port, "GET", `/data/${"%1b".repeat(2700)}`, {
    "User-Agent": agent,
    Referer: 'x"y',
  });
  const line = (await lines.next()) ?? "";
  expect([
    line.length < 4096,
    /^[ -~]*$/.test(line),
    COMBINED.test(line),
    line.includes("..."),
  ]).toEqual([true, true, true, true]);
});

testWith("curl", "wget")("curl and wget", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", DIRECTORY]);
  const lines = new Lines(running);
  const url = `${running.origin}/data/large`;
  await run(["curl", "-s", "-o", "/dev/null", "-r", "100-", "-e", "http://from/?token=t", url]);
  await run(["wget", "-q", "-O", "/dev/null", url]);
  const seen = [await lines.parsed(), await lines.parsed()];
  const agents = seen.map(({ agent = "", referer }) => [agent.split("/")[0], referer]);
  expect([seen.map(facts), agents]).toEqual([
    [
      "GET /data/large bytes=100- 206 16777116 16777116 complete",
      "GET /data/large - 200 16777216 16777216 complete",
    ],
    [
      ["curl", "http://from/?token=***"],
      ["Wget", "-"],
    ],
  ]);
});

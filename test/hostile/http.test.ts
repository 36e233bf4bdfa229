/**
 * Requests of strangers against the executable: what they say of its host, what they
 * make it read, hold and send.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { run, testWith } from "../clients.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(120_000);

const MIB = 1024 * 1024;
const directory = temporaryDirectory();
let server: Running;

beforeAll(async () => {
  writeSettled(join(directory, "small"), offsetBytes(64));
  writeSettled(join(directory, "medium"), offsetBytes(100_000));
  writeSettled(join(directory, "large"), offsetBytes(4 * MIB));
  mkdirSync(join(directory, "pages"));
  writeSettled(join(directory, "pages/index.html"), "<script>alert(1)</script>");
  writeSettled(join(directory, "pages/a.svg"), "<svg/>");
  server = await startBinary(["--host", "127.0.0.1", directory]);
});

afterAll(async () => await server[Symbol.asyncDispose]());

/** One answer to a request that is sent as it is. */
async function sent(request: string) {
  using wire = await Wire.connect(server.port);
  wire.send(request);
  return await wire.response(request.split(" ")[0]);
}

/** Asks until what a document needs is computed. */
async function untilReady(path: string): Promise<void> {
  while ((await ask(server.port, "HEAD", path)).status === 503);
}

/** Every document that names this server. */
const NAMING = ["small.torrent", "small.meta4", "small.magnet"];

test.each<[string, string[]]>([
  ["two lines", ["Host: a", "Host: b"]],
  ["the same line twice", ["Host: a", "Host: a"]],
  ["a space", ["Host: a b"]],
  ["a slash", ["Host: a/b"]],
  ["a user", ["Host: user@a"]],
  ["a port that is none", ["Host: a:b"]],
  // What a host may be called and nobody can reach
  ["an address that is none", ["Host: 1.2.3.999"]],
  ["a port past the last", ["Host: a:65536"]],
  ["an escape", ["Host: a%2fb"]],
  ["nothing", ["Host:"]],
  ["no line", []],
])("No document names a host that can't be meant: %s", async (_, lines) => {
  await untilReady("/data/small.torrent");
  const seen = await withstand(server, "small", async () => {
    const statuses = [];
    for (const name of NAMING) {
      const request = [`GET /data/${name} HTTP/1.0`, ...lines, "", ""].join("\r\n");
      statuses.push((await sent(request)).status);
    }
    expect(statuses).toEqual([400, 400, 400]);
  });
  expect(seen).toEqual(UNHARMED);
});

test("What depends on Host or Accept says so to caches", async () => {
  const listing = await ask(server.port, "GET", "/data/");
  const tracker = await ask(server.port, "GET", "/-/announce");
  expect([
    [listing.fields["vary"], listing.fields["cache-control"]],
    [tracker.fields["vary"], tracker.fields["cache-control"]],
  ]).toEqual([
    ["Accept", "no-cache"],
    [undefined, "no-store"],
  ]);
});

/** Ranges of single bytes in no order: 15 kB, where the runtime takes 16 in all fields. */
const SCATTERED = Array.from({ length: 1250 }, (_, n) => (n * 7919 * 2) % 99_998);

test.each<[string, Record<string, string>]>([
  ["ranges", { Range: `bytes=${SCATTERED.map((n) => `${n}-${n}`).join()}` }],
  ["parameters", { "Want-Repr-Digest": `a=1${";a".repeat(7000)}` }],
  ["tags", { "If-None-Match": '"a",'.repeat(3700) }],
])("Thousands of %s in one field take no time", async (_, fields) => {
  await untilReady("/data/medium.sha256");
  const statuses = new Set<number>();
  let milliseconds = 0;
  const seen = await withstand(server, "small", async () => {
    using wire = await Wire.connect(server.port);
    const began = processorSeconds(server.process.pid);
    for (let n = 0; n < 200; n++) {
      wire.request("GET", "/data/medium", fields);
      statuses.add((await wire.response()).status);
    }
    milliseconds = ((processorSeconds(server.process.pid) - began) * 1000) / 200;
  });
  const time = milliseconds < 3 ? "next to none" : `${milliseconds} ms of the processor each`;
  expect([seen, [...statuses], time]).toEqual([UNHARMED, [200], "next to none"]);
});

test.each<[string, string, string, number]>([
  ["of a length", "POST", "Content-Length: 100000000", 413],
  ["in chunks, of no length", "PUT", "Transfer-Encoding: chunked", 405],
  ["shorter than it says", "POST", "Content-Length: 60000", 405],
  ["of a GET", "GET", "Content-Length: 10000000000", 200],
  // The runtime asks for it before it counts.
  ["that waits to be asked for", "POST", "Content-Length: 100000000\r\nExpect: 100-continue", 100],
])("A body %s is not kept", async (_, method, field, expected) => {
  const wires: Wire[] = [];
  const statuses = new Set<number>();
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const seen = await withstand(server, "small", async () => {
    for (let n = 0; n < 20; n++) {
      const wire = await Wire.connect(server.port);
      wires.push(wire);
      wire.send(`${method} /data/small HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`);
      for (let sent = 0; sent < 16; sent++) wire.send(chunk);
      statuses.add((await wire.response(method)).status);
    }
  });
  for (const wire of wires) wire[Symbol.dispose]();
  expect([seen, [...statuses]]).toEqual([UNHARMED, [expected]]);
});

test.each<[string, string]>([
  ["of small files", "small"],
  ["of windows read at once", "medium"],
  ["of streamed files", "large"],
  ["of listings", ""],
  ["of nothing", "nothing"],
])(
  "Requests %s, sent without end and without reading, cost their own connections",
  async (_, path) => {
    const wires: Wire[] = [];
    const flood = `GET /data/${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(2000);
    const seen = await withstand(server, "small", async () => {
      for (let n = 0; n < 20; n++) {
        const wire = await Wire.connect(server.port);
        wires.push(wire);
        wire.pause();
        wire.send(flood);
      }
    });
    for (const wire of wires) wire[Symbol.dispose]();
    expect(seen).toEqual(UNHARMED);
  },
);

/** Bytes that a process made disks read. */
function readFromDisk(pid: number): number {
  return Number(/^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "latin1"))?.[1]);
}

testWith("dd").each<[string, number, number, string]>([
  ["many parts", 11, 24, "bytes=" + Array.from({ length: 11 }, (_, n) => range(16 * n, 15)).join()],
  ["a large window", 1, 8, range(0, 176, "bytes=")],
])("An answer that nobody waits for stops reading the disk: %s", async (_, parts, most, asked) => {
  const path = join(directory, `cold-${parts}`);
  writeSettled(path, Buffer.alloc(176 * MIB, "cold"));
  await run(["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
  // A date to come: nobody reads it for its digests meanwhile.
  settle(path, 2 ** 32);
  const { pid } = server.process;
  const before = readFromDisk(pid);
  let left = before;
  const seen = await withstand(server, "small", async () => {
    const wire = await Wire.connect(server.port);
    wire.pause();
    wire.request("GET", `/data/cold-${parts}`, { Range: asked });
    // Where all is in memory, as on tmpfs, it answers at once.
    while (readFromDisk(pid) - before < MIB && wire.begins() === "") await Bun.sleep(0);
    left = readFromDisk(pid);
    wire[Symbol.dispose]();
    // Over when nothing is read while many others are answered.
    for (let quiet = 0, last = 0; quiet < 200; quiet++) {
      await ask(server.port, "GET", "/data/small");
      const now = readFromDisk(pid);
      if (now > last) quiet = 0;
      last = now;
    }
  });
  const read = (readFromDisk(pid) - left) / MIB;
  expect([seen, read < most ? "a little" : `${Math.round(read)} MiB`]).toEqual([
    UNHARMED,
    "a little",
  ]);
});

/** `bytes=FIRST-LAST`, in MiB. */
function range(start: number, length: number, unit = ""): string {
  return `${unit}${start * MIB}-${(start + length) * MIB - 1}`;
}

/** Names as long as they may be: what lists 4000 of them is 2 MiB large. */
function startMany(): Promise<Running> {
  const site = temporaryDirectory();
  writeSettled(join(site, "small"), "x");
  mkdirSync(join(site, "many"));
  for (let n = 0; n < 4000; n++) {
    writeFileSync(join(site, "many", String(n).padStart(250, "0")), "");
  }
  return startBinary(["--host", "127.0.0.1", site]);
}

/** Connections that ask for `path` and read nothing of it. */
async function stall(port: number, path: string, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  for (let n = 0; n < count; n++) {
    const wire = await Wire.connect(port);
    wire.pause();
    wire.request("GET", `/data/${path}`);
    wires.push(wire);
  }
  return wires;
}

test("Readers that stall over a large listing hold nothing of it", async () => {
  await using many = await startMany();
  const stalled: Wire[] = [];
  const seen = await withstand(many, "small", async () => {
    stalled.push(...(await stall(many.port, "many/", 200)));
    // Behind them: when it is there, they have all begun.
    const { body } = await ask(many.port, "GET", "/data/many/");
    expect(body.length).toBeGreaterThan(2 * MIB);
  });
  for (const wire of stalled) wire[Symbol.dispose]();
  expect(seen).toEqual(UNHARMED);
});

test("Many large listings at once take turns with everybody else", async () => {
  await using many = await startMany();
  const stalled: Wire[] = [];
  const seen = await withstand(many, "small", async () => {
    stalled.push(...(await stall(many.port, "many/", 100)));
  });
  for (const wire of stalled) wire[Symbol.dispose]();
  expect(seen).toEqual(UNHARMED);
});

const FILE_POLICY =
  "sandbox allow-downloads; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src 'self'";
const DATA_POLICY =
  "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

test("Style and script of the pages are in the executable", async () => {
  const page = (await ask(server.port, "GET", "/data/")).body.toString();
  const paths = [...page.matchAll(/"(\/-\/[^"]+\.(?:css|js))"/g)].map(([, path = ""]) => path);
  const answers = [];
  for (const path of paths) {
    const { status, fields } = await ask(server.port, "GET", path, { "Accept-Encoding": "gzip" });
    answers.push([status, fields["content-encoding"], fields["content-type"]]);
  }
  expect(answers).toEqual([
    [200, "gzip", "text/css; charset=utf-8"],
    [200, "gzip", "text/javascript; charset=utf-8"],
    [200, "gzip", "text/javascript; charset=utf-8"],
  ]);
});

test.each<[string, string, string, Record<string, string>, number, string | undefined]>([
  ["a file", "GET", "small", {}, 200, undefined],
  ["HEAD", "HEAD", "small", {}, 200, undefined],
  ["a window", "GET", "small", { Range: "bytes=0-1" }, 206, undefined],
  ["parts", "GET", "small", { Range: "bytes=0-1,5-6" }, 206, undefined],
  ["a streamed file", "GET", "large", {}, 200, undefined],
  ["a streamed window", "GET", "large", { Range: "bytes=1-2000000" }, 206, undefined],
  ["not modified", "GET", "small", { "If-None-Match": "*" }, 304, undefined],
  ["a failed condition", "GET", "small", { "If-Match": '"x"' }, 412, undefined],
  ["no such range", "GET", "small", { Range: "bytes=99-" }, 416, undefined],
  ["no such range syntax", "GET", "small", { Range: "bytes=9-1" }, 400, undefined],
  ["a method", "PUT", "small", {}, 405, undefined],
  ["OPTIONS", "OPTIONS", "small", {}, 204, undefined],
  ["nothing", "GET", "nothing", {}, 404, undefined],
  ["a name that is none", "GET", "%00", {}, 400, undefined],
  ["a directory without its slash", "GET", "pages", {}, 308, undefined],
  ["the root", "GET", "../", {}, 307, undefined],
  ["a listing", "GET", "", {}, 200, PAGE_POLICY],
  ["a listing in JSON", "GET", "", { Accept: "application/json" }, 200, DATA_POLICY],
  ["a file's panel", "GET", "?file=small", {}, 200, PAGE_POLICY],
  ["a document", "GET", "small.sha256", {}, 200, undefined],
  ["the tracker", "GET", "../-/announce", {}, 200, undefined],
  // What a browser would run
  ["an index.html", "GET", "pages/", {}, 200, FILE_POLICY],
  ["a page in part", "GET", "pages/index.html", { Range: "bytes=0-7" }, 206, FILE_POLICY],
  ["a page in parts", "GET", "pages/index.html", { Range: "bytes=0-1,5-6" }, 206, FILE_POLICY],
  ["a page to HEAD", "HEAD", "pages/index.html", {}, 200, FILE_POLICY],
  ["a picture that is a document", "GET", "pages/a.svg", {}, 200, FILE_POLICY],
])("A browser neither guesses nor runs: %s", async (_, method, path, fields, status, policy) => {
  await untilReady("/data/small.sha256");
  const answer = await ask(server.port, method, `/data/${path}`, fields);
  expect([
    answer.status,
    answer.fields["x-content-type-options"],
    answer.fields["content-security-policy"],
  ]).toEqual([status, "nosniff", policy]);
});

test("Panels of long Markdown, asked for again and again, hold up nobody", async () => {
  const name = "panel.md";
  writeSettled(join(directory, name), Buffer.from("#\n".repeat(131_000)));
  let over = false;
  async function askAgain(): Promise<void> {
    while (!over) expect((await ask(server.port, "GET", `/data/?file=${name}`)).status).toBe(200);
  }
  let asking: Promise<void>[] = [];
  const seen = await withstand(
    server,
    "small",
    async () => {
      asking = Array.from({ length: 16 }, askAgain);
      await ask(server.port, "GET", `/data/?file=${name}`);
    },
    // Answers of 1.3 MB are under way to all of them.
    256,
  );
  over = true;
  await Promise.all(asking);
  expect(seen).toEqual(UNHARMED);
});

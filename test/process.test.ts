/**
 * The executable as an operator meets it: what it says, what it refuses to start with,
 * what its options change, and how signals end it.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { version } from "../package.json" with { type: "json" };
import { binary, insist, isRefused, type Running, startBinary, startSilently } from "./binary.ts";
import { type Ran, run, testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

/** A directory to serve: a file, a hidden file, and links to a file inside, to one outside and to itself. */
const ROOT = (() => {
  const parent = temporaryDirectory();
  const root = join(parent, "root");
  mkdirSync(root);
  writeFileSync(join(root, "file"), "FILE");
  writeFileSync(join(root, ".hidden"), "HIDDEN");
  writeFileSync(join(parent, "outside"), "OUTSIDE");
  symlinkSync("file", join(root, "within"));
  symlinkSync("../outside", join(root, "without"));
  symlinkSync("circle", join(parent, "circle"));
  return root;
})();
const BESIDE = dirname(ROOT);

const ADDRESSES = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .filter(({ address }) => !address.startsWith("fe80:"));

/** Runs it to its end, on a port of its own in case it starts to serve. */
async function start(...args: readonly string[]): Promise<Ran> {
  return await run([await binary(), "--port", "0", ...args]);
}

function mistake(line: string): Ran {
  return { exitCode: 2, stdout: "", stderr: `rangesrv: ${line}\n` };
}

const SEE = "; see rangesrv --help";
const PORT = `not 0 to 65535${SEE}`;
const GRACE = `not whole seconds${SEE}`;
const RATE = `not bytes a second such as 50M, at least 1k${SEE}`;
const CONNECTIONS = `not 1 to 1048576${SEE}`;
const POLICY = `not inside, all or none${SEE}`;
const INTERVAL = `not 1 to 86400 seconds${SEE}`;
const TRACKER = `not an http, https or udp URL${SEE}`;
const URL_ = `not http or https and a host alone${SEE}`;
const MIRROR = `not an http or https URL${SEE}`;
const PREFIX = `not a path of letters, digits and -._~${SEE}`;

// [arguments, the line that is printed]
const MISTAKES: [string[], string][] = [
  [[], `Missing DIR, the directory to serve${SEE}`],
  [[""], `Missing DIR, the directory to serve${SEE}`],
  [[ROOT, "/srv"], `Cannot serve "/srv" too: one directory at a time${SEE}`],
  [["absent"], 'Cannot serve "absent": no such directory'],
  [["--", "--help"], 'Cannot serve "--help": no such directory'],
  [["two\nlines"], String.raw`Cannot serve "two\nlines": no such directory`],
  [[`${ROOT}/file`], `Cannot serve "${ROOT}/file": not a directory`],
  [[`${ROOT}/file/x`], `Cannot serve "${ROOT}/file/x": not a directory`],
  [[`${BESIDE}/circle`], `Cannot serve "${BESIDE}/circle": its symbolic links lead in a circle`],
  [["--nope", ROOT], `Unknown option "--nope"${SEE}`],
  [["-x", ROOT], `Unknown option "-x"${SEE}`],
  [["--help", "--nope"], `Unknown option "--nope"${SEE}`],
  [["--prot", "80", ROOT], 'Unknown option "--prot"; did you mean --port?'],
  [["--config", "absent.toml", ROOT], 'Cannot read "absent.toml": no such file'],
  [["--config", BESIDE, ROOT], `Cannot read "${BESIDE}": not a file`],
  [["--quiet=yes", ROOT], `Option '--quiet' does not take an argument${SEE}`],
  [["--port", "-1", ROOT], `Option '--port' argument is ambiguous${SEE}`],
  [["--port=-1", ROOT], `Cannot use port "-1": ${PORT}`],
  [["--port", "65536", ROOT], `Cannot use port "65536": ${PORT}`],
  [["--port", "99999999999999999999", ROOT], `Cannot use port "99999999999999999999": ${PORT}`],
  [["--port", "80.5", ROOT], `Cannot use port "80.5": ${PORT}`],
  [["--port", "0x50", ROOT], `Cannot use port "0x50": ${PORT}`],
  [["--port", "1e3", ROOT], `Cannot use port "1e3": ${PORT}`],
  [["--port", " 80", ROOT], `Cannot use port " 80": ${PORT}`],
  [["--port", "http", ROOT], `Cannot use port "http": ${PORT}`],
  [["--port", "", ROOT], `Cannot use port "": ${PORT}`],
  [["--port", ROOT], `Cannot use port "${ROOT}": ${PORT}`],
  [["--grace", "soon", ROOT], `Cannot use grace "soon": ${GRACE}`],
  [["--grace", "1.5", ROOT], `Cannot use grace "1.5": ${GRACE}`],
  [["--grace=-1", ROOT], `Cannot use grace "-1": ${GRACE}`],
  [["--grace", "2000001", ROOT], `Cannot use grace "2000001": ${GRACE}`],
  [["--rate", "0", ROOT], `Cannot use rate "0": ${RATE}`],
  [["--rate=-1M", ROOT], `Cannot use rate "-1M": ${RATE}`],
  [["--rate", "999", ROOT], `Cannot use rate "999": ${RATE}`],
  [["--rate-client", "50MB", ROOT], `Cannot use rate "50MB": ${RATE}`],
  [["--rate-connection", "fast", ROOT], `Cannot use rate "fast": ${RATE}`],
  [["--max-client", "0", ROOT], `Cannot use limit of a client "0": ${CONNECTIONS}`],
  [["--max-downloads-client=-2", ROOT], `Cannot use limit of a client "-2": ${CONNECTIONS}`],
  [["--max-connections", "0", ROOT], `Cannot use max connections "0": ${CONNECTIONS}`],
  [["--max-connections", "all", ROOT], `Cannot use max connections "all": ${CONNECTIONS}`],
  [["--max-connections", "1048577", ROOT], `Cannot use max connections "1048577": ${CONNECTIONS}`],
  [["--symlinks", "some", ROOT], `Cannot use symlinks "some": ${POLICY}`],
  [["--log", "xml", ROOT], `Cannot use log "xml": not combined, json or off${SEE}`],
  [["--symlinks", "All", ROOT], `Cannot use symlinks "All": ${POLICY}`],
  [["--prefix", "", ROOT], `Cannot use prefix "": ${PREFIX}`],
  [["--prefix", "a b", ROOT], `Cannot use prefix "a b": ${PREFIX}`],
  [["--prefix", "/a/../b", ROOT], `Cannot use prefix "/a/../b": ${PREFIX}`],
  [["--prefix", "/%41/", ROOT], `Cannot use prefix "/%41/": ${PREFIX}`],
  [["--seed-port", "65536", ROOT], `Cannot use seed port "65536": ${PORT}`],
  [["--seed-port", "", ROOT], `Cannot use seed port "": ${PORT}`],
  [["--announce-interval", "0", ROOT], `Cannot use announce interval "0": ${INTERVAL}`],
  [["--announce-interval", "86401", ROOT], `Cannot use announce interval "86401": ${INTERVAL}`],
  [["--announce-interval", "5s", ROOT], `Cannot use announce interval "5s": ${INTERVAL}`],
  [["--tracker", "host:6969", ROOT], `Cannot use tracker "host:6969": ${TRACKER}`],
  [["--tracker", "ftp://host/", ROOT], `Cannot use tracker "ftp://host/": ${TRACKER}`],
  [["--url", "host", ROOT], `Cannot use URL "host": ${URL_}`],
  [["--url", "http://host/data/", ROOT], `Cannot use URL "http://host/data/": ${URL_}`],
  [["--mirror", "/srv", ROOT], `Cannot use mirror "/srv": ${MIRROR}`],
  [
    ["--mirror", "http://a/", "--mirror", "http://b/?c", ROOT],
    `Cannot use mirror "http://b/?c": ${MIRROR}`,
  ],
  [["hash", ROOT], `Missing --state, where digests are kept${SEE}`],
  [["hash", ROOT, "/srv"], `Cannot serve "/srv" too: one directory at a time${SEE}`],
  [["--host", "", ROOT], `Cannot use host "": not an address${SEE}`],
  [["--host", "[::1]", ROOT], `Cannot use host "[::1]": not an address${SEE}`],
  [["--host", "*", ROOT], `Cannot use host "*": not an address${SEE}`],
  [["--host", "::1]/x[", ROOT], `Cannot use host "::1]/x[": not an address${SEE}`],
  [["--host", "::1::", ROOT], `Cannot use host "::1::": not an address${SEE}`],
  [["--host", "http://a/", ROOT], `Cannot use host "http://a/": not an address${SEE}`],
  [["--host", "a..b", ROOT], "Cannot listen on a..b, port 0: no such host"],
  // RFC 5737: an address for documentation, which no machine has.
  [
    ["--host", "203.0.113.1", ROOT],
    "Cannot listen on 203.0.113.1, port 0: this machine has no such address",
  ],
];

test.each(MISTAKES)("%p is a mistake", async (args, line) => {
  expect(await start(...args)).toEqual(mistake(line));
});

test("--help fits a terminal of 80 columns, with an example", async () => {
  const { exitCode, stdout, stderr } = await start("--help");
  const lines = stdout.split("\n");
  const wide = lines.filter((line) => line.length > 80);
  expect({ exitCode, stderr, wide }).toEqual({ exitCode: 0, stderr: "", wide: [] });
  expect(stdout).toContain("\nExample: rangesrv ");
});

testWith("git")("--version tells the version, the commit built from and the runtime", async () => {
  const { exitCode, stdout, stderr } = await start("--version");
  const [, number, commit, runtime] = /^rangesrv (\S+) \((.+), Bun (\S+)\)\n$/.exec(stdout) ?? [];
  expect({ exitCode, stderr, number, runtime }).toEqual({
    exitCode: 0,
    stderr: "",
    number: version,
    runtime: Bun.version,
  });
  const git = (...args: string[]) => run(["git", ...args], import.meta.dir);
  if ((await git("rev-parse", "HEAD")).exitCode !== 0) return expect(commit).toBe("no commit");
  const { stdout: type } = await git("cat-file", "-t", commit?.replace(/\+$/, "") ?? "");
  expect(type).toBe("commit\n");
});

testWith("setpriv")("a directory that may not be read is a mistake", async () => {
  const shut = join(BESIDE, "shut");
  mkdirSync(shut, { mode: 0o711 });
  // Root may read everything. Another user must be let through to the executable first.
  for (const path of [BESIDE, dirname(await binary())]) chmodSync(path, 0o755);
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const wrapper = process.getuid?.() === 0 ? nobody : [];
  if (wrapper.length === 0) chmodSync(shut, 0o311);
  const ran = await run([...wrapper, await binary(), "--port", "0", shut]);
  expect(ran).toEqual(mistake(`Cannot serve "${shut}": permission denied`));
});

test("a port in use is a mistake", async () => {
  await using running = await startBinary([ROOT]);
  const port = String(running.port);
  const [all, one] = await Promise.all([
    start("--port", port, ROOT),
    start("--host", "127.0.0.1", "--port", port, ROOT),
  ]);
  expect([all, one]).toEqual([
    mistake(`Cannot listen on port ${port}: the port is in use`),
    mistake(`Cannot listen on 127.0.0.1, port ${port}: the port is in use`),
  ]);
});

describe("where it listens", () => {
  test("the banner names every address of both families, and each of them answers", async () => {
    await using running = await startBinary([ROOT]);
    const urls = ADDRESSES.map(({ address, family }) => {
      const authority = family === "IPv6" ? `[${address}]` : address;
      return `http://${authority}:${running.port}/data/`;
    });
    for (const url of urls) await running.printed(`  ${url}\n`);
    const [first, ...lines] = running.stderr().trimEnd().split("\n");
    expect(first).toBe(`${(await start("--version")).stdout.trim()} serves ${ROOT} at`);
    expect(lines.map((line) => line.trim()).toSorted()).toEqual(urls.toSorted());
    const answers = urls.map(async (url) => await (await fetch(`${url}file`)).text());
    expect(await Promise.all(answers)).toEqual(urls.map(() => "FILE"));
  });

  test("--host listens there alone", async () => {
    await using running = await startBinary(["--host", "127.0.0.1", ROOT]);
    expect(running.stderr().split("\n").slice(1)).toEqual([`  ${running.origin}/data/`, ""]);
    expect((await ask(running.port, "GET", "/data/file")).status).toBe(200);
    const others = ADDRESSES.filter(({ address }) => address !== "127.0.0.1");
    for (const { address } of others) {
      expect(await isRefused(running.port, address)).toBe(true);
    }
  });
});

test("--quiet prints nothing, from the start to SIGTERM", async () => {
  await using running = await startSilently(["--quiet", ROOT]);
  const { port, process: child } = running;
  expect((await ask(port, "GET", "/data/file")).body.toString()).toBe("FILE");
  child.kill("SIGTERM");
  const stdout = await child.stdout.text();
  // Nothing prints a NUL: this waits for the end.
  await running.printed("\0").catch(() => {});
  expect([await child.exited, stdout, running.stderr()]).toEqual([0, "", ""]);
});

describe("options", () => {
  // [options, target, status, body or Location]
  const ANSWERS: [string, string, number, string][] = [
    ["", "/data/file", 200, "FILE"],
    ["", "/file", 404, ""],
    ["", "/", 307, "/data/"],
    ["--prefix /", "/file", 200, "FILE"],
    ["--prefix /", "/data/file", 404, ""],
    ["--prefix other", "/other/file", 200, "FILE"],
    ["--prefix other", "/data/file", 404, ""],
    ["--prefix other", "/otherfile", 404, ""],
    ["--prefix other", "/", 307, "/other/"],
    ["--prefix /a/b/", "/a/b/file", 200, "FILE"],
    ["--prefix /a/b/", "/a/b", 308, "/a/b/"],
    ["--prefix /a/b/", "/a/file", 404, ""],
    ["", "/data/.hidden", 404, ""],
    ["--dotfiles", "/data/.hidden", 200, "HIDDEN"],
    ["", "/data/within", 200, "FILE"],
    ["", "/data/without", 404, ""],
    ["--symlinks inside", "/data/within", 200, "FILE"],
    ["--symlinks inside", "/data/without", 404, ""],
    ["--symlinks all", "/data/within", 200, "FILE"],
    ["--symlinks all", "/data/without", 200, "OUTSIDE"],
    ["--symlinks none", "/data/within", 404, ""],
    ["--symlinks none", "/data/without", 404, ""],
    ["--symlinks none", "/data/file", 200, "FILE"],
  ];

  test.each(ANSWERS)("%p: %s is answered with %d %p", async (options, target, status, text) => {
    await using running = await startBinary([...words(options), ROOT]);
    const { status: answered, fields, body } = await ask(running.port, "GET", target);
    const told = answered === 200 ? body.toString() : (fields["location"] ?? "");
    expect([answered, told]).toEqual([status, text]);
  });

  // [options, names listed]
  const LISTINGS: [string, string][] = [
    ["", "file within"],
    ["--dotfiles", ".hidden file within"],
    ["--symlinks all", "file within without"],
    ["--symlinks none", "file"],
  ];

  test.each(LISTINGS)("%p: a listing names %p", async (options, names) => {
    await using running = await startBinary([...words(options), ROOT]);
    const { body } = await ask(running.port, "GET", "/data/", { Accept: "application/json" });
    const entries = JSON.parse(body.toString()) as { readonly name: string }[];
    expect(entries.map(({ name }) => name).toSorted()).toEqual(words(names));
  });
});

describe("options from elsewhere", () => {
  /** A file of options that hide nothing. */
  const FILE = join(BESIDE, "rangesrv.toml");
  writeFileSync(FILE, `directory = ${JSON.stringify(ROOT)}\ndotfiles = true\nprefix = "/f"\n`);
  const FROM_FILE = `RANGESRV_CONFIG=${FILE}`;

  // [variables, arguments, target, status]
  test.each<[string[], string[], string, number]>([
    [[], ["--config", FILE], "/f/.hidden", 200],
    [[FROM_FILE], [], "/f/.hidden", 200],
    [[FROM_FILE, "RANGESRV_PREFIX=/v"], [], "/v/.hidden", 200],
    [[FROM_FILE, "RANGESRV_PREFIX=/v"], ["--prefix", "/a"], "/a/.hidden", 200],
    [[FROM_FILE, "RANGESRV_DOTFILES=false"], [], "/f/.hidden", 404],
    [[FROM_FILE], ["--no-dotfiles"], "/f/.hidden", 404],
    // Workers have no such variables, and don't read the file.
    [[FROM_FILE, "RANGESRV_PREFIX=/v"], ["--workers", "2"], "/v/.hidden", 200],
    [["RANGESRV_WORKERS=2"], ["--config", FILE], "/f/.hidden", 200],
  ])("%p, %p: %s is answered with %d", async (variables, args, target, status) => {
    await using running = await startBinary(args, ["env", ...variables]);
    expect((await ask(running.port, "GET", target)).status).toBe(status);
  });

  // [variables, the line that is printed]
  test.each([
    ["RANGESRV_PROT=80", 'Unknown variable "RANGESRV_PROT"; did you mean RANGESRV_PORT?'],
    ["RANGESRV_GRACE=soon", `Cannot use grace "soon": not whole seconds (RANGESRV_GRACE)${SEE}`],
    ["RANGESRV_CONFIG=absent.toml", 'Cannot read "absent.toml": no such file'],
  ])("%s is a mistake", async (variable, line) => {
    expect(await run(["env", variable, await binary(), ROOT])).toEqual(mistake(line));
  });
});

describe("--print-config", () => {
  const FILE = join(BESIDE, "printed \u007f.toml");

  test("prints each value and its source, as a file that has the same values", async () => {
    writeFileSync(FILE, 'mirror = ["http://a/", "http://b/"]\n\nprefix = "/f"\nseed = false\n');
    const variables = ["RANGESRV_GRACE=5", "STATE_DIRECTORY=/s\n", "RANGESRV_WORKERS=auto"];
    const command = ["env", ...variables, await binary(), "--config", FILE, "--print-config"];
    const printed = await run([...command, "--port", "80", "--no-dotfiles", ROOT]);
    const path = FILE.replace("\u007f", "\\u007f");
    const lines = printed.stdout.split("\n").map((line) => line.replace(/ +# /, " # "));
    expect({ ...printed, stdout: lines.filter((line) => !line.endsWith("# default")) }).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: [
        "port = 80 # flag",
        `directory = ${JSON.stringify(ROOT)} # flag`,
        `prefix = "/f" # ${path}, line 3`,
        "dotfiles = false # flag",
        'workers = "auto" # RANGESRV_WORKERS',
        "grace = 5 # RANGESRV_GRACE",
        'state = "/s\\n" # $STATE_DIRECTORY',
        `mirror = ["http://a/", "http://b/"] # ${path}, line 1`,
        `seed = false # ${path}, line 4`,
        "",
      ],
    });
    expect(lines).toContain('symlinks = "inside" # default');
    expect(lines).toContain("# host: all, IPv4 and IPv6 # default");
    const copy = join(BESIDE, "copy.toml");
    writeFileSync(copy, printed.stdout);
    const again = await run([await binary(), "--config", copy, "--print-config"]);
    const values = (text: string) => Bun.TOML.parse(text);
    expect(values(again.stdout)).toEqual(values(printed.stdout));
  });

  test("needs no DIR", async () => {
    const { exitCode, stdout } = await run([await binary(), "--print-config"]);
    expect([exitCode, stdout.includes("# directory: none")]).toEqual([0, true]);
  });

  test("refuses what a start refuses", async () => {
    expect(await run([await binary(), "--print-config", "--port", "x"])).toEqual(
      mistake(`Cannot use port "x": ${PORT}`),
    );
  });
});

describe("SIGHUP", () => {
  /** Starts it with a file of options, which the function rewrites before each signal. */
  async function startWith(first: string, ...args: string[]) {
    const path = join(temporaryDirectory(), "a.toml");
    writeFileSync(path, first);
    const running = await startBinary(["--config", path, ...args, ROOT]);
    const reload = async (text: string, line: string) => {
      writeFileSync(path, text);
      running.process.kill("SIGHUP");
      await running.printed(line);
    };
    return { running, reload, path };
  }

  /** Whether an answer may depend on Accept, as it does with --negotiate. */
  async function isNegotiated(port: number): Promise<boolean> {
    const { fields } = await ask(port, "GET", "/data/file");
    return fields["vary"] === "Accept";
  }

  test("without workers: takes what can change, says what can't", async () => {
    const { running, reload, path } = await startWith('grace = 30\nprefix = "/data"\n');
    await using _ = running;
    await reload("grace = 0\n", "SIGHUP: changes grace");
    await reload('prefix = "/x"\ngrace = 0\n', "kept /data");
    await reload("grace = ", `kept what runs: Cannot read "${path}", line 1: `);
    await reload("grce = 1", "did you mean grace?");
    using wire = await Wire.connect(running.port);
    wire.request("GET", "/data/file");
    expect((await wire.response()).body.toString()).toBe("FILE");
    running.process.kill("SIGTERM");
    expect(await running.process.exited).toBe(0);
  });

  test("with workers: the new ones have the new options", async () => {
    const { running, reload } = await startWith("", "--workers", "2");
    await using _ = running;
    expect(await isNegotiated(running.port)).toBe(false);
    await reload("negotiate = true\n", "rolling restart finished");
    const asked = Array.from({ length: 16 }, () => isNegotiated(running.port));
    expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
  });

  test("with workers: a mistake restarts none", async () => {
    const { running, reload } = await startWith("", "--workers", "2");
    await using _ = running;
    await reload("prot = 1\n", "kept what runs: Unknown key");
    await reload("", "rolling restart finished");
    expect(running.stderr().match(/rolling restart\n/g)?.length).toBe(1);
  });

  test("with workers: an edited file changes nothing for one that is replaced", async () => {
    const { running, path } = await startWith("", "--workers", "2");
    await using _ = running;
    writeFileSync(path, "negotiate = true\n");
    const { pid: parent } = running.process;
    const listed = readFileSync(`/proc/${parent}/task/${parent}/children`, "latin1");
    const children = words(listed).map(Number);
    for (const pid of children) process.kill(pid, "SIGKILL");
    for (const pid of children) await running.printed(`worker ${pid} ended`);
    await untilServed(running.port);
    expect(await isNegotiated(running.port)).toBe(false);
  });
});

/** Waits until somebody listens there. */
async function untilServed(port: number): Promise<void> {
  while (await isRefused(port)) await new Promise(setImmediate);
}

function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}

describe("the end", () => {
  /** More than the buffers of a connection hold, so that a reader that pauses is waited for. */
  const LARGE = offsetBytes(16 * 1024 * 1024);
  const directory = temporaryDirectory();
  writeSettled(join(directory, "large"), LARGE);
  writeSettled(join(directory, "small"), "SMALL");

  /** Asks for the large file and stops reading once the answer has begun. */
  async function stall(running: Running, fields: Record<string, string> = {}): Promise<Wire> {
    const wire = await Wire.connect(running.port);
    wire.request("GET", "/data/large", fields);
    await wire.waitFor(1);
    wire.pause();
    return wire;
  }

  /** How it ended, with the lines after its banner. */
  async function end(running: Running) {
    const exitCode = await running.process.exited;
    // No line has a NUL in it: this waits for the last one.
    await running.printed("\0").catch(() => {});
    const lines = running
      .stderr()
      .split("\n")
      .filter((line) => line.startsWith("rangesrv: "))
      // The next port was another program's.
      .filter((line) => !line.startsWith("rangesrv: Cannot listen on seed port"));
    return { exitCode, lines };
  }

  test.each(["SIGTERM", "SIGINT"] as const)("%s with nothing in flight", async (signal) => {
    await using running = await startBinary([directory]);
    running.process.kill(signal);
    expect(await end(running)).toEqual({ exitCode: 0, lines: ["rangesrv: stopping; 0 in flight"] });
  });

  test.each([
    ["SIGTERM", {}],
    ["SIGINT", {}],
    ["SIGTERM", { Range: "bytes=1-16777215" }],
  ] as const)("%s with a download in flight (%p)", async (signal, fields) => {
    await using running = await startBinary([directory]);
    using wire = await stall(running, fields);
    running.process.kill(signal);
    await running.printed("stopping; 1 in flight");
    await untilRefused(running.port);
    wire.resume();
    const { complete, body } = await wire.response();
    expect({ complete, same: body.equals("Range" in fields ? LARGE.subarray(1) : LARGE) }).toEqual({
      complete: true,
      same: true,
    });
    expect(await end(running)).toEqual({ exitCode: 0, lines: ["rangesrv: stopping; 1 in flight"] });
  });

  test("a multipart answer in flight is finished too", async () => {
    await using running = await startBinary([directory]);
    using wire = await stall(running, { Range: "bytes=0-7999999,8000001-16777214" });
    running.process.kill("SIGTERM");
    await running.printed("stopping; 1 in flight");
    wire.resume();
    const { complete, body } = await wire.response();
    const parts = [LARGE.subarray(0, 8000000), LARGE.subarray(8000001, 16777215)];
    expect({ complete, parts: parts.map((part) => body.includes(part)) }).toEqual({
      complete: true,
      parts: [true, true],
    });
    expect((await end(running)).exitCode).toBe(0);
  });

  test("a connection that asks for nothing doesn't delay it", async () => {
    await using running = await startBinary(["--grace", "3", directory]);
    using silent = await Wire.connect(running.port);
    using idle = await Wire.connect(running.port);
    idle.request("GET", "/data/small");
    expect((await idle.response()).complete).toBe(true);
    running.process.kill("SIGTERM");
    expect(await end(running)).toEqual({ exitCode: 0, lines: ["rangesrv: stopping; 0 in flight"] });
    expect((await idle.untilClosed()).length).toBe(0);
    // The kernel may never have told the program of this one: it hears of the end when it asks.
    silent.request("GET", "/data/small");
    expect((await silent.untilClosed()).length).toBe(0);
  });

  test.each(["first", "second"])("half of a %s request doesn't delay it", async (which) => {
    await using running = await startBinary(["--grace", "3", directory]);
    using wire = await Wire.connect(running.port);
    if (which === "second") {
      wire.request("GET", "/data/small");
      expect((await wire.response()).complete).toBe(true);
    }
    wire.send("GET /data/small HTTP/1.1\r\nHost:");
    running.process.kill("SIGTERM");
    expect(await end(running)).toEqual({ exitCode: 0, lines: ["rangesrv: stopping; 0 in flight"] });
    expect((await wire.untilClosed()).length).toBe(0);
  });

  test("a reader that stalls is waited for until the grace is over", async () => {
    await using running = await startBinary(["--grace", "1", directory]);
    using wire = await stall(running);
    running.process.kill("SIGTERM");
    expect(await end(running)).toEqual({
      exitCode: 0,
      lines: ["rangesrv: stopping; 1 in flight", "rangesrv: still 1 in flight after 1 s"],
    });
    wire.resume();
    expect((await wire.response()).complete).toBe(false);
  });

  test("the grace is what it was at the last SIGHUP", async () => {
    const path = join(temporaryDirectory(), "a.toml");
    writeFileSync(path, "grace = 2000000\n");
    await using running = await startBinary(["--config", path, directory]);
    using _ = await stall(running);
    writeFileSync(path, "grace = 0\n");
    running.process.kill("SIGHUP");
    await running.printed("SIGHUP: changes grace");
    running.process.kill("SIGTERM");
    expect((await end(running)).lines.at(-1)).toBe("rangesrv: still 1 in flight after 0 s");
  });

  test("two signals at the same moment are one", async () => {
    await using running = await startBinary([directory]);
    using wire = await stall(running);
    running.process.kill("SIGTERM");
    running.process.kill("SIGINT");
    await running.printed("stopping; 1 in flight");
    wire.resume();
    expect((await wire.response()).complete).toBe(true);
    expect(await end(running)).toEqual({ exitCode: 0, lines: ["rangesrv: stopping; 1 in flight"] });
  });

  test.each([
    ["SIGTERM", "SIGTERM"],
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGINT"],
  ] as const)("%s, then %s ends it at once", async (first, second) => {
    await using running = await startBinary([directory]);
    using wire = await stall(running);
    running.process.kill(first);
    await running.printed("stopping; 1 in flight");
    await insist(running, second);
    expect(await end(running)).toEqual({
      exitCode: 130,
      lines: ["rangesrv: stopping; 1 in flight"],
    });
    wire.resume();
    expect((await wire.response()).complete).toBe(false);
  });
});

async function untilRefused(port: number): Promise<void> {
  while (!(await isRefused(port)));
}

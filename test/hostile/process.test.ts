/**
 * What surrounds the executable: the directory that it is started in, its environment,
 * its standard streams, and signals at the worst moment.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary, type Running, startBinary, startSilently } from "../binary.ts";
import { run } from "../clients.ts";
import { temporaryDirectory, writeSettled } from "../site.ts";
import { ask } from "../wire.ts";
import { processesOf, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";

const TREE = temporaryDirectory();
writeSettled(join(TREE, "file"), "FILE");

/** Asks until the digest of the file is there, so that the process that hashes has run. */
async function askForDigest({ port }: Pick<Running, "port">): Promise<void> {
  while ((await ask(port, "GET", "/data/file.sha256")).status !== 200);
}

/** A directory with a file in it that leaves `mark` when it is run or obeyed. */
function trap(name: string, content: (mark: string) => string) {
  const directory = temporaryDirectory();
  const mark = join(directory, "mark");
  writeFileSync(join(directory, "code.ts"), `require("fs").writeFileSync("${mark}", "");`);
  if (name !== "") writeFileSync(join(directory, name), content(mark));
  return { directory, mark };
}

const PRELOAD = () => 'preload = ["./code.ts"]';
const STATE = (mark: string) => `STATE_DIRECTORY=${mark}`;
const ALIASES = () =>
  JSON.stringify({ compilerOptions: { paths: { "*": ["./code.ts"], "bun:*": ["./code.ts"] } } });
const IMPORTS = () => JSON.stringify({ imports: { "bun:ffi": "./code.ts" }, main: "./code.ts" });

// First: they wait the longest, and the others meanwhile.
describe.if(LINUX)("signals", () => {
  const startWorkers = (...args: string[]) => startBinary(["--workers", "2", ...args, TREE]);

  const workers = ({ process: { pid } }: Running) =>
    processesOf(pid).filter((one) => one !== pid && isWorker(one));

  async function until<T>(find: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined && found !== false) return found;
      await new Promise(setImmediate);
    }
  }

  /** How it ended, and what is left of it. */
  async function end(running: Running, pids: readonly number[]) {
    const exitCode = await running.process.exited;
    await until(() => !pids.some(isWorker));
    return exitCode;
  }

  test.concurrent("SIGTERM when a rolling restart has just begun", async () => {
    await using running = await startWorkers();
    const before = workers(running);
    running.process.kill("SIGHUP");
    await running.printed("rolling restart");
    running.process.kill("SIGTERM");
    expect(await end(running, before)).toBe(0);
  });

  test.concurrent("SIGTERM when a worker takes its last calls", async () => {
    await using running = await startWorkers();
    const before = workers(running);
    running.process.kill("SIGHUP");
    // Its successor listens: then it is told to close.
    await until(() => workers(running).length === 3);
    running.process.kill("SIGTERM");
    expect(await end(running, before)).toBe(0);
  });

  test.concurrent("SIGTERM while workers are being started", async () => {
    const command = [await binary(), "--port", "0", "--workers", "8", TREE];
    const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "pipe"] });
    await until(() => processesOf(child.pid).length > 1);
    child.kill("SIGTERM");
    expect([await child.exited, (await child.stderr.text()).includes("serves")]).toEqual([
      0,
      false,
    ]);
  });

  test.concurrent("SIGTERM with a worker that hangs: it is killed after the grace", async () => {
    await using running = await startWorkers("--grace", "0");
    const before = workers(running);
    const [stuck = 0] = before;
    process.kill(stuck, "SIGSTOP");
    running.process.kill("SIGTERM");
    expect([await end(running, before), running.stderr().includes(`worker ${stuck} `)]).toEqual([
      0,
      true,
    ]);
  });

  test.concurrent("SIGTERM with a worker that hangs before it listens", async () => {
    await using running = await startWorkers("--grace", "0");
    const before = workers(running);
    running.process.kill("SIGHUP");
    const [successor = 0] = await until(() => {
      const more = workers(running).filter((pid) => !before.includes(pid));
      return more.length > 0 && more;
    });
    process.kill(successor, "SIGSTOP");
    running.process.kill("SIGTERM");
    expect(await end(running, [...before, successor])).toBe(0);
  });

  test.concurrent(
    "SIGHUP with a worker that hangs: it is killed and the others follow",
    async () => {
      await using running = await startWorkers("--grace", "0");
      const before = workers(running);
      const seen = await withstand(running, "file", async () => {
        process.kill(before[0] ?? 0, "SIGSTOP");
        running.process.kill("SIGHUP");
        await running.printed("rolling restart finished");
        await until(() => !before.some(isWorker));
      });
      expect({ ...seen, workers: workers(running).length }).toEqual({ ...UNHARMED, workers: 2 });
    },
  );

  test.concurrent("a worker dies when the executable is gone: the others go on", async () => {
    const copy = join(temporaryDirectory(), "rangesrv");
    linkSync(await binary(), copy);
    await using running = await startBinary(
      ["--workers", "2", TREE],
      ["bash", "-c", 'shift; exec "$0" "$@"', copy],
    );
    unlinkSync(copy);
    const [first = 0, second = 0] = workers(running);
    const seen = await withstand(running, "file", async () => {
      process.kill(first, "SIGKILL");
      await running.printed("trying again");
    });
    expect({ ...seen, second: isWorker(second) }).toEqual({ ...UNHARMED, second: true });
    linkSync(await binary(), copy);
    await until(() => workers(running).length === 2);
  });

  test.concurrent("SIGTERM to one worker: another takes its place", async () => {
    await using running = await startWorkers();
    const before = workers(running);
    process.kill(before[0] ?? 0, "SIGTERM");
    await until(() => workers(running).some((pid) => !before.includes(pid)));
    await until(() => !isWorker(before[0] ?? 0));
    const seen = await withstand(running, "file", async () => {});
    expect({ ...seen, workers: workers(running).length }).toEqual({ ...UNHARMED, workers: 2 });
  });
});

describe.if(LINUX)("the working directory", () => {
  // [file, what is in it, arguments, environment]
  test.concurrent.each<[string, (mark: string) => string, string[], string[]]>([
    ["bunfig.toml", PRELOAD, [], []],
    ["bunfig.toml", PRELOAD, ["--workers", "2"], []],
    [".bunfig.toml", PRELOAD, [], ["HOME=."]],
    [".bunfig.toml", PRELOAD, [], ["XDG_CONFIG_HOME=."]],
    [".env", STATE, [], []],
    [".env", () => "RANGESRV_HASHER=", ["--workers", "2"], []],
    [".env.local", STATE, [], ["NODE_ENV=development"]],
    [".env.development", STATE, [], ["NODE_ENV=development"]],
    [".env.production", STATE, [], ["NODE_ENV=production"]],
    ["tsconfig.json", ALIASES, [], []],
    ["package.json", IMPORTS, [], []],
  ])("%s in it is neither run nor read (%p, %p, %p)", async (name, content, args, variables) => {
    const { directory, mark } = trap(name, content);
    const env = ["env", "-C", directory, ...variables];
    await using running = await startBinary([...args, TREE], env);
    const seen = await withstand(running, "file", () => askForDigest(running), HASHER);
    expect({ ...seen, marked: existsSync(mark) }).toEqual({ ...UNHARMED, marked: false });
  });
});

/** MiB of the process that hashes, which wasn't there before. */
const HASHER = 96;

describe.if(LINUX)("the environment", () => {
  // No variable makes the executable run what is not in it.
  test.concurrent.each([
    ["BUN_OPTIONS=--preload ./code.ts"],
    ["BUN_OPTIONS=--config=./bunfig.toml"],
    ["BUN_INSPECT_PRELOAD=./code.ts"],
    ["BUN_INSPECT=127.0.0.1:0/any"],
  ])("%s is refused", async (variable) => {
    const { directory, mark } = trap("bunfig.toml", PRELOAD);
    const command = ["env", "-C", directory, variable, await binary(), "--port", "0"];
    const { exitCode } = await run(["timeout", "20", ...command, "--quiet", TREE]);
    expect({ exitCode, marked: existsSync(mark) }).toEqual({ exitCode: 1, marked: false });
  });

  // [variables, arguments, the roles that are found]
  test.concurrent.each<[string[], string[], string[]]>([
    [["RANGESRV_HASHER="], [], ["hasher"]],
    [["RANGESRV_HASHER=/nowhere"], [], ["hasher"]],
    [["RANGESRV_WORKER=1"], [], ["hasher"]],
    [["RANGESRV_WORKER=1", "RANGESRV_HASHER="], [], ["hasher"]],
    [["RANGESRV_HASHER="], ["--workers", "2"], ["hasher", "worker and slot", "worker and slot"]],
    [["RANGESRV_WORKER=1"], ["--workers", "2"], ["hasher", "worker and slot", "worker and slot"]],
    [
      ["NODE_OPTIONS=--require ./code.ts"],
      ["--workers", "2"],
      ["hasher", "worker and slot", "worker and slot"],
    ],
  ])("with %p and %p it serves", async (variables, args, roles) => {
    const { directory, mark } = trap("", () => "");
    const env = ["env", "-C", directory, "SECRET=1", ...variables];
    await using running = await startBinary([...args, TREE], env);
    const seen = await withstand(running, "file", () => askForDigest(running), HASHER);
    const [, ...children] = processesOf(running.process.pid);
    expect({ ...seen, marked: existsSync(mark), roles: children.map(roleOf).toSorted() }).toEqual({
      ...UNHARMED,
      ...{ marked: false, roles },
    });
  });
});

/** What a child was started as, with the variables that it shouldn't have been given. */
function roleOf(pid: number): string {
  const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
  const ours = variables.filter((one) => /^RANGESRV_\w+=/.test(one));
  const roles = ours.map((one) => one.slice("RANGESRV_".length, one.indexOf("=")).toLowerCase());
  const more = variables.filter((one) => /^(?:SECRET|NODE_OPTIONS)=/.test(one));
  return [...roles, ...more].join(" and ");
}

describe.if(LINUX)("standard streams and surroundings", () => {
  /** Started through a shell, which has set up what is asked for. */
  const shell = (script: string) => ["sh", "-c", `${script}`, "sh"];

  // [why, what the shell does first]
  const SURROUNDINGS: [string, string[]][] = [
    ["stdin is closed", shell('exec "$@" <&-')],
    ["stdout is closed", shell('exec "$@" >&-')],
    ["stderr is closed", shell('exec "$@" 2>&-')],
    ["all three are closed", shell('exec "$@" <&- >&- 2>&-')],
    ["stderr is on a full disk", shell('exec "$@" 2>/dev/full')],
    ["stderr is a pipe that nobody has open", shell('exec "$@" 2> >(true)').with(0, "bash")],
    ["the working directory is deleted", shell('mkdir gone; cd gone; rmdir ../gone; exec "$@"')],
    ["there is no environment", ["env", "-i"]],
    ["there is nowhere for temporary files", ["env", "TMPDIR=/proc/no", "BUN_TMPDIR=/proc/no"]],
  ];

  for (const args of [[], ["--workers", "2"]]) {
    test.concurrent.each(SURROUNDINGS)(`%s, with ${args.join(" ")}`, async (_why, wrapper) => {
      const state = join(temporaryDirectory(), "state");
      const away = ["env", "-C", temporaryDirectory(), ...wrapper];
      await using running = await startSilently([...args, "--state", state, TREE], away);
      const seen = await withstand(running, "file", () => askForDigest(running), HASHER);
      running.process.kill("SIGTERM");
      expect({ ...seen, exitCode: await running.process.exited }).toEqual({
        ...UNHARMED,
        exitCode: 0,
      });
    });
  }

  // [what is printed, the shell's redirection, exit code]
  test.concurrent.each<[string, string, number]>([
    ["--help", ">/dev/full", 1],
    ["--version", ">/dev/full", 1],
    ["--help", ">&-", 0],
    ["absent", "2>/dev/full", 2],
    ["absent", "2>&-", 2],
  ])("%s %s ends without a trace of the program's insides", async (arg, redirection, code) => {
    const { exitCode, stdout, stderr } = await run([
      ...shell(`exec "$@" ${redirection}`),
      ...[await binary(), arg],
    ]);
    expect({ exitCode, stdout, lines: stderr.split("\n").length <= 2 }).toEqual({
      exitCode: code,
      stdout: "",
      lines: true,
    });
  });

  test.concurrent("arguments that are no UTF-8 are a mistake in one line", async () => {
    const script = 'exec "$0" "$(printf "%s/\\377" "$1")"';
    const { exitCode, stderr } = await run(["sh", "-c", script, await binary(), TREE]);
    expect([exitCode, stderr]).toEqual([
      2,
      `rangesrv: Cannot serve "${TREE}/\ufffd": no such directory\n`,
    ]);
  });

  test.concurrent("names reach a terminal without what it would obey", async () => {
    const parent = temporaryDirectory();
    const name = "a\x1b[31mb\u202ec\x7f\nd\u009be";
    mkdirSync(join(parent, name));
    writeSettled(join(parent, name, "file"), "FILE");
    await using running = await startBinary([join(parent, name)]);
    await running.printed("http://127.0.0.1");
    const { stderr } = await run([await binary(), join(parent, `${name}f`)]);
    const shown = String.raw`a\x1b[31mb\u202ec\x7f\nd\x9be`;
    expect([running.stderr().split("\n")[0]?.split(" serves ")[1], stderr]).toEqual([
      `${parent}/${shown} at`,
      `rangesrv: Cannot serve "${parent}/${shown}f": no such directory\n`,
    ]);
  });
});

/** Whether it runs and was started as a worker. */
function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes("RANGESRV_WORKER=");
  } catch {
    return false;
  }
}

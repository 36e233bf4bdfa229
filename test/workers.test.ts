/** Several processes on one port: death, replacement, rolling and the end, under load. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { binary, insist, type Running, startBinary } from "./binary.ts";
import { run } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";

async function startWorkers(count: string, ...args: string[]) {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "large"), offsetBytes(32 * 1024 * 1024));
  const running = await startBinary(["--workers", count, ...args, directory]);
  return {
    ...running,
    async [Symbol.asyncDispose]() {
      await running[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true });
    },
  };
}

/** The processes whose parent is `pid` and that serve; there is one that hashes besides. */
function children(pid: number): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((child) => parentOf(child) === pid && isWorker(child));
}

function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes("RANGESRV_WORKER=");
  } catch {
    return false;
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : Number(parent);
  } catch {
    return undefined;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Requests at full speed until told to stop: on new connections, and on ones that are kept. */
class Load {
  answered = 0;
  readonly failures: string[] = [];
  #over = false;
  readonly #loops: Promise<void>[];

  constructor(port: number, fresh: number, kept: number) {
    this.#loops = [
      ...Array.from({ length: fresh }, () => this.#ask(port, { Connection: "close" })),
      ...Array.from({ length: kept }, () => this.#keepAsking(port)),
    ];
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#loops);
  }

  async #ask(port: number, fields: Record<string, string>): Promise<void> {
    while (!this.#over) {
      try {
        using wire = await Wire.connect(port);
        wire.request("GET", "/data/small", fields);
        this.#count((await wire.response()).body.toString());
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }

  /** Connects again when it is told so, and only then. */
  async #keepAsking(port: number): Promise<void> {
    while (!this.#over) {
      try {
        using wire = await Wire.connect(port);
        for (let kept = true; kept && !this.#over;) {
          wire.request("GET", "/data/small");
          const { body, fields } = await wire.response();
          this.#count(body.toString());
          kept = fields["connection"] !== "close" && body.length > 0;
        }
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }

  #count(body: string): void {
    if (body === "SMALL") this.answered += 1;
    else this.failures.push(`answered "${body}"`);
  }
}

test.if(LINUX)("SIGHUP under load: every worker is another one, and no request fails", async () => {
  await using running = await startWorkers("3");
  const before = children(running.process.pid);
  const load = new Load(running.port, 4, 4);
  await until(() => load.answered > 1_000);
  running.process.kill("SIGHUP");
  await running.printed("rolling restart finished");
  await until(() => load.answered > 10_000);
  await load.stop();
  await until(() => children(running.process.pid).length === 3);
  const after = children(running.process.pid);
  expect({
    failures: load.failures,
    started: before.length,
    kept: after.filter((pid) => before.includes(pid)),
    count: after.length,
  }).toEqual({ failures: [], started: 3, kept: [], count: 3 });
});

test.if(LINUX)(
  "A download that began before SIGHUP is finished by the worker that began it",
  async () => {
    await using running = await startWorkers("2");
    using wire = await Wire.connect(running.port);
    wire.request("GET", "/data/large");
    await wire.waitFor(1_000);
    wire.pause();
    running.process.kill("SIGHUP");
    await running.printed("rolling restart finished");
    wire.resume();
    const { body, complete } = await wire.response();
    expect({ complete, exact: body.equals(offsetBytes(32 * 1024 * 1024)) }).toEqual({
      complete: true,
      exact: true,
    });
  },
);

test.if(LINUX)(
  "kill -9 of a worker under load loses no more than its own connections",
  async () => {
    await using running = await startWorkers("3");
    const before = children(running.process.pid);
    const load = new Load(running.port, 4, 4);
    await until(() => load.answered > 1_000);
    process.kill(before[0] ?? 0, "SIGKILL");
    await running.printed("replacing it");
    await until(() => children(running.process.pid).length === 3);
    const since = load.answered;
    const lost = load.failures.length;
    await until(() => load.answered > since + 3_000);
    await load.stop();
    // Eight requests are under way at once, and each can be lost once.
    expect({
      few: lost <= 8,
      later: load.failures.slice(lost),
      line: /rangesrv: worker \d+ ended with SIGKILL; replacing it in \d+ ms\n/.test(
        running.stderr(),
      ),
    }).toEqual({ few: true, later: [], line: true });
  },
);

test.if(LINUX)("kill -9 of the supervisor leaves no orphan", async () => {
  await using running = await startWorkers("3");
  const workers = children(running.process.pid);
  running.process.kill("SIGKILL");
  await running.process.exited;
  await until(() => workers.every((pid) => parentOf(pid) === undefined));
  expect(workers.length).toBe(3);
});

// As systemd and a terminal send it: to the supervisor and to each worker, in no order.
test.if(LINUX).each([["supervisor"], ["workers"]])(
  "SIGTERM to the whole group, %s first, finishes what is in flight and ends with 0",
  async (first) => {
    await using running = await startWorkers("2");
    const supervisor = running.process.pid;
    const workers = children(supervisor);
    using wire = await Wire.connect(running.port);
    wire.request("GET", "/data/large");
    await wire.waitFor(1_000);
    wire.pause();
    const group = first === "workers" ? [...workers, supervisor] : [supervisor, ...workers];
    // One that has nothing to do may have ended before its turn.
    await run(["kill", "-TERM", ...group.map(String)]);
    await running.printed("stopping");
    wire.resume();
    const { body, complete } = await wire.response();
    const exitCode = await running.process.exited;
    expect({ complete, length: body.length, exitCode, left: workers.filter(parentOf) }).toEqual({
      complete: true,
      length: 32 * 1024 * 1024,
      exitCode: 0,
      left: [],
    });
  },
);

test.if(LINUX)("SIGTERM when every worker has just ended ends the supervisor too", async () => {
  await using running = await startWorkers("2");
  const workers = children(running.process.pid);
  await run(["kill", "-KILL", ...workers.map(String)]);
  running.process.kill("SIGTERM");
  expect(await running.process.exited).toBe(0);
});

test.if(LINUX)("A second SIGTERM ends all at once", async () => {
  await using running = await startWorkers("2");
  const workers = children(running.process.pid);
  using wire = await Wire.connect(running.port);
  wire.request("GET", "/data/large");
  await wire.waitFor(1_000);
  wire.pause();
  running.process.kill("SIGTERM");
  await running.printed("stopping");
  await insist(running, "SIGTERM");
  const exitCode = await running.process.exited;
  await until(() => workers.every((pid) => parentOf(pid) === undefined));
  expect(exitCode).toBe(130);
});

test.if(LINUX)("A port that workers share is in use for everybody else", async () => {
  await using running: Running = await startWorkers("2");
  const port = String(running.port);
  const second = await run([await binary(), "--port", port, "--workers", "2", "/tmp"]);
  const third = await run([await binary(), "--port", port, "/tmp"]);
  const refused = {
    exitCode: 2,
    stdout: "",
    stderr: `rangesrv: Cannot listen on port ${port}: the port is in use\n`,
  };
  expect([second, third]).toEqual([refused, refused]);
});

test.if(LINUX)(
  "auto is one worker for each processor, at most eight; 1 is a single process",
  async () => {
    const counts = [];
    for (const count of ["auto", "1"]) {
      await using running = await startWorkers(count);
      const { status } = await ask(running.port, "GET", "/data/small");
      counts.push([status, children(running.process.pid).length]);
    }
    const processors = Math.min(navigator.hardwareConcurrency, 8);
    expect(counts).toEqual([
      [200, processors === 1 ? 0 : processors],
      [200, 0],
    ]);
  },
);

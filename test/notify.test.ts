/** What the executable tells systemd, received by a socket of the test's own. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, startBinary } from "./binary.ts";
import { PYTHON } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(20_000);

const ROOT = temporaryDirectory();
writeSettled(join(ROOT, "large"), offsetBytes(32 * 1024 * 1024));

interface Told {
  readonly pid: number;
  /** Microseconds. */
  readonly clock: number;
  readonly text: string;
}

/** A socket, and what came to it. */
async function receive(address: string) {
  const child = Bun.spawn([PYTHON, join(import.meta.dir, "notify-socket.py"), address], {
    ...{ stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  });
  // A test that waits in vain ends all the same.
  child.unref();
  const told: Told[] = [];
  let wake: () => void = () => {};
  const bound = Promise.withResolvers<void>();
  void (async () => {
    let rest = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "{}") bound.resolve();
        else told.push(JSON.parse(line) as Told);
      }
      wake();
    }
  })();
  await bound.promise;
  return {
    told,
    /** Waits for a message, the first behind `index` of which this is true. */
    async until(isIt: (text: string) => boolean, index = 0): Promise<Told> {
      for (;;) {
        const found = told.slice(index).find(({ text }) => isIt(text));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    [Symbol.dispose]: () => child.kill(),
  };
}

const has = (line: string) => (text: string) => text.split("\n").includes(line);

/** Starts the executable with a socket to tell things to. */
async function startTold(address: string, args: readonly string[], watchdog = 60_000) {
  const receiver = await receive(address);
  const variables = [`NOTIFY_SOCKET=${address}`, `WATCHDOG_USEC=${watchdog * 1000}`];
  const running = await startBinary(args, ["env", ...variables]);
  return {
    ...receiver,
    running,
    async [Symbol.asyncDispose]() {
      receiver[Symbol.dispose]();
      await running[Symbol.asyncDispose]();
    },
  };
}

function children({ process: { pid } }: Running): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1");
  return listed.trim().split(" ").filter(Boolean).map(Number);
}

const ADDRESSES = {
  path: () => join(temporaryDirectory(), "notify"),
  name: () => `@rangesrv-test-${process.pid}-${crypto.randomUUID()}`,
};

describe.if(process.platform === "linux")("systemd is told", () => {
  test.concurrent.each([
    ["path", "1"],
    ["name", "1"],
    ["path", "2"],
  ] as const)("from start to end, at a %s, with %s workers", async (kind, workers) => {
    const path = join(temporaryDirectory(), "a.toml");
    writeFileSync(path, "grace = 30\n");
    const args = ["--config", path, "--workers", workers, ROOT];
    await using server = await startTold(ADDRESSES[kind](), args);
    const { running, told, until } = server;
    const ready = await until(has("READY=1"));
    // It listens, or nobody would answer.
    expect((await ask(running.port, "GET", "/-/ready")).status).toBe(200);
    const before = told.length;
    writeFileSync(path, "grace = 0\n");
    running.process.kill("SIGHUP");
    const reloading = await until((text) => text.startsWith("RELOADING=1\n"), before);
    const [, microseconds] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(reloading.text) ?? [];
    const again = await until(has("READY=1"), before);
    expect({
      inOrder: ready.clock <= Number(microseconds) && reloading.clock < again.clock,
      // The clock is systemd's: what was sent is a moment before what was received.
      sameClock: Math.abs(reloading.clock - Number(microseconds)) < 10_000_000,
      reloaded: running.stderr().includes("SIGHUP: changes grace"),
    }).toEqual({ inOrder: true, sameClock: true, reloaded: true });
    running.process.kill("SIGTERM");
    await until(has("STOPPING=1"));
    await running.process.exited;
    expect([...new Set(told.map(({ pid }) => pid))]).toEqual([running.process.pid]);
  });

  test.concurrent("a mistake ends a reload too", async () => {
    const path = join(temporaryDirectory(), "a.toml");
    writeFileSync(path, "");
    await using server = await startTold(ADDRESSES.path(), ["--config", path, ROOT]);
    const { running, told, until } = server;
    await until(has("READY=1"));
    const before = told.length;
    writeFileSync(path, "prot = 1\n");
    running.process.kill("SIGHUP");
    await until(has("READY=1"), before);
    expect(running.stderr()).toContain("kept what runs");
  });

  test.concurrent("signals that come together are one reload", async () => {
    await using server = await startTold(ADDRESSES.path(), ["--workers", "2", ROOT]);
    const { running, told, until } = server;
    await until(has("READY=1"));
    const before = told.length;
    running.process.kill("SIGHUP");
    running.process.kill("SIGHUP");
    await until(has("READY=1"), before);
    expect(running.stderr().match(/rolling restart finished/g)?.length).toBe(1);
  });

  test.concurrent.each(["1", "2"])("what is sent, with %s workers", async (workers) => {
    await using server = await startTold(ADDRESSES.path(), ["--workers", workers, ROOT]);
    const { running, told, until } = server;
    await until(has("STATUS=0 downloads, 0 MB/s"));
    using wire = await Wire.connect(running.port);
    wire.request("GET", "/data/large");
    await wire.waitFor(1);
    wire.pause();
    await until((text) => text.includes("STATUS=1 download, "));
    const before = told.length;
    wire.resume();
    await wire.response();
    await until(has("STATUS=0 downloads, 0 MB/s"), before);
    // Of 60 seconds not half are over.
    expect(told.filter(({ text }) => has("WATCHDOG=1")(text))).toEqual([]);
  });

  test.concurrent("that it answers, while all workers do", async () => {
    const args = ["--workers", "2", ROOT];
    await using stuck = await startTold(ADDRESSES.path(), args, 400);
    await using clock = await startTold(ADDRESSES.path(), args, 400);
    await stuck.until(has("WATCHDOG=1"));
    const [worker = 0] = children(stuck.running);
    process.kill(worker, "SIGSTOP");
    const since = stuck.told.length;
    // The time is told by another that is as old, and whose workers answer.
    for (let n = 0; n < 10; n++) await clock.until(has("WATCHDOG=1"), clock.told.length);
    const later = stuck.told.slice(since).filter(({ text }) => has("WATCHDOG=1")(text));
    process.kill(worker, "SIGCONT");
    await stuck.until(has("WATCHDOG=1"), stuck.told.length);
    // One answer may have been under way.
    expect(later.length).toBeLessThanOrEqual(1);
  });

  test.concurrent("by the first process alone: the others have no such variable", async () => {
    await using server = await startTold(ADDRESSES.path(), ["--workers", "2", ROOT]);
    const { running, until } = server;
    await until(has("READY=1"));
    await ask(running.port, "GET", "/data/large.sha256");
    const found = children(running).map((pid) => readFileSync(`/proc/${pid}/environ`, "latin1"));
    expect(found.map((text) => /NOTIFY_SOCKET|WATCHDOG/.test(text))).toEqual([false, false, false]);
  });

  test.concurrent.each(["/nowhere/at/all", "relative", "@", "vsock:2:1", ""])(
    "nothing at %p, and it serves",
    async (address) => {
      await using running = await startBinary([ROOT], ["env", `NOTIFY_SOCKET=${address}`]);
      expect((await ask(running.port, "GET", "/-/ready")).status).toBe(200);
    },
  );
});

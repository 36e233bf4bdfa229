/** Processes that are stopped, hang, end or fail, and one whose parent is gone. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identityAt, settle, temporaryDirectory } from "../test/site.ts";
import { isRunning, WatchedHasher } from "../test/watched-hasher.ts";
import type { HasherOptions } from "./hasher-child.ts";
import { fileJob, type Job } from "./job.ts";

setDefaultTimeout(30_000);

const LINUX = process.platform === "linux";

function start(options: Partial<HasherOptions> = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const hasher = new WatchedHasher({ directory: undefined, log, ...options });
  return { hasher, lines, [Symbol.dispose]: () => hasher[Symbol.dispose]() };
}

/** A program in place of the hasher. */
function program(source: string): string[] {
  return [process.execPath, "-e", source];
}

/** A file that takes hours to read. */
function endless(): Job {
  const path = join(temporaryDirectory(), "endless");
  writeFileSync(path, "");
  truncateSync(path, 2 ** 39);
  settle(path);
  return fileJob(identityAt(path));
}

/** Asks for a job; `begun` tells whether the hasher began to read it. */
function ask(hasher: WatchedHasher, job = endless()) {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<true>();
  const { signal } = controller;
  const answer = hasher.hash(job, { urgent: true, progress: () => resolve(true), signal });
  const begun = Promise.race([promise, answer.then(() => false)]);
  return { answer, begun, withdraw: () => controller.abort() };
}

/** Asks until a job is begun: on a busy machine a start may take longer than the silence here. */
async function begin(hasher: WatchedHasher) {
  for (;;) {
    const asked = ask(hasher);
    if (await asked.begun) return asked;
    while (hasher.wait > 0) await new Promise(setImmediate);
  }
}

test.if(LINUX)("A hasher that is stopped is killed, and another is started", async () => {
  using started = start({ silence: 250, delay: 10 });
  const { hasher, lines } = started;
  const first = await begin(hasher);
  const pid = hasher.pid ?? 0;
  process.kill(pid, "SIGSTOP");
  const answer = await first.answer;
  while (hasher.wait > 0) await new Promise(setImmediate);
  const second = await begin(hasher);
  second.withdraw();
  expect({
    answer,
    second: await second.answer,
    another: hasher.pid !== pid,
    line: lines.some((line) => line.startsWith(`hasher ${pid} gave no sign of life for 0.5 s; `)),
  }).toEqual({ answer: { kind: "lost" }, second: { kind: "lost" }, another: true, line: true });
});

test("Progress that a program sends before it hangs is received", async () => {
  // Like a hasher that hangs at a disk: the message must have left the process.
  const hangs = program(`
    process.on("message", ({ id }) => {
      process.send({ kind: "progress", id, progress: { done: 0, rate: undefined } });
      for (;;);
    });
  `);
  using started = start({ command: hangs, silence: 250, delay: 1 });
  const asked = await begin(started.hasher);
  expect(await asked.answer).toEqual({ kind: "lost" });
});

test("A program that ends at once is started later and later", async () => {
  using started = start({ command: program("process.exit(3)"), delay: 100 });
  const { hasher, lines } = started;
  const answers: unknown[] = [];
  for (let n = 0; n < 3; n++) {
    answers.push(await ask(hasher).answer);
    answers.push((await hasher.find(new Uint8Array(20))).kind);
    while (hasher.wait > 0) await new Promise(setImmediate);
  }
  expect({ answers, lines: lines.map((line) => line.replace(/\d+/, "PID")) }).toEqual({
    answers: Array.from({ length: 3 }, () => [{ kind: "lost" }, "lost"]).flat(),
    lines: [0.1, 0.2, 0.4].map(
      (seconds) => `hasher PID ended with code 3; starting none for ${seconds} s`,
    ),
  });
});

test("A failure that the hasher reports is a log line, its question is lost, and it goes on", async () => {
  const fails = program(`
    process.on("message", ({ id }) => {
      process.send({ kind: "no-answer", id, reason: "no memory", code: undefined });
    });
  `);
  using started = start({ command: fails, directory: temporaryDirectory() });
  const { hasher, lines } = started;
  const job = endless();
  const answers = [await ask(hasher, job).answer, await hasher.find(new Uint8Array(20))];
  expect({ answers, wait: hasher.wait, lines }).toEqual({
    answers: [{ kind: "lost" }, { kind: "lost" }],
    wait: 0,
    lines: [
      `cannot hash ${job.path}: Error: no memory`,
      "cannot look up an info hash: Error: no memory",
    ],
  });
});

test.if(LINUX)("A hasher ends when its parent is gone", async () => {
  const script = `
    import { fileJob } from "${join(import.meta.dir, "job.ts")}";
    import { identityAt } from "${join(import.meta.dir, "../test/site.ts")}";
    import { WatchedHasher } from "${join(import.meta.dir, "../test/watched-hasher.ts")}";
    const hasher = new WatchedHasher({ log() {} });
    const progress = () => process.stdout.write(String(hasher.pid) + " ");
    const { signal } = new AbortController();
    const job = fileJob(identityAt(process.argv[1]));
    await hasher.hash(job, { urgent: false, progress, signal });
  `;
  await using parent = Bun.spawn([process.execPath, "-e", script, endless().path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const reader = parent.stdout.getReader();
  const { value } = await reader.read();
  const pid = Number.parseInt(new TextDecoder().decode(value));
  parent.kill("SIGKILL");
  while (isRunning(pid)) await new Promise(setImmediate);
  expect(pid).toBeGreaterThan(1);
});

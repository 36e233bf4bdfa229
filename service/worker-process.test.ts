/** A worker's process as its supervisor sees it. */

import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { WorkerProcess } from "./worker-process.ts";

/** Answers each ping, and ends when it is told to stop. */
const ANSWERS = `
  process.on("message", ({ kind }) => {
    if (kind === "stop") process.exit(0);
    process.send({ kind: "pong", activity: { downloads: 1, bytes: 2 } });
  });
  process.send({ kind: "ready" });`;

function countPromises(): number {
  Bun.gc(true);
  return heapStats().objectTypeCounts["Promise"] ?? 0;
}

test("What a worker answered is not kept", async () => {
  const ended = Promise.withResolvers<unknown>();
  const worker = new WorkerProcess({
    ...{ handed: "", log: () => {}, answers: {}, ended: ended.resolve },
    command: [process.execPath, "-e", ANSWERS],
  });
  await worker.ready;
  await worker.ping();
  const before = countPromises();
  for (let n = 0; n < 1000; n++) await worker.ping();
  const kept = countPromises() - before;
  const { activity } = worker;
  worker.send({ kind: "stop" });
  await ended.promise;
  await worker.ping();
  expect([activity, kept < 100 ? "few" : kept, await worker.closed]).toEqual([
    { downloads: 1, bytes: 2 },
    "few",
    "ended with code 0",
  ]);
});

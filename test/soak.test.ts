/**
 * What is left of load: descriptors and memory of the executable's process, and no
 * byte of a wrong version. `bun bench/soak.ts` does the same for longer.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Running, startBinary } from "./binary.ts";
import {
  abortDownloads,
  inTurn,
  type Kind,
  type Loaded,
  observe,
  type Phase,
  prepare,
  requestChanging,
  stallReaders,
} from "./load.ts";
import { temporaryDirectory } from "./site.ts";

// Real processes and many megabytes take longer than a unit.
setDefaultTimeout(60_000);

const testOnLinux = test.skipIf(process.platform !== "linux");

const directory = temporaryDirectory();
let running: Running;
let server: Loaded;

beforeAll(async () => {
  running = await startBinary(["--host", "127.0.0.1", directory]);
  server = { port: running.port, pid: running.process.pid, directory };
  if (process.platform === "linux") await prepare(server);
});

afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

/** Descriptors that are left, and whether the process kept within `most` MiB more than before. */
function describe({ descriptors, memory }: Phase, most: number) {
  const [before, , after] = descriptors;
  const [resident, peak] = memory;
  return {
    left: after - before,
    grownBy: peak - resident <= most ? `at most ${most} MiB` : `${peak - resident} MiB`,
  };
}

// Measured: 17, 19 and 117 MiB. Parts are a stream each, which waits for the garbage collector.
for (const [kind, requests, most] of [
  ["window", 1, 64],
  ["small windows", 8, 64],
  ["parts", 1, 256],
] as const satisfies readonly (readonly [Kind, number, number])[]) {
  testOnLinux(`200 downloads given up and 100 stalled leave nothing behind: ${kind}`, async () => {
    const phase = await observe(server, inTurn(abortDownloads(200, kind), stallReaders(100, kind)));
    const [before, during] = phase.descriptors;
    const observed = [phase.answers, during - before >= 100, describe(phase, most)];
    expect(observed).toEqual([
      { 206: 200 + requests, stalled: 99 },
      true,
      { left: 0, grownBy: `at most ${most} MiB` },
    ]);
  });
}

testOnLinux("2000 answers about changing files are one version each", async () => {
  const phase = await observe(server, requestChanging(2000, "delete"));
  const {
    200: whole = 0,
    206: partial = 0,
    404: deleted = 0,
    416: past = 0,
    ...rest
  } = phase.answers;
  const observed = [rest, whole + partial + deleted + past, whole > 500, partial > 500];
  expect([...observed, describe(phase, 64)]).toEqual([
    { "404 of deleted": 14 },
    2000,
    true,
    true,
    { left: 0, grownBy: "at most 64 MiB" },
  ]);
});

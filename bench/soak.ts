/**
 * Rounds of load on the executable, and what is left of each: `bun bench/soak.ts`.
 * Prints a line a load, and ends with code 1 when a byte or a status was wrong, a
 * descriptor stayed open or memory grew.
 */

import { startBinary } from "../test/binary.ts";
import {
  abortDownloads,
  KINDS,
  type Load,
  observe,
  type Phase,
  prepare,
  requestChanging,
  stallReaders,
} from "../test/load.ts";
import { removeTemporaryDirectories, temporaryDirectory } from "../test/site.ts";

const ROUNDS = 3;
const ABORTED = 1000;
const STALLED = 500;
const REQUESTS = 10_000;

/** MiB. 500 streams of 64 KiB chunks, several of them on their way, and what isn't collected yet. */
const MOST_MEMORY = 512;
/** MiB that the last round may leave more than the first. */
const MOST_GROWTH = 64;

const LOADS: Record<string, Load> = {
  ...Object.fromEntries(
    KINDS.map((kind) => [`${ABORTED} given up: ${kind}`, abortDownloads(ABORTED, kind)]),
  ),
  ...Object.fromEntries(
    KINDS.map((kind) => [`${STALLED} stalled: ${kind}`, stallReaders(STALLED, kind)]),
  ),
  [`${REQUESTS} of changing files`]: requestChanging(REQUESTS, "leave"),
};

function row(
  name: string,
  { answers, descriptors, memory, seconds }: Phase,
): Record<string, unknown> {
  return {
    load: name,
    answers: Object.entries(answers)
      .map(([seen, count]) => `${seen}: ${count}`)
      .join("  "),
    descriptors: descriptors.join(" / "),
    "MiB resident": memory.join(" / "),
    seconds: seconds.map((one) => one.toFixed(1)).join(" + "),
  };
}

function findFaults({ answers, descriptors, memory }: Phase): string[] {
  const faults = Object.keys(answers).filter((seen) => !/^(\d{3}|stalled)$/.test(seen));
  if (descriptors[2] > descriptors[0])
    faults.push(`${descriptors[2] - descriptors[0]} descriptors left`);
  if (memory[1] > MOST_MEMORY) faults.push(`${memory[1]} MiB resident`);
  return faults;
}

const directory = temporaryDirectory();
const faults: string[] = [];
try {
  await using running = await startBinary(["--host", "127.0.0.1", directory]);
  const server = { port: running.port, pid: running.process.pid, directory };
  await prepare(server);
  console.log(
    "descriptors: before / at the heaviest / after; resident: before / peak / after; seconds: load + until no descriptor is left",
  );
  const left: number[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const rows: Record<string, unknown>[] = [];
    for (const [name, load] of Object.entries(LOADS)) {
      const phase = await observe(server, load);
      rows.push(row(name, phase));
      faults.push(...findFaults(phase).map((fault) => `Round ${round}, ${name}: ${fault}`));
      left[round] = phase.memory[2];
    }
    console.log(`\nRound ${round}`);
    console.table(rows);
  }
  const growth = left[ROUNDS]! - left[1]!;
  console.log(
    `\nFrom the end of the first round to that of the last, memory grew by ${growth} MiB.`,
  );
  if (growth > MOST_GROWTH) faults.push(`Memory grew by ${growth} MiB`);
} finally {
  removeTemporaryDirectories();
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

/**
 * Hashing a file for all of its digests, beside sha256sum and sha1sum one after the
 * other, each pinned to one core and the file in memory: `bun bench/digests.ts`.
 */

import { rmSync, statSync } from "node:fs";
import { hashJob } from "../digests/hashing.ts";
import { fileJob } from "../digests/job.ts";
import { factsOf, identityOf } from "../files/identity.ts";
import { row, spread, table, writeFile } from "./setup.ts";

const LENGTH = 1024 ** 3;
const ROUNDS = 3;
const PATH = `/dev/shm/rangesrv-digests-${process.pid}`;

/** Seconds that a command takes, pinned to one core. */
async function time(command: readonly string[]): Promise<number> {
  const began = performance.now();
  const pinned = ["taskset", "-c", "0", ...command];
  const child = Bun.spawn(pinned, { stdio: ["ignore", "ignore", "inherit"] });
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed`);
  return (performance.now() - began) / 1000;
}

async function hashOnce(path: string): Promise<void> {
  const file = identityOf(path, factsOf(statSync(path, { bigint: true })));
  const outcome = await hashJob(fileJob(file), () => new Promise(setImmediate));
  if (outcome.kind !== "digested") throw new Error(outcome.kind);
}

/** Seconds, and how much faster `all` was than the two one after the other. */
type Round = Record<"sha256sum" | "sha1sum" | "all" | "ratio", number>;

async function compare(): Promise<void> {
  writeFile(PATH, LENGTH);
  try {
    const rounds: Round[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      const sha256sum = await time(["sha256sum", PATH]);
      const sha1sum = await time(["sha1sum", PATH]);
      const all = await time([process.execPath, import.meta.path, PATH]);
      rounds.push({ sha256sum, sha1sum, all, ratio: (sha256sum + sha1sum) / all });
    }
    const figures = (key: keyof Round) => {
      const values = rounds.map((round) => round[key]);
      return spread(values, 2);
    };
    process.stdout.write(
      table(
        ["1 GiB in memory, one core", "seconds"],
        [
          row("sha256sum", figures("sha256sum")),
          row("sha1sum", figures("sha1sum")),
          row("rangesrv: SHA-256, SHA-256 and SHA-1 of the pieces", figures("all")),
          row("speed, both programs together being 1", figures("ratio")),
        ],
      ),
    );
  } finally {
    rmSync(PATH);
  }
}

const [path] = process.argv.slice(2);
await (path === undefined ? compare() : hashOnce(path));

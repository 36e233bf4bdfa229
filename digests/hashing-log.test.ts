import { expect, test } from "bun:test";
import { HashingLog } from "./hashing-log.ts";
import { fileJob } from "./job.ts";

const FACTS = { path: "/f", inode: 1n, size: 3 * 1024 ** 3, modified: 1n, changed: 1n };

// [why, [milliseconds, percent] of each telling, the lines]
test.each<[string, readonly (readonly [number, number])[], string[]]>([
  [
    "a short job",
    [
      [0, 0],
      [4_999, 90],
    ],
    [],
  ],
  [
    "a long one, at most every ten seconds",
    [
      [0, 0],
      [5_000, 10],
      [14_999, 30],
      [15_000, 31],
      [20_000, 60],
      [25_000, 70],
    ],
    [
      "hashing /f: 10 % of 3.0 GiB",
      "hashing /f: 31 % of 3.0 GiB",
      "hashing /f: 70 % of 3.0 GiB",
      "hashing /f: ended",
    ],
  ],
  [
    "a longer one, at most every ten percent",
    [
      [0, 0],
      [5_000, 1],
      [20_000, 5],
      [60_000, 10],
      [70_000, 11],
    ],
    ["hashing /f: 1 % of 3.0 GiB", "hashing /f: 11 % of 3.0 GiB", "hashing /f: ended"],
  ],
])("%s", (_why, tellings, expected) => {
  const lines: string[] = [];
  const log = new HashingLog((line) => void lines.push(line));
  const job = fileJob(FACTS);
  for (const [now, percent] of tellings) log.progressed(job, percent, now);
  log.ended(job);
  log.ended(job);
  expect(lines).toEqual(expected);
});

import { expect, test } from "bun:test";
import { type Identity } from "../files/identity.ts";
import { isSettled, isTooLarge, type Job, keyOf } from "./job.ts";

const FACTS: Identity = {
  path: '/srv/"a"\n\ud800',
  inode: 2n ** 63n,
  size: 2 ** 52 - 1,
  modified: -1n,
  changed: -2n,
};
const JOB: Job = { kind: "folder", path: "/srv", files: [FACTS, FACTS], pieceLength: 65536 };

test("Every part of a job makes another key", () => {
  const changes: Job[] = [
    JOB,
    { ...JOB, kind: "file" },
    { ...JOB, path: "/srv2" },
    { ...JOB, pieceLength: 131072 },
    { ...JOB, files: [FACTS] },
    ...[{ path: "/p" }, { inode: 1n }, { size: 1 }, { modified: 1n }, { changed: 1n }].map(
      (change) => ({
        ...JOB,
        files: [FACTS, { ...FACTS, ...change }],
      }),
    ),
  ];
  const keys = changes.map((job) => Buffer.from(keyOf(job)).toString("hex"));
  expect(new Set(keys).size).toBe(10);
});

test.each<[string, readonly number[], boolean]>([
  ["1 TiB", [1024 ** 4], false],
  ["a byte more", [1024 ** 4, 1], true],
  ["as many files as are allowed", new Array<number>(10_000).fill(0), false],
  ["one more", new Array<number>(10_001).fill(0), true],
])("Too large: %s", (_why, sizes, expected) => {
  expect(isTooLarge({ ...JOB, files: sizes.map((size) => ({ ...FACTS, size })) })).toBe(expected);
});

test.each<[string, number, boolean]>([
  ["just now", 10_000, false],
  ["two seconds ago", 12_000, false],
  ["more than that", 12_001, true],
  ["in the future", 9_000, false],
])("Settled: %s", (_why, now, expected) => {
  expect(isSettled({ ...FACTS, modified: 10_000_000_000n }, now)).toBe(expected);
});

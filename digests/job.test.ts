import { expect, test } from "bun:test";
import { type FileFacts } from "../files/identity.ts";
import { formatJob, isSettled, isTooLarge, type Job, keyOf, parseJob } from "./job.ts";

const FACTS: FileFacts = {
  path: '/srv/"a"\n\ud800',
  device: 2n ** 64n - 1n,
  inode: 2n ** 63n,
  size: 2 ** 52 - 1,
  modified: -1n,
};
const JOB: Job = { kind: "folder", path: "/srv", files: [FACTS, FACTS], pieceLength: 65536 };

test("A job is read as it was written", () => {
  expect(parseJob(formatJob(JOB))).toEqual(JOB);
});

const GOOD = JSON.stringify({
  kind: "file",
  path: "/",
  pieceLength: 1,
  files: [["/", 1, "2", "3", "4"]],
});

test.each<[string, string]>([
  ["no JSON", "{"],
  ["null", "null"],
  ["a number", "5"],
  ["an empty object", "{}"],
  ["another kind", GOOD.replace('"file"', '"link"')],
  ["no path", GOOD.replace('"path":"/"', '"path":1')],
  ["no piece length", GOOD.replace('"pieceLength":1', '"pieceLength":"1"')],
  ["no list", GOOD.replace(/\[\[.*\]\]/, "{}")],
  ["files that are none", GOOD.replace(/\[\[.*\]\]/, "[1]")],
  ["a file without a path", GOOD.replace('["/"', "[1")],
  ["a file without a size", GOOD.replace('"/",1', '"/","1"')],
  ["a number that is none", GOOD.replace('"2"', '"2n"')],
  ["a number that is missing", GOOD.replace(',"4"', "")],
])("Not a job: %s", (_why, text) => {
  expect([parseJob(GOOD) === undefined, parseJob(text)]).toEqual([false, undefined]);
});

test("Every part of a job but the device makes another key", () => {
  const changes: Job[] = [
    JOB,
    { ...JOB, kind: "file" },
    { ...JOB, path: "/srv2" },
    { ...JOB, pieceLength: 131072 },
    { ...JOB, files: [FACTS] },
    ...[{ path: "/p" }, { inode: 1n }, { size: 1 }, { modified: 1n }].map((change) => ({
      ...JOB,
      files: [FACTS, { ...FACTS, ...change }],
    })),
  ];
  const keys = changes.map((job) => Buffer.from(keyOf(job)).toString("hex"));
  const device = keyOf({ ...JOB, files: [{ ...FACTS, device: 1n }, FACTS] });
  expect([new Set(keys).size, Buffer.from(device).toString("hex")]).toEqual([9, keys[0] ?? ""]);
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

import { expect, test } from "bun:test";
import { BackOff } from "./back-off.ts";
import { fileJob, type Job } from "./job.ts";

/** A version of a file that was written at a time, in seconds. */
function written(seconds: number, path = "/log"): Job {
  const modified = BigInt(seconds) * 1_000_000_000n;
  return fileJob({ path, inode: 1n, size: 5, modified, changed: 1n });
}

/** Seconds until it may be read. */
function waits(backOff: BackOff, job: Job, now: number): number {
  return backOff.wait(job, now * 1000) / 1000;
}

test.each<[string, number[], number, number, number]>([
  ["never failed", [], 100, 100, 0],
  ["failed once", [100], 99, 100, 2],
  ["failed once, and written since", [100], 101, 101, 2],
  ["failed once, and left alone", [100], 99, 102, 0],
  ["failed twice", [100, 103], 102, 103, 4],
  ["failed twice, and written every three seconds", [100, 103], 3000, 3002, 2],
  ["failed three times", [100, 103, 110], 109, 110, 8],
  ["failed often: some minutes, not more", Array(50).fill(100), 100, 100, 300],
  ["a date of long ago, as a copy keeps it", [100, 103], 5, 104, 3],
  ["a date in the future counts as now", [100], 1e6, 100, 2],
])("A file that %s", (_why, failures, modified, now, expected) => {
  const backOff = new BackOff();
  for (const at of failures) backOff.failed(written(at), at * 1000);
  expect(waits(backOff, written(modified), now)).toBe(expected);
});

test("A folder waits for the file in it that was written last", () => {
  const backOff = new BackOff();
  const [old] = written(1).files;
  const [fresh] = written(101).files;
  const job: Job = { kind: "folder", path: "/d", files: [fresh!, old!], pieceLength: 65536 };
  backOff.failed(job, 100_000);
  expect(waits(backOff, job, 102)).toBe(1);
});

test("A path is forgotten when it succeeded, or when 10 000 others failed later", () => {
  const backOff = new BackOff();
  backOff.failed(written(1, "/a"), 1000);
  backOff.failed(written(1, "/b"), 1000);
  backOff.succeeded(written(1, "/a"));
  const before = [written(1, "/a"), written(1, "/b")].map((job) => waits(backOff, job, 1));
  for (let n = 0; n < 10_000; n++) backOff.failed(written(1, `/${n}`), 1000);
  const after = [written(1, "/b"), written(1, "/0")].map((job) => waits(backOff, job, 1));
  expect({ before, after }).toEqual({ before: [0, 2], after: [0, 2] });
});

/** The bound, the order, and that nothing is found of another version. */

import { expect, test } from "bun:test";
import { type Identity } from "../files/identity.ts";
import { fileJob, type Job } from "./job.ts";
import { DigestMemory, type Learned } from "./memory.ts";

const FACTS: Identity = { path: "/f", inode: 2n, size: 3, modified: 4n, changed: 5n };

function learned(length: number): Learned {
  return { kind: "folder", sha1Pieces: new Uint8Array(length) };
}

test.each<[string, Partial<Identity>, boolean]>([
  ["the same", {}, true],
  ["another path", { path: "/g" }, false],
  ["another inode", { inode: 5n }, false],
  ["another size", { size: 5 }, false],
  ["another time", { modified: 5n }, false],
  ["another change", { changed: 6n }, false],
])("Found of %s: only of the very version", (_why, change, found) => {
  const memory = new DigestMemory(1e6);
  memory.keep(fileJob(FACTS), learned(20));
  const job = { ...fileJob({ ...FACTS, ...change }), path: FACTS.path };
  expect(memory.find(job) !== undefined).toBe(found);
});

test("A folder is not a file, nor one of other files or other pieces", () => {
  const memory = new DigestMemory(1e6);
  const folder: Job = { kind: "folder", path: "/f", files: [FACTS], pieceLength: 65536 };
  memory.keep(folder, learned(20));
  const others: Job[] = [
    folder,
    { ...folder, kind: "file" },
    { ...folder, path: "/" },
    { ...folder, files: [] },
    { ...folder, files: [FACTS, FACTS] },
    { ...folder, pieceLength: 131072 },
  ];
  const found = others.map((job) => memory.find(job) !== undefined);
  expect(found).toEqual([true, false, false, false, false, false]);
});

test("Beyond the bound what was asked for least recently goes first; too large stays out", () => {
  const memory = new DigestMemory(18_000);
  const jobs = ["/a", "/b", "/c", "/d"].map((path) => fileJob({ ...FACTS, path }));
  const [a, b, c, d] = jobs;
  if (!a || !b || !c || !d) throw new Error("Four jobs");
  memory.keep(a, learned(5_000));
  memory.keep(b, learned(5_000));
  memory.find(a);
  memory.keep(c, learned(5_000));
  memory.keep(c, learned(6_000));
  memory.keep(d, learned(20_000));
  expect({ left: jobs.map((job) => memory.find(job) !== undefined), bytes: memory.bytes }).toEqual({
    left: [true, false, true, false],
    bytes: 5_000 + 6_000 + 2 * 1032,
  });
});

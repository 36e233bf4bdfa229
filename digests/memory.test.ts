/** The bound, the order, and that nothing is found of another version. */

import { expect, test } from "bun:test";
import { type Identity } from "../files/identity.ts";
import { fileJob, filesJob, type Job } from "./job.ts";
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

test("A folder's torrent and the digests of its files are kept side by side", () => {
  const memory = new DigestMemory(1e6);
  const folder: Job = { kind: "folder", path: "/d", files: [FACTS], pieceLength: 65536 };
  memory.keep(folder, learned(20));
  memory.keep(filesJob(folder), { kind: "files", files: [] });
  expect([memory.find(folder)?.kind, memory.find(filesJob(folder))?.kind]).toEqual([
    "folder",
    "files",
  ]);
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
  expect(jobs.map((job) => memory.find(job) !== undefined)).toEqual([true, false, true, false]);
});

test("The digests of a file are found by its version alone", () => {
  const memory = new DigestMemory(1e6);
  const digests = {
    ...{ completeLength: 3, sha256: new Uint8Array(32), sha1Pieces: new Uint8Array(20) },
    ...{ pieceLength: 65536, sha256Pieces: new Uint8Array(32), sha256PieceLength: 1048576 },
  };
  memory.keep(fileJob(FACTS), { kind: "file", digests });
  memory.keep({ ...fileJob({ ...FACTS, path: "/folder" }), kind: "folder" }, learned(20));
  const files = [FACTS, { ...FACTS, changed: 6n }, { ...FACTS, path: "/folder" }];
  expect(files.map((file) => memory.findFile(file))).toEqual([digests, undefined, undefined]);
});

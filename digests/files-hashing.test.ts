/** The SHA-256 of each file of a folder: what is read, what is found, and how it ends. */

import { expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { identityAt, offsetBytes, temporaryDirectory, writeSettled } from "../test/site.ts";
import { FilesHashing } from "./files-hashing.ts";
import { type Digested, filesJob, type Job, type Outcome } from "./job.ts";

const CONTENTS = [offsetBytes(3_000_000, "a"), Buffer.of(), offsetBytes(5, "c")];

/** A folder of three files, settled long ago. */
function makeFolder(): Job {
  const path = temporaryDirectory();
  const files = CONTENTS.map((content, n) => {
    writeSettled(join(path, `${n}`), content);
    return identityAt(join(path, `${n}`));
  });
  return filesJob({ kind: "folder", path, files, pieceLength: 65536 });
}

/** A store that keeps in memory what it is given. */
function makeStore() {
  const rows = new Map<string, Digested>();
  return {
    rows,
    find: (job: Job) => rows.get(job.path),
    keep: (job: Job, digested: Digested) => rows.set(job.path, digested) !== undefined,
  };
}

/** Reads to the end. */
function finish(hashing: FilesHashing): { outcome: Outcome; steps: number } {
  for (let steps = 1; ; steps++) {
    const outcome = hashing.advance();
    if (outcome !== undefined) return { outcome, steps };
  }
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Digest and pieces of each file, in hexadecimal. */
function plain(outcome: Outcome): unknown {
  if (outcome.kind !== "digested" || outcome.digested.kind !== "files") return outcome.kind;
  return outcome.digested.files.map(({ sha256, sha256Pieces, sha256PieceLength }) => [
    sha256.toHex(),
    sha256Pieces.toHex(),
    sha256PieceLength,
  ]);
}

const MEBI = 1024 * 1024;
const EXPECTED = CONTENTS.map((content) => {
  const pieces = Array.from({ length: Math.ceil(content.length / MEBI) }, (_, n) =>
    sha256(content.subarray(n * MEBI, (n + 1) * MEBI)),
  );
  return [sha256(content), pieces.join(""), MEBI];
});

test("Each file is read once; those in the store aren't read", () => {
  const job = makeFolder();
  const store = makeStore();
  using first = new FilesHashing(job, store);
  const read = finish(first);
  using second = new FilesHashing(job, store);
  const found = finish(second);
  expect([
    plain(read.outcome),
    first.done,
    store.rows.size,
    plain(found.outcome),
    found.steps,
  ]).toEqual([EXPECTED, 3_000_005, 3, EXPECTED, 1]);
});

test("A file that changes ends the job, and what was finished before is stored", () => {
  const job = makeFolder();
  const store = makeStore();
  appendFileSync(job.files[2]!.path, "more");
  using hashing = new FilesHashing(job, store);
  expect([plain(finish(hashing).outcome), [...store.rows.keys()]]).toEqual([
    "changed",
    job.files.slice(0, 2).map(({ path }) => path),
  ]);
});

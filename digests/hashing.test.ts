/** Digests compared with those of node:crypto, and files that change while they are read. */

import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { identityAt, offsetBytes, settle, temporaryDirectory, writeSettled } from "../test/site.ts";
import { Hashing, hashJob } from "./hashing.ts";
import { fileJob, type Job, type Outcome } from "./job.ts";

const PIECE = 64 * 1024;
const MIB = 1024 * 1024;

function hash(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

/** Hexadecimal digests of the pieces of `bytes`. */
function pieces(algorithm: string, bytes: Uint8Array, length: number): string {
  const starts = Array.from({ length: Math.ceil(bytes.length / length) }, (_, n) => n * length);
  return starts.map((start) => hash(algorithm, bytes.subarray(start, start + length))).join("");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** An outcome as plain values. */
function plain(outcome: Outcome): unknown {
  if (outcome.kind !== "digested") return outcome;
  const { digested } = outcome;
  if (digested.kind === "folder") return { sha1Pieces: hex(digested.sha1Pieces) };
  if (digested.kind === "files") return digested;
  const { sha256, sha1Pieces, sha256Pieces, ...rest } = digested.digests;
  return {
    ...rest,
    sha256: hex(sha256),
    sha1Pieces: hex(sha1Pieces),
    sha256Pieces: hex(sha256Pieces),
  };
}

const noRest = () => Promise.resolve();

test.each<[string, number, number, number]>([
  ["an empty file, which has no pieces", 0, PIECE, 0],
  ["one byte", 1, PIECE, 1],
  ["a byte less than a piece", PIECE - 1, PIECE, 1],
  ["a piece", PIECE, PIECE, 1],
  ["a byte more than a piece", PIECE + 1, PIECE, 2],
  ["several pieces", 5 * PIECE, PIECE, 5],
  ["several pieces and a byte", 5 * PIECE + 1, PIECE, 6],
  ["more pieces than there is room for at first", 65 * PIECE, PIECE, 65],
  ["many more", 257 * PIECE + 1, PIECE, 258],
  ["a chunk of reading", MIB, PIECE, 16],
  ["a byte more than a chunk", MIB + 1, PIECE, 17],
  ["pieces longer than a chunk", 5 * MIB + 3, 2 * MIB, 3],
])("%s (%d bytes, pieces of %d)", async (_why, length, pieceLength, count) => {
  const bytes = offsetBytes(length);
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, bytes);
  const job = { ...fileJob(identityAt(path)), pieceLength };
  const done: number[] = [];
  const outcome = await hashJob(job, async (read) => void done.push(read));
  expect({ outcome: plain(outcome), done: done.at(-1) ?? 0 }).toEqual({
    outcome: {
      completeLength: length,
      sha256: hash("sha256", bytes),
      pieceLength,
      sha1Pieces: pieces("sha1", bytes, pieceLength),
      sha256PieceLength: MIB,
      sha256Pieces: pieces("sha256", bytes, MIB),
    },
    done: length,
  });
  expect(pieces("sha1", bytes, pieceLength).length).toBe(count * 40);
});

test.each<[string, readonly number[]]>([
  ["no file", []],
  ["empty files only", [0, 0]],
  ["pieces that end with their files", [PIECE, 2 * PIECE]],
  ["pieces over several files", [1, 0, PIECE, PIECE - 2, 7, 3 * PIECE]],
  ["a file of several chunks between two short ones", [5, 3 * MIB + 1, 9]],
])("A folder's pieces go over its files end to end: %s", async (_why, lengths) => {
  const path = temporaryDirectory();
  const contents = lengths.map((length, n) => offsetBytes(length, String(n)));
  const files = contents.map((bytes, n) => {
    writeSettled(join(path, `${n}`), bytes);
    return identityAt(join(path, `${n}`));
  });
  const job: Job = { kind: "folder", path, files, pieceLength: PIECE };
  expect(plain(await hashJob(job, noRest))).toEqual({
    sha1Pieces: pieces("sha1", Buffer.concat(contents), PIECE),
  });
});

/** Two chunks and 5 bytes: the file can change after the first chunk, and after the last. */
const LENGTH = 2 * MIB + 5;

test.each<[string, (path: string) => void]>([
  ["written to in place", (path) => writeFileSync(path, offsetBytes(LENGTH, "x"))],
  ["cut", (path) => truncateSync(path, MIB)],
  ["made longer", (path) => appendFileSync(path, "more")],
  ["touched", (path) => settle(path, 1_000_000_001)],
])("A file that is %s meanwhile has no digests", async (_why, change) => {
  const outcomes: unknown[] = [];
  for (const moment of [MIB, LENGTH]) {
    const path = join(temporaryDirectory(), "file");
    writeSettled(path, offsetBytes(LENGTH));
    const job = fileJob(identityAt(path));
    outcomes.push(await hashJob(job, async (done) => void (done === moment && change(path))));
  }
  expect(outcomes).toEqual([{ kind: "changed" }, { kind: "changed" }]);
});

test.each<[string, (path: string) => void]>([
  ["deleted", (path) => rmSync(path)],
  [
    "replaced",
    (path) => {
      writeSettled(`${path}.new`, "NEW");
      renameSync(`${path}.new`, path);
    },
  ],
])("A file that is %s meanwhile is another: it has no digests", async (_why, change) => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, offsetBytes(LENGTH));
  const outcome = await hashJob(fileJob(identityAt(path)), async (done) => {
    if (done === MIB) change(path);
  });
  expect(outcome).toEqual({ kind: "changed" });
});

test.each<[string, (path: string) => void, Outcome]>([
  ["deleted", (path) => rmSync(path), { kind: "changed" }],
  ["written to", (path) => writeSettled(path, "SIX BYTES"), { kind: "changed" }],
  ["touched", (path) => utimesSync(path, 5, 5), { kind: "changed" }],
  [
    "replaced by one of the same size and date",
    (path) => {
      writeSettled(`${path}.new`, "NEW");
      renameSync(`${path}.new`, path);
    },
    { kind: "changed" },
  ],
  [
    "replaced by a directory",
    (path) => {
      rmSync(path);
      mkdirSync(path);
    },
    { kind: "changed" },
  ],
  [
    "replaced by a FIFO",
    (path) => {
      rmSync(path);
      Bun.spawnSync(["mkfifo", path]);
    },
    { kind: "changed" },
  ],
])("A file that was %s before has no digests", async (_why, change, expected) => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  const job = fileJob(identityAt(path));
  change(path);
  expect(await hashJob(job, noRest)).toEqual(expected);
});

test("A failure of the disk is told by its code", async () => {
  const directory = temporaryDirectory();
  const job = fileJob({ ...identityAt(directory), path: `${directory}/${"x".repeat(300)}` });
  expect(await hashJob(job, noRest)).toEqual({
    kind: "unreadable",
    path: job.path,
    code: "ENAMETOOLONG",
  });
});

test("An error thrown between two chunks ends the job and is thrown on, whatever its code", async () => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, offsetBytes(LENGTH));
  const job = fileJob(identityAt(path));
  const stop = Object.assign(new Error("stop"), { code: "EACCES" });
  await expect(hashJob(job, () => Promise.reject(stop))).rejects.toBe(stop);
});

/** Hashes a file of LENGTH bytes that is closed between all chunks. `meanwhile` runs after the first. */
function hashWithPauses(meanwhile: (path: string) => void): unknown {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, offsetBytes(LENGTH));
  using hashing = new Hashing(fileJob(identityAt(path)));
  for (let chunks = 1; ; chunks++) {
    const outcome = hashing.advance();
    if (outcome !== undefined) return plain(outcome);
    hashing.pause();
    if (chunks === 1) meanwhile(path);
  }
}

test.each<[string, (path: string) => void, unknown]>([
  [
    "the same version",
    () => {},
    expect.objectContaining({ sha256: hash("sha256", offsetBytes(LENGTH)) }),
  ],
  ["gone", (path) => rmSync(path), { kind: "changed" }],
  ["another version", (path) => settle(path, 1_000_000_001), { kind: "changed" }],
  [
    "another file",
    (path) => {
      writeSettled(`${path}.new`, offsetBytes(LENGTH, "x"));
      renameSync(`${path}.new`, path);
    },
    { kind: "changed" },
  ],
])("A file that was closed between two chunks and is then %s", (_why, meanwhile, expected) => {
  expect(hashWithPauses(meanwhile)).toEqual(expected);
});

test("A folder of empty files takes few calls", () => {
  const path = temporaryDirectory();
  writeSettled(join(path, "empty"), "");
  const files = Array.from({ length: 250 }, () => identityAt(join(path, "empty")));
  using hashing = new Hashing({ kind: "folder", path, files, pieceLength: PIECE });
  // Nothing is read of a file that has only just changed.
  while (Date.now() - statSync(join(path, "empty")).ctimeMs < 25);
  const outcomes = [hashing.advance(), hashing.advance(), hashing.advance()];
  expect(outcomes.map((outcome) => outcome?.kind)).toEqual([undefined, undefined, "digested"]);
});

/**
 * A job is what is hashed in one reading: a file, or a folder. It names versions of
 * files, so its digests are of these versions, or there are none.
 */

import { COMPARED, type Identity, isSame } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import { represent } from "../http/representation.ts";
import { LONGEST_FILE, MOST_FILES, type MOST_PIECES, pieceLengthFor } from "./piece-length.ts";

/**
 * A file has all digests; a folder those of the pieces of its files end to end (BEP 3).
 * `files`: a folder again, for the SHA-256 of each of its files.
 */
export interface Job {
  readonly kind: "file" | "folder" | "files";
  /** Real path of the file or folder. */
  readonly path: string;
  /** One for a file; for a folder in the order of the torrent. */
  readonly files: readonly Identity[];
  /** Bytes of every piece but the last. */
  readonly pieceLength: number;
}

export type Digested =
  | { readonly kind: "file"; readonly digests: Digests }
  /** 20 bytes a piece. */
  | { readonly kind: "folder"; readonly sha1Pieces: Uint8Array }
  /** In the order of the job's files. */
  | { readonly kind: "files"; readonly files: readonly FileDigests[] };

/** What documents about a folder say of one file. */
export interface FileDigests {
  /** Of the whole file: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Of its pieces in order, 32 bytes each; none in a folder of more than {@link MOST_PIECES}. */
  readonly sha256Pieces: Uint8Array;
  /** Bytes of each piece but the last. */
  readonly sha256PieceLength: number;
}

/** How reading a job ended. */
export type Outcome =
  | { readonly kind: "digested"; readonly digested: Digested }
  /** A file is another version than the job names, or became one. */
  | { readonly kind: "changed" }
  /** The disk failed at the file `path`, with a code such as EACCES. */
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string };

/** What the store has for an info hash: a job, and the names it has below the root. */
export interface Place {
  /** Of the job: {@link keyOf}. */
  readonly key: Uint8Array;
  readonly segments: readonly string[];
}

export function fileJob(file: Identity): Job {
  const { path, size } = file;
  return { kind: "file", path, files: [file], pieceLength: pieceLengthFor(size) };
}

/** The job for the SHA-256 of each file of a folder. */
export function filesJob(folder: Job): Job {
  return { ...folder, kind: "files" };
}

/** What a job takes the place of: an older version of the same, and nothing else. */
export function slotOf({ kind, path }: Job): string {
  return kind === "files" ? `${path}/` : path;
}

/** Bytes to read. */
export function lengthOf({ files }: Pick<Job, "files">): number {
  return files.reduce((length, { size }) => length + size, 0);
}

export function isTooLarge(job: Job): boolean {
  return job.files.length > MOST_FILES || lengthOf(job) > LONGEST_FILE;
}

/** Whether a later change of the file gets another time stamp. `now` in milliseconds. */
export function isSettled({ size, modified }: Identity, now: number): boolean {
  return represent({ size, modified, name: "" }, now).settled;
}

/** Whether both have the same files in the same versions, and the same piece length. */
export function isSameJob(a: Job, b: Job): boolean {
  if (a.kind !== b.kind || a.path !== b.path || a.pieceLength !== b.pieceLength) return false;
  if (a.files.length !== b.files.length) return false;
  return a.files.every((file, n) => {
    const other = b.files[n];
    return other !== undefined && isSame("digests", file, other);
  });
}

/** The store's key of a job: SHA-256 over kind, path, piece length and versions. */
export function keyOf(job: Job): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(JSON.stringify([job.kind, job.path, job.pieceLength]));
  for (const file of job.files) {
    hasher.update(JSON.stringify(COMPARED.digests.map((fact) => String(file[fact]))));
  }
  return hasher.digest();
}

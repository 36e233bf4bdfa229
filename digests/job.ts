/**
 * What there is to hash, and what came of it. A job names versions, not paths: its
 * digests are of these files as they were, or there are none.
 */

import { COMPARED, type Identity, isSame } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import { represent } from "../http/representation.ts";
import { LONGEST_FILE, MOST_FILES, pieceLengthFor } from "./piece-length.ts";

/** A file, for all of its digests; or a folder, for the pieces of its files end to end (BEP 3). */
export interface Job {
  readonly kind: "file" | "folder";
  /** The real one of the file, or of the folder. */
  readonly path: string;
  /** One for a file; for a folder in the order in which their bytes are cut. */
  readonly files: readonly Identity[];
  /** Bytes of every piece but the last. */
  readonly pieceLength: number;
}

export type Digested =
  | { readonly kind: "file"; readonly digests: Digests }
  /** 20 bytes a piece. */
  | { readonly kind: "folder"; readonly sha1Pieces: Uint8Array };

/** How hashing ended. */
export type Outcome =
  | { readonly kind: "digested"; readonly digested: Digested }
  /** What stands there isn't, or didn't stay, the version of the job. */
  | { readonly kind: "changed" }
  /** The disk failed, with a code such as EACCES; the path is of the file that did. */
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string };

/** What is kept of an info hash: the key of the job that it is of, and where that was asked for. */
export interface Place {
  readonly key: Uint8Array;
  /** Names below the root. */
  readonly segments: readonly string[];
}

export function fileJob(file: Identity): Job {
  const { path, size } = file;
  return { kind: "file", path, files: [file], pieceLength: pieceLengthFor(size) };
}

/** Bytes to read. */
export function lengthOf({ files }: Pick<Job, "files">): number {
  return files.reduce((length, { size }) => length + size, 0);
}

export function isTooLarge(job: Job): boolean {
  return job.files.length > MOST_FILES || lengthOf(job) > LONGEST_FILE;
}

/** Whether no other change can hide behind the same time stamp at `now`, in milliseconds. */
export function isSettled({ size, modified }: Identity, now: number): boolean {
  return represent({ size, modified, name: "" }, now).settled;
}

/** Whether both are about the same versions, cut into the same pieces. */
export function isSameJob(a: Job, b: Job): boolean {
  if (a.kind !== b.kind || a.path !== b.path || a.pieceLength !== b.pieceLength) return false;
  if (a.files.length !== b.files.length) return false;
  return a.files.every((file, n) => {
    const other = b.files[n];
    return other !== undefined && isSame("digests", file, other);
  });
}

/** 32 bytes that tell jobs apart: SHA-256 over kind, path, piece length and versions. */
export function keyOf(job: Job): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(JSON.stringify([job.kind, job.path, job.pieceLength]));
  for (const file of job.files) {
    hasher.update(JSON.stringify(COMPARED.digests.map((fact) => String(file[fact]))));
  }
  return hasher.digest();
}

import { factsOf, type FileFacts } from "../files/identity.ts";
/**
 * What there is to hash, and what came of it. A job names versions, not paths: its
 * digests are of these files as they were, or there are none.
 */
import type { Digests } from "../http/digest.ts";
import { represent } from "../http/representation.ts";
import { LONGEST_FILE, MOST_FILES, pieceLengthFor } from "./piece-length.ts";

/** A file, for all of its digests; or a folder, for the pieces of its files end to end (BEP 3). */
export interface Job {
  readonly kind: "file" | "folder";
  /** Absolute: of the file, or of the folder. */
  readonly path: string;
  /** One for a file; for a folder in the order in which their bytes are cut. */
  readonly files: readonly FileFacts[];
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

/** The 20 bytes by which a swarm knows what a job is about; undefined when no torrent is made of it. */
export type InfoHashOf = (job: Job, sha1Pieces: Uint8Array) => Uint8Array | undefined;

export function fileJob(file: FileFacts): Job {
  const { path, size } = file;
  return { kind: "file", path, files: [factsOf(file)], pieceLength: pieceLengthFor(size) };
}

/** Bytes to read. */
export function lengthOf({ files }: Pick<Job, "files">): number {
  return files.reduce((length, { size }) => length + size, 0);
}

export function isTooLarge(job: Job): boolean {
  return job.files.length > MOST_FILES || lengthOf(job) > LONGEST_FILE;
}

/** Whether no other change can hide behind the same time stamp at `now`, in milliseconds. */
export function isSettled({ size, modified }: FileFacts, now: number): boolean {
  return represent({ size, modified, name: "" }, now).settled;
}

/** Whether both are about the same versions, cut into the same pieces. */
export function isSameJob(a: Job, b: Job): boolean {
  if (a.kind !== b.kind || a.path !== b.path || a.pieceLength !== b.pieceLength) return false;
  return (
    a.files.length === b.files.length && a.files.every((file, n) => isSameFile(file, b.files[n]))
  );
}

function isSameFile(a: FileFacts, b: FileFacts | undefined): boolean {
  return (
    a.modified === b?.modified &&
    a.size === b.size &&
    a.inode === b.inode &&
    a.device === b.device &&
    a.path === b.path
  );
}

/**
 * 32 bytes that tell jobs apart: SHA-256 over kind, path, piece length and versions.
 * The inode is among them, since files with a fixed date and a fixed size do get
 * replaced; the device is not, since its number changes with the order of disks.
 */
export function keyOf(job: Job): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256");
  hasher.update(JSON.stringify([job.kind, job.path, job.pieceLength]));
  for (const { path, size, modified, inode } of job.files) {
    hasher.update(JSON.stringify([path, size, String(modified), String(inode)]));
  }
  return hasher.digest();
}

/** A job as text, for `parseJob`. */
export function formatJob({ kind, path, files, pieceLength }: Job): string {
  return JSON.stringify({
    kind,
    path,
    pieceLength,
    files: files.map((file) => [
      file.path,
      file.size,
      String(file.modified),
      String(file.inode),
      String(file.device),
    ]),
  });
}

/** Undefined for what `formatJob` doesn't write. */
export function parseJob(text: string): Job | undefined {
  const parsed: unknown = parseJson(text);
  if (typeof parsed !== "object" || parsed === null) return undefined;
  if (!("kind" in parsed && "path" in parsed && "pieceLength" in parsed && "files" in parsed)) {
    return undefined;
  }
  const { kind, path, pieceLength } = parsed;
  if (kind !== "file" && kind !== "folder") return undefined;
  if (typeof path !== "string" || typeof pieceLength !== "number") return undefined;
  if (!Array.isArray(parsed.files)) return undefined;
  const files = parsed.files.map(parseFacts);
  const whole = files.filter((file) => file !== undefined);
  return whole.length === files.length ? { kind, path, files: whole, pieceLength } : undefined;
}

function parseFacts(parsed: unknown): FileFacts | undefined {
  if (!Array.isArray(parsed)) return undefined;
  const [path, size, ...numbers]: unknown[] = parsed;
  const [modified, inode, device] = numbers.map((number) =>
    typeof number === "string" && /^-?\d+$/.test(number) ? BigInt(number) : undefined,
  );
  if (typeof path !== "string" || typeof size !== "number") return undefined;
  if (modified === undefined || inode === undefined || device === undefined) return undefined;
  return { path, device, inode, size, modified };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * A row of digests: its values, how long each must be for a job, and the seal over
 * them. Any program may have written the database, so a value is read only when it has
 * the right type and length.
 */

import { type Digested, type Job, keyOf, lengthOf } from "./job.ts";
import { sha256PieceLengthFor } from "./piece-length.ts";

export interface Row {
  readonly key: Uint8Array;
  /** Empty for a folder, and so are the pieces. */
  readonly sha256: Uint8Array;
  readonly sha1_pieces: Uint8Array;
  readonly sha256_pieces: Uint8Array;
  readonly seal: Uint8Array;
  readonly used: number;
}

/** Selects the row of a job, if its values have the lengths that {@link lengthsOf} tells. */
export const OF_JOB = `FROM digest WHERE key = $key AND typeof(sha256) = 'blob'
  AND typeof(sha1_pieces) = 'blob' AND typeof(sha256_pieces) = 'blob' AND typeof(seal) = 'blob'
  AND length(sha256) = $sha256 AND length(sha1_pieces) = $sha1Pieces
  AND length(sha256_pieces) = $sha256Pieces AND length(seal) = 32`;

/** A job's key, and how many bytes its digests have. */
export function lengthsOf(job: Job) {
  const length = lengthOf(job);
  const isFile = job.kind === "file";
  return {
    $key: keyOf(job),
    $sha256: isFile ? 32 : 0,
    $sha1Pieces: 20 * Math.ceil(length / job.pieceLength),
    $sha256Pieces: isFile ? 32 * Math.ceil(length / sha256PieceLengthFor(length)) : 0,
  };
}

const NOTHING = new Uint8Array();

export function write(job: Job, digested: Digested, used: number): Row {
  if (digested.kind === "files") throw new RangeError("Each file of a folder has a row of its own");
  const unsealed =
    digested.kind === "file"
      ? {
          key: keyOf(job),
          sha256: digested.digests.sha256,
          sha1_pieces: digested.digests.sha1Pieces,
          sha256_pieces: digested.digests.sha256Pieces,
        }
      : {
          key: keyOf(job),
          sha256: NOTHING,
          sha1_pieces: digested.sha1Pieces,
          sha256_pieces: NOTHING,
        };
  return { ...unsealed, seal: sealOf(unsealed), used };
}

/** A row as SQLite's named parameters. */
export function named(row: Row & { readonly path: string }) {
  const { key, path, sha256, sha1_pieces, sha256_pieces, seal, used } = row;
  return {
    ...{ $key: key, $path: path, $sha256: sha256, $sha1_pieces: sha1_pieces },
    ...{ $sha256_pieces: sha256_pieces, $seal: seal, $used: used },
  };
}

export function read(row: Row, job: Job): Digested {
  const { sha256, sha1_pieces: sha1Pieces, sha256_pieces: sha256Pieces } = row;
  if (job.kind === "folder") return { kind: "folder", sha1Pieces };
  const { pieceLength } = job;
  const completeLength = lengthOf(job);
  const sha256PieceLength = sha256PieceLengthFor(completeLength);
  const pieces = { sha1Pieces, pieceLength, sha256Pieces, sha256PieceLength };
  return { kind: "file", digests: { completeLength, sha256, ...pieces } };
}

/** Whether the values are as they were written. */
export function isSealed(row: Row): boolean {
  return Buffer.from(sealOf(row)).equals(row.seal);
}

/** SHA-256 over the values, each after its length: 32 bytes. */
function sealOf(row: Omit<Row, "seal" | "used">): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256");
  const { key, sha256, sha1_pieces, sha256_pieces } = row;
  for (const value of [key, sha256, sha1_pieces, sha256_pieces]) {
    hasher.update(`${value.length};`).update(value);
  }
  return hasher.digest();
}

/** The names of a place; undefined when the text isn't a list of names. */
export function parseSegments(text: string): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed) || parsed.length === 0) return undefined;
    const names = parsed.filter((name) => typeof name === "string" && isName(name));
    return names.length === parsed.length ? names : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether a name can't lead out of the root. */
function isName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

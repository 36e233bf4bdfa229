/**
 * What identifies a file and its version, and which of these facts each use compares. The
 * path is the real one, whatever links lead there. A device may have another number after
 * a reboot, so it is compared only within one process.
 */

import { type BigIntStats, readlinkSync, realpathSync } from "node:fs";
import { errorCode } from "../os/error-code.ts";

/** One version of one file: the key of what is kept about its bytes. */
export interface Identity {
  /** Absolute, without a symbolic link in it. */
  readonly path: string;
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970: the modification time, which any program may set back. */
  readonly modified: bigint;
  /** Nanoseconds since 1970: the change time, which only the kernel sets. */
  readonly changed: bigint;
}

/** What the system says of a file. */
export interface Facts extends Omit<Identity, "path"> {
  readonly device: bigint;
  /** Allocated blocks of 512 bytes. Filling a hole adds blocks. */
  readonly blocks: bigint;
}

/** What each use of a file compares. */
export const COMPARED = {
  /** An open file that is remembered by the requested path. */
  remembered: ["device", "inode", "size", "modified", "changed"],
  /** Kept digests and the content of a torrent: the modification time can be set back, the change time can't. */
  digests: ["path", "inode", "size", "modified", "changed"],
  /** Bytes read from an open file. Not the change time: renaming and unlinking the file set it. */
  read: ["size", "modified"],
  /** A response in flight: as above, and the blocks show a filled hole. */
  inFlight: ["size", "modified", "blocks"],
  /** The entity tag, which is the same on every replica (see http/representation.ts). */
  entityTag: ["size", "modified"],
} as const satisfies Record<string, readonly (keyof (Facts & Identity))[]>;

/** What tells versions of one open file apart while a response is in flight. */
export type Version = Pick<Facts, (typeof COMPARED.inFlight)[number]>;

type Use = keyof typeof COMPARED;
type Compared<U extends Use> = Pick<Facts & Identity, (typeof COMPARED)[U][number]>;

/** Whether two looks found the same file and version, as far as `use` is concerned. */
export function isSame<U extends Use>(use: U, a: Compared<U>, b: Compared<U>): boolean {
  const facts: readonly (keyof Compared<U>)[] = COMPARED[use];
  return facts.every((fact) => a[fact] === b[fact]);
}

export function factsOf({ dev, ino, size, mtimeNs, ctimeNs, blocks }: BigIntStats): Facts {
  return {
    device: dev,
    inode: ino,
    size: Number(size),
    modified: mtimeNs,
    changed: ctimeNs,
    blocks,
  };
}

/** The identity of a file that is really at `path`. */
export function identityOf(path: string, { inode, size, modified, changed }: Facts): Identity {
  return { path, inode, size, modified, changed };
}

/** The real path of the open file that was found at `path`. */
export function realPathOf(descriptor: number, path: string): string {
  try {
    const real =
      process.platform === "linux"
        ? readlinkSync(`/proc/self/fd/${descriptor}`)
        : realpathSync.native(path);
    // A name that is no UTF-8 can't be written as text. The requested path can.
    return real.includes("\ufffd") ? path : real;
  } catch (error) {
    // It was deleted meanwhile, or a directory on the way may not be read.
    if (errorCode(error) !== undefined) return path;
    throw error;
  }
}

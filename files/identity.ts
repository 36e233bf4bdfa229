/**
 * What a file is, which version of it, and which of these facts each use compares.
 * The path is the real one, however many names lead there. The number of a device
 * may be another after a reboot, so that only one process may compare it.
 */

import { type BigIntStats, readlinkSync, realpathSync } from "node:fs";
import { errorCode } from "../os/error-code.ts";

/** One version of one file: what is kept about its bytes is kept by this. */
export interface Identity {
  /** Absolute, without a symbolic link in it. */
  readonly path: string;
  readonly inode: bigint;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970: of the last change of its bytes, which anybody may set. */
  readonly modified: bigint;
  /** Nanoseconds since 1970: of the last change of anything, which only the kernel sets. */
  readonly changed: bigint;
}

/** What the system says of a file. */
export interface Facts extends Omit<Identity, "path"> {
  readonly device: bigint;
  /** Allocated blocks of 512 bytes; holes that are filled add to them. */
  readonly blocks: bigint;
}

/** What each use of a file compares. */
export const COMPARED = {
  /** An open file that is remembered by the path that was asked. */
  remembered: ["device", "inode", "size", "modified", "changed"],
  /** Digests that are kept, and the content of a torrent: a date can be put back, the change time can't. */
  digests: ["path", "inode", "size", "modified", "changed"],
  /** Bytes that were read of an open file: renaming and unlinking it move the change time. */
  read: ["size", "modified"],
  /** A response in flight, for the same reason; the blocks tell a hole that was filled. */
  inFlight: ["size", "modified", "blocks"],
  /** The entity tag, which replicas must agree on (see http/representation.ts). */
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

/** Where the open file is that was found at `path`. */
export function realPathOf(descriptor: number, path: string): string {
  try {
    const real =
      process.platform === "linux"
        ? readlinkSync(`/proc/self/fd/${descriptor}`)
        : realpathSync.native(path);
    // A name that is no UTF-8 can't be written as text: the one that was asked can.
    return real.includes("\ufffd") ? path : real;
  } catch (error) {
    // It was deleted meanwhile, or nobody may look at a directory on the way.
    if (errorCode(error) !== undefined) return path;
    throw error;
  }
}

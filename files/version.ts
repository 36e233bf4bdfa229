/**
 * Which version of a file bytes are of. A version is what stands between two
 * changes of one open inode; the facts that tell versions apart are in identity.ts.
 */

import type { BigIntStats } from "node:fs";
import { type COMPARED, type Facts, factsOf, isSame } from "./identity.ts";

export type Version = Pick<Facts, (typeof COMPARED.inFlight)[number]>;

/**
 * How recent the last change must be, in milliseconds, for a file to count as still
 * being written: longer than a peer that fetches pieces pauses between two of them.
 */
const BEING_WRITTEN = 60_000;

export function versionOf(stats: BigIntStats): Version {
  const { size, modified, blocks } = factsOf(stats);
  return { size, modified, blocks };
}

/** Whether a file was still being written at `now` (milliseconds). */
export function isBeingWritten(version: Version, now: number): boolean {
  return now - Number(version.modified / 1_000_000n) < BEING_WRITTEN;
}

/**
 * Whether bytes taken before and after belong together.
 *
 * A file that is still being written may grow or have its holes filled: what was
 * there stays. Every other change, and any change of a file that had come to rest,
 * makes another version of it.
 */
export function isSameVersion(before: Version, after: Version, beingWritten: boolean): boolean {
  if (isSame("read", before, after)) return true;
  if (!beingWritten || after.size < before.size) return false;
  return after.size > before.size || after.blocks > before.blocks;
}

/**
 * The representation that a file stands for (RFC 9110 §8): its complete length,
 * its validators and its media type.
 *
 * The entity tag comes from the size and the modification time in nanoseconds, not
 * from the inode, so that replicas of a file agree on it.
 */

import { fileConfinement } from "./browser.ts";
import { formatHttpDate } from "./date.ts";
import { attachment } from "./disposition.ts";
import { mediaTypeOf } from "./media-type.ts";

/** What a GET of one version of one file would send. */
export interface Representation {
  /** Bytes. */
  readonly completeLength: number;
  /** As sent, quotes and all; `W/` in front while it is weak. */
  readonly entityTag: string;
  /**
   * Milliseconds since 1970, whole seconds. Undefined while it isn't settled: another
   * version could have the same date.
   */
  readonly lastModified: number | undefined;
  /** False while another change could still hide behind the same time stamp. */
  readonly settled: boolean;
  readonly mediaType: string;
  /** The file's own name, without directories. */
  readonly name: string;
}

/** What is known of a file: bytes, nanoseconds since 1970, last path segment. */
export interface FileFacts {
  readonly size: number;
  readonly modified: bigint;
  readonly name: string;
}

/**
 * The coarsest time stamps in use are two seconds apart (FAT). Until then a second
 * change may leave the stamp as it was, so the tag must not vouch for single bytes
 * (RFC 9110 §8.8.1). A stamp from the future is never trusted.
 *
 * A date has whole seconds: two versions within one of them have the same. None is
 * given out while that second may bring another version, so that every date that a
 * client has is a strong validator (§8.8.2.2).
 */
const COARSEST_STAMP = 2_000;

/** Describes a file at `now`, in milliseconds. */
export function represent(facts: FileFacts, now: number): Representation {
  const modified = Math.floor(Number(facts.modified / 1_000n) / 1000);
  const settled = now - modified > COARSEST_STAMP;
  const opaque = `"${facts.size.toString(36)}-${facts.modified.toString(36)}"`;
  return {
    completeLength: facts.size,
    entityTag: settled ? opaque : `W/${opaque}`,
    lastModified: settled ? Math.floor(modified / 1000) * 1000 : undefined,
    settled,
    mediaType: mediaTypeOf(facts.name),
    name: facts.name,
  };
}

/** Says on every answer about a file, errors included, that it can be had in ranges (§14.3). */
export const ACCEPT_RANGES = { "accept-ranges": "bytes" } as const;

/** The fields of 200, 206 and 304 that tell versions apart (§8.8). */
export function validatorFields(representation: Representation): Readonly<Record<string, string>> {
  const { entityTag, lastModified } = representation;
  const tagged = { ...ACCEPT_RANGES, etag: entityTag };
  if (lastModified === undefined) return tagged;
  return { ...tagged, "last-modified": formatHttpDate(lastModified) };
}

/** Those of a 200, and of a 206 but for its range, that is to be shown or, by `download`, saved. */
export function representationFields(
  representation: Representation,
  download = false,
): Readonly<Record<string, string>> {
  const { mediaType, name } = representation;
  return {
    ...validatorFields(representation),
    "content-type": mediaType,
    "content-disposition": download ? attachment(name) : "inline",
    ...fileConfinement(mediaType),
  };
}

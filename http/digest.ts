/**
 * Digests of a representation, and the fields that carry them: Repr-Digest and
 * Content-Digest (RFC 9530), Digest (RFC 3230), and what a client wants of them.
 *
 * | answer to GET                    | Repr-Digest, Digest | Content-Digest |
 * | -------------------------------- | ------------------- | -------------- |
 * | 200                              | of the file         | the same       |
 * | 206, the window is the file      | of the file         | the same       |
 * | 206, the window is a piece of it | of the file         | of the piece   |
 * | 206, any other; 200 to HEAD      | of the file         | none           |
 */

import type { Window } from "../range.ts";
import type { Fields } from "./conditional.ts";
import { readWeights } from "./negotiate.ts";

/** The digests of one version of a file. */
export interface Digests {
  /** Bytes of the file. */
  readonly completeLength: number;
  /** Of the whole file: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Of the pieces of a torrent in order, 20 bytes each. */
  readonly sha1Pieces: Uint8Array;
  /** Bytes of each of them but the last: a power of two. */
  readonly pieceLength: number;
  /** Of other, longer pieces in order, 32 bytes each. */
  readonly sha256Pieces: Uint8Array;
  /** Bytes of each of those but the last: a power of two. */
  readonly sha256PieceLength: number;
}

/** Which of the fields a client lets us send: each has a field of its own to say so. */
export interface WantedDigests {
  readonly repr: boolean;
  readonly content: boolean;
  readonly digest: boolean;
}

/** For a client that sends no Want- field. */
const ALL: WantedDigests = { repr: true, content: true, digest: true };

/** Reads Want-Repr-Digest, Want-Content-Digest (RFC 9530 §4) and Want-Digest (RFC 3230 §4.3.1). */
export function readWantedDigests(fields: Fields): WantedDigests {
  const repr = fields.get("want-repr-digest");
  const content = fields.get("want-content-digest");
  const digest = fields.get("want-digest");
  if (repr === null && content === null && digest === null) return ALL;
  return {
    repr: repr === null || accepts(readPreferences(repr)),
    content: content === null || accepts(readPreferences(content)),
    digest: digest === null || accepts(readWeights(digest)),
  };
}

/** Whether a client asks for a digest that this server can make. Without a Want- field it doesn't. */
export function asksForDigests(wanted: WantedDigests, fields: Fields): boolean {
  if (wanted === ALL) return false;
  return (
    (wanted.repr && fields.get("want-repr-digest") !== null) ||
    (wanted.content && fields.get("want-content-digest") !== null) ||
    (wanted.digest && fields.get("want-digest") !== null)
  );
}

/** The fields of the file: one object for all who say nothing. */
export function fileDigestFields(
  digests: Digests,
  wanted: WantedDigests,
): Readonly<Record<string, string>> {
  const whole = wholeFields(digests);
  if (wanted === ALL) return whole;
  return {
    ...(wanted.repr ? { "repr-digest": whole["repr-digest"] } : {}),
    ...(wanted.digest ? { digest: whole.digest } : {}),
  };
}

/**
 * Content-Digest of an answer whose content is `window` of the file: all of it for a
 * 200 to GET, undefined for HEAD and for several windows.
 */
export function contentDigest(
  digests: Digests,
  window: Window | undefined,
  wanted: WantedDigests,
): string | undefined {
  const piece = window === undefined || !wanted.content ? undefined : pieceOf(digests, window);
  if (piece === undefined) return undefined;
  if (piece === "whole") return wholeFields(digests)["repr-digest"];
  return formatSha256(pieceDigest(digests, piece));
}

/** What a window is: the whole file, or a piece, by its number; undefined: neither. */
function pieceOf(
  { completeLength, sha256PieceLength }: Digests,
  { start, end }: Window,
): "whole" | number | undefined {
  if (start === 0 && end === completeLength) return "whole";
  const number = start / sha256PieceLength;
  if (!Number.isInteger(number)) return undefined;
  return end === Math.min(start + sha256PieceLength, completeLength) ? number : undefined;
}

function pieceDigest({ sha256Pieces }: Digests, number: number): Uint8Array {
  return sha256Pieces.subarray(number * 32, number * 32 + 32);
}

/** Built once, since they are on every answer. */
function wholeFields(digests: Digests): WholeFields {
  const known = built.get(digests);
  if (known !== undefined) return known;
  const fields = {
    "repr-digest": formatSha256(digests.sha256),
    digest: `SHA-256=${digests.sha256.toBase64()}`,
  };
  built.set(digests, fields);
  return fields;
}

type WholeFields = { readonly "repr-digest": string; readonly digest: string };

const built = new WeakMap<Digests, WholeFields>();

/** A dictionary of one byte sequence (RFC 9651 §3.2, §3.3.5). */
function formatSha256(digest: Uint8Array): string {
  return `sha-256=:${digest.toBase64()}:`;
}

/** Whether the client accepts sha-256, the one algorithm here. A malformed or empty field doesn't count. */
function accepts(preferences: ReadonlyMap<string, number> | undefined): boolean {
  if (preferences === undefined || preferences.size === 0) return true;
  return (preferences.get("sha-256") ?? 0) > 0;
}

/**
 * One member of a dictionary of integers, parameters and all: `sha-256=10;a="b", `.
 * RFC 9651 §4.2.2; a comma must have a member behind it.
 */
const PREFERENCE =
  /([a-z*][a-z0-9_.*-]*)=(10|[0-9])(?:; *[a-z*][a-z0-9_.*-]*(?:=(?:"(?:[^"\\]|\\["\\])*"|[^\s",;]+))?)*(?:[ \t]*,[ \t]*(?=\S)|$)/y;

/** RFC 9530 §4: algorithm → 0 (not acceptable) to 10. Undefined when it is anything else. */
function readPreferences(field: string): ReadonlyMap<string, number> | undefined {
  const text = field.trim();
  const preferences = new Map<string, number>();
  PREFERENCE.lastIndex = 0;
  for (let end = 0; end < text.length; end = PREFERENCE.lastIndex) {
    const [, algorithm = "", preference] = PREFERENCE.exec(text) ?? [];
    if (preference === undefined) return undefined;
    preferences.set(algorithm, Number(preference));
  }
  return preferences;
}

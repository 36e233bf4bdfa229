/** What the keeper answers when digests are asked for. */

import type { Digests } from "../http/digest.ts";

export type Obtained =
  { readonly kind: "known"; readonly digests: Digests | FolderDigests } | Unobtained;

/** Why there are no digests now. */
export type Unobtained =
  | {
      readonly kind: "pending";
      /** Whole percent of the bytes that are read, below 100. */
      readonly percent: number;
      /** Seconds until a client should ask again. */
      readonly retryAfter: number;
    }
  /** More bytes or files than digests are made of (piece-length.ts). */
  | { readonly kind: "too-large" }
  /** The disk failed, with a code such as EACCES. */
  | { readonly kind: "unreadable"; readonly code: string };

/** SHA-1 of the pieces of a folder's files end to end, 20 bytes each. */
export interface FolderDigests {
  readonly sha1Pieces: Uint8Array;
}

/** Seconds: a client sees progress at least once a minute. */
export const LONGEST_RETRY = 60;

/** Asks the client to come again in `seconds`, rounded up, from 1 to `longest`. */
export function pending(percent: number, seconds: number, longest = LONGEST_RETRY): Unobtained {
  const retryAfter = Math.min(longest, Math.max(1, Math.ceil(seconds)));
  return { kind: "pending", percent, retryAfter };
}

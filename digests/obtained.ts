/** What a serving process can say of digests when it is asked for them. */

/** What can be said now of a file or folder. */
export type Obtained<Known> =
  | { readonly kind: "known"; readonly digests: Known }
  | {
      readonly kind: "pending";
      /** Whole percent of its bytes that were read, below 100. */
      readonly percent: number;
      /** Seconds after which asking again makes sense. */
      readonly retryAfter: number;
    }
  /** More bytes or files than digests are made of. */
  | { readonly kind: "too-large" }
  /** The disk failed, with a code such as EACCES. */
  | { readonly kind: "unreadable"; readonly code: string };

/** Why there are no digests to be had now. */
export type Unobtained = Exclude<Obtained<never>, { readonly kind: "known" }>;

/** SHA-1 of the pieces of a folder's files end to end: 20 bytes each. */
export interface FolderDigests {
  readonly sha1Pieces: Uint8Array;
}

/** Seconds. Within them a client ought to see some progress. */
export const LONGEST_RETRY = 60;

/** To be asked again in about so many seconds. */
export function pending(percent: number, seconds: number, longest = LONGEST_RETRY): Unobtained {
  const retryAfter = Math.min(longest, Math.max(1, Math.ceil(seconds)));
  return { kind: "pending", percent, retryAfter };
}

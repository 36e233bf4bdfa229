/**
 * Digests of a representation, and the fields that carry them: Repr-Digest and
 * Content-Digest (RFC 9530), Digest (RFC 3230), and what a client wants of them.
 */

/** What one reading of one version of a file gave. */
export interface Digests {
  /** Bytes of the file. */
  readonly completeLength: number;
  /** Of the whole file: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Bytes of every piece but the last: a power of two. */
  readonly pieceLength: number;
  /** Of the pieces in order, 20 bytes each. */
  readonly sha1Pieces: Uint8Array;
  /** Of the pieces in order, 32 bytes each. */
  readonly sha256Pieces: Uint8Array;
}

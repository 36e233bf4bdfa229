/** How a file is cut into pieces, the same in every document about it. */

/** Bytes. Below it the framing and the announcements of a piece cost more than they gain. */
const SHORTEST = 64 * 1024;
/** Bytes. A peer passes a piece on when it has all of it. */
const LONGEST = 16 * 1024 * 1024;
/** Until the longest is reached: many small pieces spread faster than a few large ones. */
const MANY = 2048;

/** Bytes. Longer files have no piece digests, and so no documents. */
export const LONGEST_FILE = 1024 ** 4;

/** Bytes of a piece for a file, or a folder, of `length` bytes: a power of two. */
export function pieceLengthFor(length: number): number {
  let pieceLength = SHORTEST;
  while (pieceLength < LONGEST && pieceLength * MANY < length) pieceLength *= 2;
  return pieceLength;
}

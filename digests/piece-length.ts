/** How a file is cut into pieces: short ones to be shared, longer ones to be checked. */

/** Bytes. Below it the framing and the announcements of a piece cost more than they gain. */
const SHORTEST = 64 * 1024;
/** Bytes. A peer passes a piece on when it has all of it. */
const LONGEST = 16 * 1024 * 1024;
/** Until the longest is reached: many small pieces spread faster than a few large ones. */
const MANY = 2048;

/** Bytes. Longer files have no piece digests, and so no documents. */
export const LONGEST_FILE = 1024 ** 4;

/** Of a folder. More take long to look at for every request, and are a tree rather than a download. */
export const MOST_FILES = 10_000;

/** Bytes of a piece of the torrent for a file, or a folder, of `length` bytes: a power of two. */
export function pieceLengthFor(length: number): number {
  let pieceLength = SHORTEST;
  while (pieceLength < LONGEST && pieceLength * MANY < length) pieceLength *= 2;
  return pieceLength;
}

/**
 * Bytes. aria2 cuts every download into pieces of this length, and doesn't go on with
 * one when the Metalink that it is given later has another.
 */
const USUAL_OF_CLIENTS = 1024 * 1024;
/** A Metalink has a line for each. */
const MANY_LINES = 65_536;

/** Bytes of a piece whose SHA-256 is told, for a file of `length` bytes: a power of two. */
export function sha256PieceLengthFor(length: number): number {
  let pieceLength = USUAL_OF_CLIENTS;
  while (pieceLength * MANY_LINES < length) pieceLength *= 2;
  return pieceLength;
}

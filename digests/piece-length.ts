/**
 * How long the pieces of a file are: short ones for its torrent, so that peers share
 * early, and longer ones for SHA-256, so that a Metalink stays short. It also decides
 * what is too large for digests.
 */

/** Bytes. Shorter pieces cost more in messages than they gain. */
const SHORTEST = 64 * 1024;
/** Bytes. A peer passes a piece on only when it has all of it. */
const LONGEST = 16 * 1024 * 1024;
/** Pieces; they grow when there would be more. Many small ones spread faster than a few large ones. */
const MANY = 2048;

/** Bytes. Longer files have no digests, and so no documents. */
export const LONGEST_FILE = 1024 ** 4;

/** Files of a folder. Each is looked at for every request about the folder. */
export const MOST_FILES = 10_000;

/** Pieces with a SHA-256 in a document about a folder; one with more has only those of whole files. */
export const MOST_PIECES = 131_072;

/** Bytes of a piece of the torrent for a file, or a folder, of `length` bytes: a power of two. */
export function pieceLengthFor(length: number): number {
  let pieceLength = SHORTEST;
  while (pieceLength < LONGEST && pieceLength * MANY < length) pieceLength *= 2;
  return pieceLength;
}

/**
 * Bytes. aria2 cuts every download into pieces of this length. It can't continue a
 * download with a Metalink of another piece length.
 */
const USUAL_OF_CLIENTS = 1024 * 1024;
/** Pieces, each a line of the Metalink. */
const MANY_LINES = 65_536;

/** Bytes of a piece with a SHA-256, for a file of `length` bytes: a power of two. */
export function sha256PieceLengthFor(length: number): number {
  let pieceLength = USUAL_OF_CLIENTS;
  while (pieceLength * MANY_LINES < length) pieceLength *= 2;
  return pieceLength;
}

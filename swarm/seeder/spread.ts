/** How far the pieces of a torrent have spread, for those who look: a picture of what all peers have. */

import type { PieceSet } from "./availability.ts";

/** Pieces, or bytes of eight, that are looked at for one picture: 0.2 ms. */
const MOST_LOOKS = 100_000;

/**
 * How many of `all` have each piece: for each of up to `most` stretches of about equal
 * length, the mean over its pieces. Of many peers with many pieces some stand for all.
 */
export function spreadOf(all: readonly PieceSet[], pieceCount: number, most: number): number[] {
  // Stretches of whole bytes are counted eight times as fast.
  const unit = pieceCount >= 8 * most ? 8 : 1;
  const units = Math.ceil(pieceCount / unit);
  const peers = all.slice(0, Math.ceil(MOST_LOOKS / units));
  const scale = all.length / Math.max(1, peers.length);
  const stretches = Math.min(most, units);
  const bound = (n: number) => Math.min(pieceCount, unit * Math.floor((n * units) / stretches));
  return Array.from({ length: stretches }, (_, n) => {
    const [first, end] = [bound(n), bound(n + 1)];
    const copies = peers.reduce((sum, has) => sum + has.countIn(first, end), 0);
    return (scale * copies) / (end - first);
  });
}

/**
 * Which pieces the connected peers have, and which are promised to one of them. A piece
 * that this server has never sent counts as had by none: peers may lie.
 */

/** How many bits of each byte are set: those of its half, and its last. */
const ONES = new Uint8Array(256);
for (let byte = 1; byte < 256; byte++) ONES[byte] = (ONES[byte >> 1] ?? 0) + (byte & 1);

/** A set of piece numbers, one bit each, in the order of BEP 3's bitfield. */
export class PieceSet {
  readonly #bits: Uint8Array;
  #held = 0;

  constructor(readonly capacity: number) {
    this.#bits = new Uint8Array(Math.ceil(capacity / 8));
  }

  get size(): number {
    return this.#held;
  }

  has(piece: number): boolean {
    return ((this.#bits[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
  }

  /** False: it was in the set. */
  add(piece: number): boolean {
    if (this.has(piece)) return false;
    this.#bits[piece >> 3] = (this.#bits[piece >> 3] ?? 0) | (0x80 >> (piece & 7));
    this.#held++;
    return true;
  }

  /** Adds all of a bitfield of the right length; bits behind the last piece are left out. */
  addAll(bitfield: Uint8Array): void {
    const spare = 8 * this.#bits.length - this.capacity;
    this.#held = 0;
    for (let at = 0; at < this.#bits.length; at++) {
      const mask = at === this.#bits.length - 1 ? (0xff << spare) & 0xff : 0xff;
      const byte = (this.#bits[at] ?? 0) | ((bitfield[at] ?? 0) & mask);
      this.#bits[at] = byte;
      for (let rest = byte; rest !== 0; rest &= rest - 1) this.#held++;
    }
  }

  /** How many of the pieces from `first` to `end` it has. Quick where both are multiples of eight. */
  countIn(first: number, end: number): number {
    let count = 0;
    for (let piece = first; piece < end; piece++) {
      const isByte = (piece & 7) === 0 && piece + 8 <= end;
      if (isByte) {
        count += ONES[this.#bits[piece >> 3] ?? 0] ?? 0;
        piece += 7;
      } else if (this.has(piece)) count++;
    }
    return count;
  }

  /** Those of its pieces that `other` doesn't have. */
  without(other: PieceSet | undefined): Iterable<number> {
    const none = new PieceSet(this.capacity);
    return (other ?? none).missing(this.#bits);
  }

  /** Pieces of a bitfield of the right length that it doesn't have. */
  *missing(bitfield: Uint8Array): Iterable<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      const byte = (bitfield[at] ?? 0) & ~(this.#bits[at] ?? 0);
      for (let bit = 0; bit < 8 && byte !== 0; bit++) {
        const piece = 8 * at + bit;
        if ((byte & (0x80 >> bit)) !== 0 && piece < this.capacity) yield piece;
      }
    }
  }
}

/** How often each piece is among the connected peers, and to how many it is promised. */
export class Availability {
  readonly #copies: Uint32Array;
  readonly #promises: Uint32Array;
  /** Pieces that this server has sent whole. */
  readonly #sent: PieceSet;
  /** Pieces without a copy and without a promise. */
  #unclaimed: number;
  #promised = 0;
  /** The piece at which the next search begins: a file is read from its beginning. */
  #cursor = 0;
  /** Pieces that searches may still look at. */
  #looks = 0;

  constructor(readonly pieceCount: number) {
    this.#copies = new Uint32Array(pieceCount);
    this.#promises = new Uint32Array(pieceCount);
    this.#sent = new PieceSet(pieceCount);
    this.#unclaimed = pieceCount;
  }

  /** Pieces that no peer has and that are promised to none. */
  get unclaimedCount(): number {
    return this.#unclaimed;
  }

  /** Promises, over all pieces. */
  get promisedCount(): number {
    return this.#promised;
  }

  /** Whether this server has sent a piece whole. */
  wasSent(piece: number): boolean {
    return this.#sent.has(piece);
  }

  copiesOf(piece: number): number {
    return this.#sent.has(piece) ? (this.#copies[piece] ?? 0) : 0;
  }

  isPromised(piece: number): boolean {
    return (this.#promises[piece] ?? 0) > 0;
  }

  /** Copies and promises. */
  claimsOf(piece: number): number {
    return this.copiesOf(piece) + (this.#promises[piece] ?? 0);
  }

  addCopy(piece: number): void {
    this.#change(piece, () => this.#add(this.#copies, piece, 1));
  }

  removeCopy(piece: number): void {
    this.#change(piece, () => this.#add(this.#copies, piece, -1));
  }

  promise(piece: number): void {
    this.#promised++;
    this.#change(piece, () => this.#add(this.#promises, piece, 1));
  }

  release(piece: number): void {
    this.#promised--;
    this.#change(piece, () => this.#add(this.#promises, piece, -1));
  }

  /** This server has sent a piece whole. */
  send(piece: number): void {
    this.#change(piece, () => this.#sent.add(piece));
  }

  #add(counts: Uint32Array, piece: number, by: 1 | -1): void {
    counts[piece] = (counts[piece] ?? 0) + by;
  }

  #change(piece: number, change: () => void): void {
    const before = this.claimsOf(piece);
    change();
    const after = this.claimsOf(piece);
    if (before === 0 && after > 0) this.#unclaimed--;
    if (before > 0 && after === 0) this.#unclaimed++;
  }

  /** Bounds the searches until the next call: `looks` pieces are looked at. */
  allow(looks: number): void {
    this.#looks = looks;
  }

  /** The next piece that `suits`, that no peer has and that is promised to none. */
  findUnclaimed(suits: (piece: number) => boolean): number | undefined {
    if (this.#unclaimed === 0) return undefined;
    while (this.claimsOf(this.#cursor) !== 0) this.#cursor = (this.#cursor + 1) % this.pieceCount;
    let left = this.#unclaimed;
    for (let step = 0; step < this.pieceCount && left > 0 && this.#looks > 0; step++) {
      this.#looks--;
      const piece = (this.#cursor + step) % this.pieceCount;
      if (this.claimsOf(piece) !== 0) continue;
      if (suits(piece)) return piece;
      left--;
    }
    return undefined;
  }

  /** The piece with the fewest claims, of those that `suits` and that have at most `most`. */
  findRarest(most: number, suits: (piece: number) => boolean): number | undefined {
    let rarest: number | undefined;
    let fewest = most + 1;
    for (let step = 0; step < this.pieceCount && fewest > 0 && this.#looks > 0; step++) {
      this.#looks--;
      const piece = (this.#cursor + step) % this.pieceCount;
      const claims = this.claimsOf(piece);
      if (claims >= fewest || !suits(piece)) continue;
      rarest = piece;
      fewest = claims;
    }
    if (rarest !== undefined) this.#cursor = (rarest + 1) % this.pieceCount;
    return rarest;
  }
}

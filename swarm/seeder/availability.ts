/** Which pieces the connected peers have, and which are on their way to one of them. */

/** A set of piece numbers, one bit each, in the order of BEP 3's bitfield. */
export class PieceSet {
  private readonly bits: Uint8Array;
  private held = 0;

  constructor(readonly capacity: number) {
    this.bits = new Uint8Array(Math.ceil(capacity / 8));
  }

  get size(): number {
    return this.held;
  }

  has(piece: number): boolean {
    return ((this.bits[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0;
  }

  /** Whether it is new. */
  add(piece: number): boolean {
    if (this.has(piece)) return false;
    this.bits[piece >> 3] = (this.bits[piece >> 3] ?? 0) | (0x80 >> (piece & 7));
    this.held++;
    return true;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let piece = 0; piece < this.capacity; piece++) if (this.has(piece)) yield piece;
  }
}

/** How often each piece is among the connected peers, and to how many it is promised. */
export class Availability {
  private readonly copies: Uint32Array;
  private readonly promises: Uint32Array;
  /** Pieces without a copy and without a promise. */
  private unclaimed: number;
  private promised = 0;
  /** Where the search for the next of them goes on: a file is read from its beginning. */
  private cursor = 0;

  constructor(readonly pieceCount: number) {
    this.copies = new Uint32Array(pieceCount);
    this.promises = new Uint32Array(pieceCount);
    this.unclaimed = pieceCount;
  }

  /** Promises, over all pieces. */
  get promisedCount(): number {
    return this.promised;
  }

  copiesOf(piece: number): number {
    return this.copies[piece] ?? 0;
  }

  isPromised(piece: number): boolean {
    return (this.promises[piece] ?? 0) > 0;
  }

  /** Copies, and those on their way. */
  claimsOf(piece: number): number {
    return (this.copies[piece] ?? 0) + (this.promises[piece] ?? 0);
  }

  addCopy(piece: number): void {
    this.change(this.copies, piece, 1);
  }

  removeCopy(piece: number): void {
    this.change(this.copies, piece, -1);
  }

  promise(piece: number): void {
    this.promised++;
    this.change(this.promises, piece, 1);
  }

  release(piece: number): void {
    this.promised--;
    this.change(this.promises, piece, -1);
  }

  private change(counts: Uint32Array, piece: number, by: 1 | -1): void {
    const before = this.claimsOf(piece);
    counts[piece] = (counts[piece] ?? 0) + by;
    if (before === 0) this.unclaimed--;
    if (before + by === 0) this.unclaimed++;
  }

  /** The next piece that nobody has and nobody was promised. */
  findUnclaimed(): number | undefined {
    if (this.unclaimed === 0) return undefined;
    while (this.claimsOf(this.cursor) !== 0) this.cursor = (this.cursor + 1) % this.pieceCount;
    return this.cursor;
  }

  /** The piece with the fewest claims, of those that `suits` and that have at most `most`. */
  findRarest(most: number, suits: (piece: number) => boolean): number | undefined {
    let rarest: number | undefined;
    let fewest = most + 1;
    for (let step = 0; step < this.pieceCount; step++) {
      const piece = (this.cursor + step) % this.pieceCount;
      const claims = this.claimsOf(piece);
      if (claims >= fewest || !suits(piece)) continue;
      rarest = piece;
      fewest = claims;
    }
    if (rarest !== undefined) this.cursor = (rarest + 1) % this.pieceCount;
    return rarest;
  }
}

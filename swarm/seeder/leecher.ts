/** One peer that downloads from the origin: what it has, was shown, requested and got. */

import { PieceSet } from "./availability.ts";
import type { Block } from "./wire.ts";

/** A piece shown to a peer and not sent yet. */
export interface Promised {
  /** Milliseconds: when it was shown, or last moved on. */
  since: number;
  /** Bytes of it that were sent. */
  sent: number;
}

export class Leecher {
  /** Pieces that it says it has, or that were sent to it. */
  readonly has: PieceSet;
  /** Those of them that it says it had when it came. That may be a lie, so they count as no copies. */
  brought: PieceSet | undefined;
  /** Pieces that it got since: from here, or from others after they were sent from here. */
  gained = 0;
  /** Pieces that it was ever shown, and so may request. */
  readonly shown: PieceSet;
  /** Pieces that were shown to it and that are expected to reach it. */
  readonly promised = new Map<number, Promised>();
  /** Blocks that it requested and that weren't sent, by piece. */
  readonly queue = new Map<number, Block[]>();
  queuedBlocks = 0;
  /** Pieces that it got from here and no other peer is known to have: it owes them to the others. */
  debt = 0;
  /** Milliseconds: when a piece was last begun for it, and when one came to it from another peer. */
  servedAt = 0;
  fedAt: number;
  /** Milliseconds: since when its connection takes no block. */
  blockedSince: number | undefined;
  /** Milliseconds: until then it is shown nothing, since it didn't request what it was shown. */
  passedOverUntil = 0;
  /** How often that happened since it last took a piece. */
  ignored = 0;
  /** Milliseconds: when no piece was found for it; 0 if the last search found one. */
  searchedAt = 0;
  /** It is shown this many times more than others: it requests rarely, or no other peer feeds it. */
  boost = 1;
  /** Whether something was sent to it since it was last shown more. */
  isServed = false;
  /** Milliseconds between two pieces that came to it, smoothed. */
  gap = 0;
  #gainedAt: number;

  constructor(
    readonly id: number,
    pieceCount: number,
    readonly joinedAt: number,
    /** It requests, and passes on, as rarely as Transmission. */
    readonly isSlow: boolean,
  ) {
    this.has = new PieceSet(pieceCount);
    this.shown = new PieceSet(pieceCount);
    this.fedAt = joinedAt;
    this.#gainedAt = joinedAt;
  }

  get isComplete(): boolean {
    return this.has.size === this.has.capacity;
  }

  /** The piece of the oldest request. */
  get firstRequested(): number {
    const [piece = 0] = this.queue.keys();
    return piece;
  }

  /** Whether it has everything and got most of it while connected: a claim alone proves nothing. */
  get isProven(): boolean {
    return this.isComplete && this.servedAt > 0 && 2 * this.gained > this.has.capacity;
  }

  /** Whether it comes before another: the one that owes less, then the one that waited longer. */
  goesBefore(other: Leecher): boolean {
    return this.debt === other.debt ? this.#turnAt < other.#turnAt : this.debt < other.debt;
  }

  /** Waiting begins when a peer joins. */
  get #turnAt(): number {
    return Math.max(this.servedAt, this.joinedAt);
  }

  /** Notes the pieces that it says it had when it came. */
  bring(bitfield: Uint8Array): void {
    this.brought = new PieceSet(this.has.capacity);
    this.brought.addAll(bitfield);
    this.has.addAll(bitfield);
  }

  enqueue(block: Block): void {
    const blocks = this.queue.get(block.piece);
    if (blocks === undefined) this.queue.set(block.piece, [block]);
    else blocks.push(block);
    this.queuedBlocks++;
  }

  /** Removes and returns the first requested block of a piece. */
  dequeue(piece: number): Block | undefined {
    const blocks = this.queue.get(piece);
    const block = blocks?.shift();
    if (block !== undefined) this.queuedBlocks--;
    if (blocks?.length === 0) this.queue.delete(piece);
    return block;
  }

  /** Removes a request. False: there is none. */
  cancel(block: Block): boolean {
    const blocks = this.queue.get(block.piece);
    const index = blocks?.findIndex((b) => b.start === block.start && b.length === block.length);
    if (blocks === undefined || index === undefined || index < 0) return false;
    blocks.splice(index, 1);
    this.queuedBlocks--;
    if (blocks.length === 0) this.queue.delete(block.piece);
    return true;
  }

  /** It has one more piece. False: that was known. */
  gain(piece: number, now: number): boolean {
    if (!this.has.add(piece)) return false;
    const gap = now - this.#gainedAt;
    this.gap = this.gap === 0 ? gap : this.gap * 0.8 + gap * 0.2;
    this.#gainedAt = now;
    return true;
  }
}

/** What a seeding origin knows of one peer that downloads from it. */

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
  /** Pieces it has, as it says, or as was sent. */
  readonly has: PieceSet;
  /** Those of them that it had when it came, as it says. Nobody saw it get them, so they count as no copies. */
  brought: PieceSet | undefined;
  /** Pieces that it got since: from here, or from others and known to be out. */
  gained = 0;
  /** Pieces it was ever shown, and so may ask for. */
  readonly shown: PieceSet;
  /** Shown, not had, and counted as coming to it. */
  readonly promised = new Map<number, Promised>();
  /** What it asked for, by piece. */
  readonly queue = new Map<number, Block[]>();
  queuedBlocks = 0;
  /** Pieces that only it has, as far as is known: what it owes the others. */
  debt = 0;
  /** Milliseconds: when a piece was last begun for it, and when one came to it from another peer. */
  servedAt = 0;
  fedAt: number;
  /** Milliseconds: since when its connection takes nothing of what it asked for. */
  blockedSince: number | undefined;
  /** Milliseconds: it was shown something and didn't ask for it, so until then others come first. */
  passedOverUntil = 0;
  /** How often that was so since it last took a piece. */
  ignored = 0;
  /** Milliseconds: when nothing was found for it, and 0 since something was. */
  searchedAt = 0;
  /** How much more is shown to it than to others: it asks rarely, and nobody else feeds it. */
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
    /** It asks, and passes on, as rarely as Transmission. */
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

  /** The piece that it asked for first, of those that weren't sent. */
  get firstAsked(): number {
    const [piece = 0] = this.queue.keys();
    return piece;
  }

  /** Whether it has everything, and most of it came to it here: saying so is easy. */
  get isProven(): boolean {
    return this.isComplete && this.servedAt > 0 && 2 * this.gained > this.has.capacity;
  }

  /** Whether it is to get something before another: who owes less, then who waited longer. */
  goesBefore(other: Leecher): boolean {
    return this.debt === other.debt ? this.#turnAt < other.#turnAt : this.debt < other.debt;
  }

  /** Who comes again has waited no longer than since then. */
  get #turnAt(): number {
    return Math.max(this.servedAt, this.joinedAt);
  }

  /** Takes in what it has as it comes. */
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

  /** Takes the first block of a piece that it asked for. */
  dequeue(piece: number): Block | undefined {
    const blocks = this.queue.get(piece);
    const block = blocks?.shift();
    if (block !== undefined) this.queuedBlocks--;
    if (blocks?.length === 0) this.queue.delete(piece);
    return block;
  }

  /** Whether it had asked for the block. */
  withdraw(block: Block): boolean {
    const blocks = this.queue.get(block.piece);
    const index = blocks?.findIndex((b) => b.start === block.start && b.length === block.length);
    if (blocks === undefined || index === undefined || index < 0) return false;
    blocks.splice(index, 1);
    this.queuedBlocks--;
    if (blocks.length === 0) this.queue.delete(block.piece);
    return true;
  }

  /** It has one more piece. Whether it is news. */
  gain(piece: number, now: number): boolean {
    if (!this.has.add(piece)) return false;
    const gap = now - this.#gainedAt;
    this.gap = this.gap === 0 ? gap : this.gap * 0.8 + gap * 0.2;
    this.#gainedAt = now;
    return true;
  }
}

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
  /** Milliseconds between two pieces from other peers, smoothed. */
  feedGap = 0;

  constructor(
    readonly id: number,
    pieceCount: number,
    now: number,
  ) {
    this.has = new PieceSet(pieceCount);
    this.shown = new PieceSet(pieceCount);
    this.fedAt = now;
  }

  get isComplete(): boolean {
    return this.has.size === this.has.capacity;
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

  /** A piece came to it from another peer. */
  wasFed(now: number): void {
    const gap = now - this.fedAt;
    this.feedGap = this.feedGap === 0 ? gap : this.feedGap * 0.8 + gap * 0.2;
    this.fedAt = now;
  }
}

/**
 * One torrent at an upload-only origin: what its peers have, and whose block goes out next.
 *
 * The origin never says that it has everything (super-seeding, BEP 16). It shows each
 * peer a few pieces by HAVE (showing.ts), a peer can request no others, and so the origin
 * decides what its uplink carries. A piece once begun for a peer is finished, and few are
 * under way at a time: only a whole piece can be passed on.
 *
 * It has no clock and no sockets. Times are milliseconds, peers are numbers.
 */

import { Availability } from "./availability.ts";
import { Leecher } from "./leecher.ts";
import { type Pieces, type Show, Showing, TOO_OFTEN } from "./showing.ts";
import { spreadOf } from "./spread.ts";
import { REQUEST_QUEUE, TUNING, type Tuning } from "./tuning.ts";
import { Uplink } from "./uplink.ts";
import type { Block } from "./wire.ts";

export interface Turn {
  readonly peer: number;
  readonly block: Block;
}

export class Seeding {
  readonly #pieces: Pieces;
  readonly #tuning: Tuning;
  readonly #peers = new Map<number, Leecher>();
  readonly #availability: Availability;
  /** The peer that has the only known copy of a piece, which it got from here. */
  readonly #holder = new Map<number, number>();
  /** The piece that was begun for each peer, in the order in which they were begun. */
  readonly #underWay = new Map<Leecher, { piece: number; movedAt: number }>();
  readonly #uplink = new Uplink();
  #copied = 0;
  readonly #showing: Showing;

  constructor(pieces: Pieces, tuning: Tuning = TUNING) {
    this.#pieces = pieces;
    this.#tuning = tuning;
    this.#availability = new Availability(Math.ceil(pieces.length / pieces.pieceLength));
    const [peers, availability] = [this.#peers, this.#availability];
    this.#showing = new Showing(pieces, tuning, peers, availability, this.#uplink);
  }

  get pieceCount(): number {
    return this.#availability.pieceCount;
  }

  /** Bytes that were sent, and those of them whose piece another peer had already. */
  get sent(): { readonly bytes: number; readonly repeated: number } {
    return { bytes: this.#uplink.sent, repeated: this.#uplink.repeated };
  }

  /** `isSlow`: it requests, and passes on, as rarely as Transmission. */
  /** Pieces that peers have got while they were connected, from here or from others, as they say. */
  get copied(): number {
    return this.#copied;
  }

  /** How many peers have the pieces of each of up to `most` stretches, on average. */
  spread(most: number): number[] {
    const all = Array.from(this.#peers.values(), ({ has }) => has);
    return spreadOf(all, this.pieceCount, most);
  }

  join(peer: number, now: number, isSlow = false): void {
    this.#peers.set(peer, new Leecher(peer, this.pieceCount, now, isSlow));
    this.#showing.change();
  }

  leave(peer: number, now: number): void {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined) return;
    this.#peers.delete(peer);
    this.#underWay.delete(leecher);
    for (const piece of leecher.promised.keys()) this.#availability.release(piece);
    for (const piece of leecher.has.without(leecher.brought)) this.#availability.removeCopy(piece);
    this.#showing.leave(leecher, now);
  }

  /** The pieces to announce now, each to one peer. */
  show(now: number): readonly Show[] {
    return this.#showing.show(now);
  }

  /** A peer has one more piece. False: the torrent has no such piece. */
  gain(peer: number, piece: number, now: number): boolean {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined || piece >= this.pieceCount) return false;
    if (!leecher.gain(piece, now)) return true;
    leecher.fedAt = now;
    if (this.#availability.wasSent(piece)) leecher.gained++;
    this.#addCopy(leecher, piece);
    return true;
  }

  /** A peer has these pieces: a bit for each. Takes time only for those that are new. */
  gainAll(peer: number, bitfield: Uint8Array, now: number): void {
    const { has } = this.#peers.get(peer) ?? {};
    if (has === undefined) return;
    for (const piece of has.missing(bitfield)) this.gain(peer, piece, now);
  }

  /**
   * A peer had these pieces when it came: a bit for each. They aren't shown to it, and don't
   * count as copies for others.
   */
  bring(peer: number, bitfield: Uint8Array, now: number): void {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined) return;
    if (leecher.has.size > 0) return this.gainAll(peer, bitfield, now);
    leecher.bring(bitfield);
    for (const piece of leecher.promised.keys()) {
      if (!leecher.has.has(piece)) continue;
      leecher.promised.delete(piece);
      this.#availability.release(piece);
    }
    this.#showing.change();
  }

  /** Whether a peer has every piece, as it says or as was sent. */
  isComplete(peer: number): boolean {
    return this.#peers.get(peer)?.isComplete ?? false;
  }

  /** A peer requests a block that lies within its piece. Refused: it wasn't shown the piece. */
  request(peer: number, block: Block): "queued" | "refused" | "too many" {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined || !leecher.shown.has(block.piece)) return "refused";
    if (leecher.queuedBlocks >= REQUEST_QUEUE) return "too many";
    leecher.enqueue(block);
    // A late request counts as one in time.
    if (!leecher.has.has(block.piece) && !leecher.promised.has(block.piece)) {
      leecher.promised.set(block.piece, { since: this.#showing.shownAt, sent: 0 });
      this.#availability.promise(block.piece);
    }
    if (leecher.ignored < TOO_OFTEN) leecher.passedOverUntil = 0;
    return "queued";
  }

  /** A peer cancels a request. False: the block was sent or not requested. */
  cancel(peer: number, block: Block): boolean {
    return this.#peers.get(peer)?.cancel(block) ?? false;
  }

  /** The block to send now, to one of the peers that are `ready` to take it. */
  next(now: number, ready: (peer: number) => boolean): Turn | undefined {
    let moving = 0;
    for (const [leecher, turn] of this.#underWay) {
      if (!leecher.queue.has(turn.piece)) continue;
      if (ready(leecher.id)) return this.#send(leecher, turn.piece, now);
      if (now - turn.movedAt < this.#tuning.stalled) moving++;
    }
    if (moving >= this.#tuning.underWay) return undefined;
    const leecher = this.#nextPeer(now, ready);
    if (leecher !== undefined) return this.#send(leecher, leecher.firstRequested, now);
    if (moving === 0) this.#showing.showMore(now);
    return undefined;
  }

  /** Of the peers whose next piece hasn't begun: the one that owes least, then the one that waited longest. */
  #nextPeer(now: number, ready: (peer: number) => boolean): Leecher | undefined {
    let best: Leecher | undefined;
    for (const leecher of this.#peers.values()) {
      if (leecher.queuedBlocks === 0) continue;
      if (!ready(leecher.id)) {
        leecher.blockedSince ??= now;
        continue;
      }
      leecher.blockedSince = undefined;
      const current = this.#underWay.get(leecher);
      if (current !== undefined && leecher.queue.has(current.piece)) continue;
      if (best === undefined || comesFirst(leecher, best)) best = leecher;
    }
    return best;
  }

  #send(leecher: Leecher, piece: number, now: number): Turn | undefined {
    const block = leecher.dequeue(piece);
    if (block === undefined) return undefined;
    leecher.blockedSince = undefined;
    leecher.isServed = true;
    const current = this.#underWay.get(leecher);
    if (current?.piece === piece) {
      current.movedAt = now;
    } else {
      // It has nothing to trade before its first piece.
      if (leecher.isSlow && leecher.servedAt === 0) leecher.fedAt = now;
      this.#underWay.set(leecher, { piece, movedAt: now });
      leecher.servedAt = now;
    }
    this.#count(leecher, block, now);
    return { peer: leecher.id, block };
  }

  #count(leecher: Leecher, block: Block, now: number): void {
    this.#uplink.add(block.length, now);
    const promised = leecher.promised.get(block.piece);
    if (promised === undefined) return;
    if (this.#availability.copiesOf(block.piece) > 0) this.#uplink.repeated += block.length;
    promised.since = now;
    promised.sent += block.length;
    if (promised.sent < this.#lengthOf(block.piece)) return;
    this.#underWay.delete(leecher);
    leecher.ignored = 0;
    if (this.#availability.copiesOf(block.piece) === 0) {
      this.#holder.set(block.piece, leecher.id);
      leecher.debt++;
    }
    this.#availability.send(block.piece);
    // Some clients send HAVE only to peers that lack the piece, so a sent piece counts as had.
    if (!leecher.gain(block.piece, now)) return;
    leecher.gained++;
    this.#addCopy(leecher, block.piece);
  }

  #addCopy(leecher: Leecher, piece: number): void {
    this.#copied++;
    this.#availability.addCopy(piece);
    if (leecher.promised.delete(piece)) {
      this.#availability.release(piece);
      this.#showing.change();
    }
    const holder = this.#holder.get(piece);
    if (holder === undefined || holder === leecher.id) return;
    this.#holder.delete(piece);
    const passedOn = this.#peers.get(holder);
    if (passedOn !== undefined) passedOn.debt--;
  }

  #lengthOf(piece: number): number {
    const { length, pieceLength } = this.#pieces;
    return Math.min(pieceLength, length - piece * pieceLength);
  }
}

/** A peer that requests a piece it has already comes after all others. */
function comesFirst(one: Leecher, other: Leecher): boolean {
  const [isNew, isOtherNew] = [one, other].map(({ promised, firstRequested }) =>
    promised.has(firstRequested),
  );
  return isNew === isOtherNew ? one.goesBefore(other) : isNew === true;
}

/**
 * Which pieces an upload-only origin shows to whom, and whose blocks go out next.
 *
 * The origin never says that it has everything (super-seeding, BEP 16). It shows each
 * peer a few pieces by HAVE, a peer can ask for no others, and so the origin decides
 * what its uplink carries:
 *
 * 1. A piece that nobody has and nobody was promised goes to the peer that owes the
 *    others least. So each piece leaves once before any leaves twice.
 * 2. A piece once begun for a peer is finished, and few are under way at a time: only
 *    a whole piece can be passed on.
 * 3. When each piece is somewhere, rare ones are sent again, for a small part of the
 *    file's size; and a peer that nobody feeds, or that is among the last, is fed from
 *    here, with no such bound.
 *
 * It has no clock and no sockets. Times are milliseconds, peers are numbers.
 */

import { Availability } from "./availability.ts";
import { Leecher } from "./leecher.ts";
import { Rate } from "./rate.ts";
import { REQUEST_QUEUE, TUNING, type Tuning } from "./tuning.ts";
import { BLOCK, type Block } from "./wire.ts";

/** What is cut into pieces: bytes of all, and of every piece but the last. */
export interface Pieces {
  readonly length: number;
  readonly pieceLength: number;
}

export interface Show {
  readonly peer: number;
  readonly piece: number;
}

export interface Turn {
  readonly peer: number;
  readonly block: Block;
}

/** Milliseconds after which time alone may change what is shown. */
const SHOW_AGAIN = 50;

/** Times that a peer ignores what it is shown after which asking no longer brings it back at once. */
const TOO_OFTEN = 3;

/** Pieces that are looked at whenever it is thought over what to show: a millisecond's worth. */
const MOST_LOOKS = 2 ** 17;

/** Peers that are complete for each that isn't, when the others are the last of their swarm. */
const LAST = 7;

export class Seeding {
  readonly #pieces: Pieces;
  readonly #tuning: Tuning;
  readonly #peers = new Map<number, Leecher>();
  readonly #availability: Availability;
  /** Who has the only known copy of a piece, from here. */
  readonly #holder = new Map<number, number>();
  /** Pieces that were begun, in that order. */
  readonly #underWay = new Map<Leecher, { piece: number; movedAt: number }>();
  readonly #rate = new Rate();
  /** Milliseconds: when the last block was sent. */
  #sentAt = 0;
  /** Bytes. */
  #sentBytes = 0;
  #repeatedBytes = 0;
  /** Milliseconds: when peers left that were complete, of late. */
  readonly #completions: number[] = [];
  /** Whether something happened that may change what is shown, and when it was last thought over. */
  #isChanged = false;
  #shownAt = 0;

  constructor(pieces: Pieces, tuning: Tuning = TUNING) {
    this.#pieces = pieces;
    this.#tuning = tuning;
    this.#availability = new Availability(Math.ceil(pieces.length / pieces.pieceLength));
  }

  get pieceCount(): number {
    return this.#availability.pieceCount;
  }

  /** Bytes that were sent, and those of them that were sent for being rare. */
  get sent(): { readonly bytes: number; readonly repeated: number } {
    return { bytes: this.#sentBytes, repeated: this.#repeatedBytes };
  }

  /** `isSlow`: it asks, and passes on, as rarely as Transmission. */
  join(peer: number, now: number, isSlow = false): void {
    this.#peers.set(peer, new Leecher(peer, this.pieceCount, now, isSlow));
    this.#isChanged = true;
  }

  leave(peer: number, now: number): void {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined) return;
    this.#peers.delete(peer);
    this.#isChanged = true;
    this.#underWay.delete(leecher);
    for (const piece of leecher.promised.keys()) this.#availability.release(piece);
    for (const piece of leecher.has.without(leecher.brought)) this.#availability.removeCopy(piece);
    if (leecher.isProven) this.#completions.push(now);
    const { remembered } = this.#tuning;
    while (now - (this.#completions[0] ?? now) >= remembered) this.#completions.shift();
  }

  /** A peer says that it has a piece. Whether there is such a piece. */
  gain(peer: number, piece: number, now: number): boolean {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined || piece >= this.pieceCount) return false;
    if (!leecher.gain(piece, now)) return true;
    leecher.fedAt = now;
    if (this.#availability.wasSent(piece)) leecher.gained++;
    this.#addCopy(leecher, piece);
    return true;
  }

  /** A peer says what it has: only what is new costs something. */
  gainAll(peer: number, bitfield: Uint8Array, now: number): void {
    const { has } = this.#peers.get(peer) ?? {};
    if (has === undefined) return;
    for (const piece of has.missing(bitfield)) this.gain(peer, piece, now);
  }

  /**
   * A peer says what it has as it comes: a bit for each piece. It is shown nothing of that,
   * and nobody else goes without for it.
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
    this.#isChanged = true;
  }

  /** Whether a peer has every piece, as it says or as was sent. */
  isComplete(peer: number): boolean {
    return this.#peers.get(peer)?.isComplete ?? false;
  }

  /** A peer asks for a block that lies within its piece. Refused: it wasn't shown the piece. */
  ask(peer: number, block: Block): "queued" | "refused" | "too many" {
    const leecher = this.#peers.get(peer);
    if (leecher === undefined || !leecher.shown.has(block.piece)) return "refused";
    if (leecher.queuedBlocks >= REQUEST_QUEUE) return "too many";
    leecher.enqueue(block);
    // It was late, and is served as if it hadn't been.
    if (!leecher.has.has(block.piece) && !leecher.promised.has(block.piece)) {
      leecher.promised.set(block.piece, { since: this.#shownAt, sent: 0 });
      this.#availability.promise(block.piece);
    }
    if (leecher.ignored < TOO_OFTEN) leecher.passedOverUntil = 0;
    return "queued";
  }

  /** A peer no longer wants a block. Whether it was still to be sent. */
  withdraw(peer: number, block: Block): boolean {
    return this.#peers.get(peer)?.withdraw(block) ?? false;
  }

  /** The block that goes out now, to one of the peers that are `ready` to take it. */
  next(now: number, ready: (peer: number) => boolean): Turn | undefined {
    let moving = 0;
    for (const [leecher, turn] of this.#underWay) {
      if (!leecher.queue.has(turn.piece)) continue;
      if (ready(leecher.id)) return this.#send(leecher, turn.piece, now);
      if (now - turn.movedAt < this.#tuning.stalled) moving++;
    }
    if (moving >= this.#tuning.underWay) return undefined;
    const leecher = this.#nextPeer(now, ready);
    if (leecher !== undefined) return this.#send(leecher, leecher.firstAsked, now);
    if (moving === 0) this.#showMore(now);
    return undefined;
  }

  /**
   * The link is idle: peers that have nothing left to ask for are shown more from now on,
   * those that only we feed, and slow ones when there are pieces that nobody has.
   */
  #showMore(now: number): void {
    const isWasted =
      this.#availability.unclaimedCount > 0 && now - this.#sentAt > this.#tuning.idle;
    for (const leecher of this.#peers.values()) {
      if (!leecher.isServed || leecher.queuedBlocks > 0) continue;
      const isWaiting = isWasted && leecher.isSlow;
      if (!isWaiting && !this.#isStarved(leecher, now)) continue;
      leecher.boost *= isWaiting ? 4 : 2;
      this.#isChanged = true;
      leecher.isServed = false;
    }
  }

  /** Of the peers that wait for their next piece: the one that owes least, then the one that waited longest. */
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
      // Before its first piece it has nothing to trade.
      if (leecher.isSlow && leecher.servedAt === 0) leecher.fedAt = now;
      this.#underWay.set(leecher, { piece, movedAt: now });
      leecher.servedAt = now;
    }
    this.#count(leecher, block, now);
    return { peer: leecher.id, block };
  }

  #count(leecher: Leecher, block: Block, now: number): void {
    this.#sentAt = now;
    this.#sentBytes += block.length;
    this.#rate.add(block.length, now);
    const promised = leecher.promised.get(block.piece);
    if (promised === undefined) return;
    if (this.#availability.copiesOf(block.piece) > 0) this.#repeatedBytes += block.length;
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
    // Some clients announce a piece only to those who don't have it, so sent is had.
    if (!leecher.gain(block.piece, now)) return;
    leecher.gained++;
    this.#addCopy(leecher, block.piece);
  }

  #addCopy(leecher: Leecher, piece: number): void {
    this.#availability.addCopy(piece);
    if (leecher.promised.delete(piece)) {
      this.#availability.release(piece);
      this.#isChanged = true;
    }
    const holder = this.#holder.get(piece);
    if (holder === undefined || holder === leecher.id) return;
    this.#holder.delete(piece);
    const passedOn = this.#peers.get(holder);
    if (passedOn !== undefined) passedOn.debt--;
  }

  /** The pieces to announce now, each to one peer. */
  show(now: number): readonly Show[] {
    if (!this.#isChanged && now - this.#shownAt < SHOW_AGAIN) return [];
    this.#isChanged = false;
    this.#shownAt = now;
    this.#availability.allow(Math.max(MOST_LOOKS, this.pieceCount));
    const shows: Show[] = [];
    const window = Math.ceil(this.#aheadAt(now) / Math.max(1, this.#peers.size));
    const hungry: Leecher[] = [];
    let queued = 0;
    let complete = this.#completions.length;
    let incomplete = 0;
    for (const leecher of this.#peers.values()) {
      if (leecher.isProven) complete++;
      else if (!leecher.isComplete) incomplete++;
      this.#releaseOld(leecher, now);
      const isBlocked = now - (leecher.blockedSince ?? now) > this.#tuning.stalled;
      if (isBlocked || now < leecher.passedOverUntil || leecher.isComplete) continue;
      queued += leecher.queuedBlocks * BLOCK;
      if (leecher.promised.size < this.#windowOf(leecher, window)) hungry.push(leecher);
    }
    const areLast = incomplete * LAST <= complete;
    // For whom nothing was found, those are looked again last, in turn.
    hungry.sort((a, b) => a.searchedAt - b.searchedAt || (a.goesBefore(b) ? -1 : 1));
    for (const leecher of hungry) {
      while (leecher.promised.size < this.#windowOf(leecher, window)) {
        const piece = this.#choose(leecher, queued, areLast, now);
        leecher.searchedAt = piece === undefined ? now : 0;
        if (piece === undefined) break;
        leecher.promised.set(piece, { since: now, sent: 0 });
        this.#availability.promise(piece);
        if (leecher.shown.add(piece)) shows.push({ peer: leecher.id, piece });
      }
    }
    return shows;
  }

  #windowOf(leecher: Leecher, window: number): number {
    const most = Math.max(1, Math.floor(this.#tuning.ahead[1] / this.#pieces.pieceLength));
    return Math.min(window * leecher.boost, Math.max(window, most));
  }

  /** A piece to show to a peer, `areLast` or not, while so many bytes wait for the link. */
  #choose(leecher: Leecher, queued: number, areLast: boolean, now: number): number | undefined {
    const availability = this.#availability;
    const isElsewhere = this.#isElsewhere(now);
    const piece = availability.findUnclaimed(
      (piece) => !leecher.has.has(piece) && !(isElsewhere && availability.wasSent(piece)),
    );
    if (piece !== undefined) return piece;
    const ahead = this.#aheadAt(now);
    if (queued * 2 > ahead * this.#pieces.pieceLength) return undefined;
    const lacks = (piece: number) => !leecher.has.has(piece) && !leecher.shown.has(piece);
    if (areLast || this.#isStarved(leecher, now)) return availability.findRarest(Infinity, lacks);
    if (this.#repeatedBytes >= this.#repeatsFor(leecher) * this.#pieces.length) return undefined;
    if (isElsewhere || availability.promisedCount >= ahead) return undefined;
    const rare = Math.max(1, Math.floor(this.#peers.size / 8));
    const isSettled = (piece: number) => !availability.isPromised(piece);
    return availability.findRarest(rare, (piece) => isSettled(piece) && lacks(piece));
  }

  /** The part of the file that may have been sent again for a peer to get something rare. */
  #repeatsFor(leecher: Leecher): number {
    if (!leecher.isSlow) return this.#tuning.repeats;
    // Before that, slow peers have yet to begin to share, and all pieces are rare.
    return leecher.has.size * 4 > this.pieceCount * 3 ? this.#tuning.slowRepeats : 0;
  }

  /** Whether a peer that left is likely to have what the connected ones lack. */
  #isElsewhere(now: number): boolean {
    const left = this.#completions.at(-1);
    return left !== undefined && now - left < this.#tuning.remembered && this.#peers.size > 1;
  }

  /** Whether no other peer has fed it for longer than three pieces take it; than a slow one takes to begin. */
  #isStarved(leecher: Leecher, now: number): boolean {
    const { patience, slowPatience } = this.#tuning;
    const [least, most] = patience;
    const usual = Math.min(Math.max(3 * leecher.gap, least), most);
    return now - leecher.fedAt > (leecher.isSlow ? slowPatience : usual);
  }

  /** Takes back what a peer was shown and didn't ask for, or doesn't take. */
  #releaseOld(leecher: Leecher, now: number): void {
    const { release } = this.#tuning;
    const isBlocked = now - (leecher.blockedSince ?? now) > release / 4;
    let ignored = 0;
    for (const [piece, promised] of leecher.promised) {
      const isSlow = !leecher.queue.has(piece) && now - promised.since > release;
      if (!isSlow && !isBlocked) continue;
      if (isSlow) ignored = 1;
      leecher.promised.delete(piece);
      this.#availability.release(piece);
    }
    if (ignored === 0) return;
    leecher.passedOverUntil = now + release * 2 ** Math.min(leecher.ignored, TOO_OFTEN);
    leecher.ignored++;
  }

  /** Pieces to show ahead, over all peers: what a quarter of a second takes. */
  #aheadAt(now: number): number {
    const [least, most] = this.#tuning.ahead;
    const bytes = Math.min(Math.max(this.#rate.perSecond(now) / 4, least), most);
    return Math.max(2, Math.ceil(bytes / this.#pieces.pieceLength));
  }

  #lengthOf(piece: number): number {
    const { length, pieceLength } = this.#pieces;
    return Math.min(pieceLength, length - piece * pieceLength);
  }
}

/** Who waits for what it has already, comes after all others. */
function comesFirst(one: Leecher, other: Leecher): boolean {
  const [isNew, isOtherNew] = [one, other].map(({ promised, firstAsked }) =>
    promised.has(firstAsked),
  );
  return isNew === isOtherNew ? one.goesBefore(other) : isNew === true;
}

/**
 * Which pieces are shown to which peers. A peer may request only pieces that it was shown,
 * and each piece that is shown and not yet sent is promised to its peer. In this order:
 *
 * 1. A piece that no peer has and that is promised to none, to the peer that owes the
 *    others least: so each piece leaves once before any leaves twice.
 * 2. The rarest piece, to a peer that gets nothing from others or is among the last.
 * 3. A rare piece again, for a small part of the file's size.
 *
 * What a peer doesn't request in time is shown to another.
 */

import type { Availability } from "./availability.ts";
import type { Leecher } from "./leecher.ts";
import type { Tuning } from "./tuning.ts";
import type { Uplink } from "./uplink.ts";
import { BLOCK } from "./wire.ts";

/** The content in pieces: bytes of all, and of every piece but the last. */
export interface Pieces {
  readonly length: number;
  readonly pieceLength: number;
}

export interface Show {
  readonly peer: number;
  readonly piece: number;
}

/** Milliseconds after which time alone may change what is shown. */
const SHOW_AGAIN = 50;

/** Times that a peer ignores what it is shown after which a request no longer brings it back at once. */
export const TOO_OFTEN = 3;

/** Pieces that one call looks at: about a millisecond's work. */
const MOST_LOOKS = 2 ** 17;

/** Complete peers for each incomplete one, at least, when the incomplete ones are the last of their swarm. */
const LAST = 7;

export class Showing {
  readonly #pieces: Pieces;
  readonly #tuning: Tuning;
  readonly #peers: ReadonlyMap<number, Leecher>;
  readonly #availability: Availability;
  readonly #uplink: Uplink;
  /** Milliseconds: when peers left that were complete, of late. */
  readonly #completions: number[] = [];
  #isChanged = false;
  /** Milliseconds: when {@link show} last did its work. */
  shownAt = 0;

  constructor(
    pieces: Pieces,
    tuning: Tuning,
    peers: ReadonlyMap<number, Leecher>,
    availability: Availability,
    uplink: Uplink,
  ) {
    this.#pieces = pieces;
    this.#tuning = tuning;
    this.#peers = peers;
    this.#availability = availability;
    this.#uplink = uplink;
  }

  /** Something happened that may change what is shown. */
  change(): void {
    this.#isChanged = true;
  }

  /** A peer left. For a while a complete one counts as a copy of everything. */
  leave(leecher: Leecher, now: number): void {
    this.#isChanged = true;
    if (leecher.isProven) this.#completions.push(now);
    const { remembered } = this.#tuning;
    while (now - (this.#completions[0] ?? now) >= remembered) this.#completions.shift();
  }

  /** The pieces to announce now, each to one peer. */
  show(now: number): readonly Show[] {
    if (!this.#isChanged && now - this.shownAt < SHOW_AGAIN) return [];
    this.#isChanged = false;
    this.shownAt = now;
    this.#availability.allow(Math.max(MOST_LOOKS, this.#availability.pieceCount));
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
    // Peers for which nothing was found come last, the one searched for longest ago first.
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

  /**
   * The link is idle: peers that have requested all they were shown are shown more from now
   * on, if only this server feeds them, or if they are slow and some pieces never left.
   */
  showMore(now: number): void {
    const isIdle = now - this.#uplink.sentAt > this.#tuning.idle;
    const isWasted = this.#availability.unclaimedCount > 0 && isIdle;
    for (const leecher of this.#peers.values()) {
      if (!leecher.isServed || leecher.queuedBlocks > 0) continue;
      const isWaiting = isWasted && leecher.isSlow;
      if (!isWaiting && !this.#isStarved(leecher, now)) continue;
      leecher.boost *= isWaiting ? 4 : 2;
      this.#isChanged = true;
      leecher.isServed = false;
    }
  }

  #windowOf(leecher: Leecher, window: number): number {
    const most = Math.max(1, Math.floor(this.#tuning.ahead[1] / this.#pieces.pieceLength));
    return Math.min(window * leecher.boost, Math.max(window, most));
  }

  /** A piece to show to a peer, while `queued` bytes wait for the link. */
  #choose(leecher: Leecher, queued: number, areLast: boolean, now: number): number | undefined {
    const availability = this.#availability;
    const hasLeaver = this.#hasCompleteLeaver(now);
    const piece = availability.findUnclaimed(
      (piece) => !leecher.has.has(piece) && !(hasLeaver && availability.wasSent(piece)),
    );
    if (piece !== undefined) return piece;
    const ahead = this.#aheadAt(now);
    if (queued * 2 > ahead * this.#pieces.pieceLength) return undefined;
    const lacks = (piece: number) => !leecher.has.has(piece) && !leecher.shown.has(piece);
    if (areLast || this.#isStarved(leecher, now)) return availability.findRarest(Infinity, lacks);
    if (this.#uplink.repeated >= this.#repeatsFor(leecher) * this.#pieces.length) return undefined;
    if (hasLeaver || availability.promisedCount >= ahead) return undefined;
    const rare = Math.max(1, Math.floor(this.#peers.size / 8));
    const isSettled = (piece: number) => !availability.isPromised(piece);
    return availability.findRarest(rare, (piece) => isSettled(piece) && lacks(piece));
  }

  /** The part of the file that may have been sent again when a peer gets a rare piece. */
  #repeatsFor(leecher: Leecher): number {
    if (!leecher.isSlow) return this.#tuning.repeats;
    // Before that, slow peers have yet to begin to share, and all pieces are rare.
    const isNearlyDone = leecher.has.size * 4 > this.#availability.pieceCount * 3;
    return isNearlyDone ? this.#tuning.slowRepeats : 0;
  }

  /** Whether a complete peer left of late: others may still get what they lack from it. */
  #hasCompleteLeaver(now: number): boolean {
    const left = this.#completions.at(-1);
    return left !== undefined && now - left < this.#tuning.remembered && this.#peers.size > 1;
  }

  /** Whether no other peer has fed it for longer than three pieces usually take; for a slow one, than it takes to begin. */
  #isStarved(leecher: Leecher, now: number): boolean {
    const { patience, slowPatience } = this.#tuning;
    const [least, most] = patience;
    const usual = Math.min(Math.max(3 * leecher.gap, least), most);
    return now - leecher.fedAt > (leecher.isSlow ? slowPatience : usual);
  }

  /** Takes back what a peer was shown and didn't request, or doesn't take. */
  #releaseOld(leecher: Leecher, now: number): void {
    const { release } = this.#tuning;
    const isBlocked = now - (leecher.blockedSince ?? now) > release / 4;
    let isIgnored = false;
    for (const [piece, promised] of leecher.promised) {
      const isLate = !leecher.queue.has(piece) && now - promised.since > release;
      if (!isLate && !isBlocked) continue;
      if (isLate) isIgnored = true;
      leecher.promised.delete(piece);
      this.#availability.release(piece);
    }
    if (!isIgnored) return;
    leecher.passedOverUntil = now + release * 2 ** Math.min(leecher.ignored, TOO_OFTEN);
    leecher.ignored++;
  }

  /** Pieces to show ahead, over all peers: a quarter of a second's worth. */
  #aheadAt(now: number): number {
    const [least, most] = this.#tuning.ahead;
    const bytes = Math.min(Math.max(this.#uplink.perSecond(now) / 4, least), most);
    return Math.max(2, Math.ceil(bytes / this.#pieces.pieceLength));
  }
}

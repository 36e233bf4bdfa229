/**
 * Simulates a swarm in steps of time, with more peers than one machine can hold and the
 * behaviour that was measured. Pure: the same model and seed give the same swarm.
 *
 * The unit of time is what one link needs for one piece, so a lone download takes as
 * long as there are pieces. Every link carries one piece a unit each way; the transfers
 * over it share it evenly, and what one can't use the others get.
 * Left out: delay on the way, lost packets, the time that choking and asking takes.
 */

import { Random } from "./random.ts";

/** How peers behave. */
export interface Model {
  readonly peers: number;
  readonly pieces: number;
  /** Neighbours that a peer sends to at the same time. */
  readonly slots: number;
  /** Peers that the origin sends to at the same time. */
  readonly originSlots: number;
  /** Units of time after which a slot that is still used is given to another. */
  readonly turn: number;
  /** Peers that the tracker names, of those who have come so far. */
  readonly named: number;
  /** Connections of a peer at most. */
  readonly neighbours: number;
  /** Units of time within which everyone comes. */
  readonly arrival: number;
  /**
   * What the origin gives: `once`, the piece that it has given least often; `asked`, the
   * one that the peer wants, as a web seed or a plain seeder does.
   */
  readonly origin: "once" | "asked";
  /** The rarest piece among a peer's neighbours, or any. */
  readonly pick: "rarest" | "random";
}

export interface Outcome {
  /** When each peer had all pieces, over the time of a lone download, by time. */
  readonly finishes: readonly number[];
  /** Pieces that the origin sent over those there are. */
  readonly originSent: number;
  /** Pieces that arrived twice over all that were needed. */
  readonly wasted: number;
}

/** Units of time. */
const STEP = 0.25;
/** Rounds in which shares that can't be used go to others. */
const FILLINGS = 3;
const ORIGIN = 0;

/** A slot: what one sends another. */
interface Slot {
  readonly to: number;
  readonly since: number;
  /** The piece on its way, or none: the other has nothing to ask for. */
  piece: number | undefined;
  /** How much of it has arrived, 0 to 1. */
  done: number;
  /** Of the sender, when the other last found nothing in it. */
  seen: number;
  rate: number;
}

/** The slowest peer possible: it gets everything from the origin, after all others. */
export function simulate(model: Model, seed: number): Outcome {
  const swarm = new Swarm(model, new Random(seed));
  const latest = model.pieces * (model.peers + 1) + model.arrival;
  while (swarm.time < latest && !swarm.complete()) swarm.step();
  return swarm.outcome();
}

class Swarm {
  time = 0;
  readonly #model: Model;
  readonly #random: Random;
  /** By peer; the origin is the first. */
  readonly #has: Uint8Array[];
  readonly #asked: Uint8Array[];
  readonly #count: Int32Array;
  /** How many neighbours of a peer have each piece. */
  readonly #common: Uint16Array[];
  readonly #neighbours: number[][];
  readonly #slots: Slot[][];
  readonly #given: Int32Array;
  readonly #finishes: number[] = [];
  #come = 0;
  #originSent = 0;
  #wasted = 0;

  constructor(model: Model, random: Random) {
    const { peers, pieces } = model;
    const each = <T>(make: (peer: number) => T) =>
      Array.from({ length: peers + 1 }, (_, n) => make(n));
    this.#model = model;
    this.#random = random;
    this.#has = each((peer) => new Uint8Array(pieces).fill(peer === ORIGIN ? 1 : 0));
    this.#asked = each(() => new Uint8Array(pieces));
    this.#count = new Int32Array(peers + 1);
    this.#count[ORIGIN] = pieces;
    this.#common = each(() => new Uint16Array(pieces));
    this.#neighbours = each(() => []);
    this.#slots = each(() => []);
    this.#given = new Int32Array(pieces);
  }

  complete(): boolean {
    return this.#finishes.length === this.#model.peers;
  }

  outcome(): Outcome {
    const { pieces, peers } = this.#model;
    return {
      finishes: this.#finishes.map((at) => at / pieces),
      originSent: this.#originSent / pieces,
      wasted: this.#wasted / (pieces * peers),
    };
  }

  step(): void {
    this.#arrive();
    for (let peer = 0; peer <= this.#come; peer++) this.#unchoke(peer);
    for (let peer = 0; peer <= this.#come; peer++) {
      for (const slot of this.#slots[peer] ?? [])
        if (slot.piece === undefined) this.#ask(peer, slot);
    }
    this.#share();
    this.time += STEP;
    for (let peer = 0; peer <= this.#come; peer++) {
      for (const slot of this.#slots[peer] ?? []) this.#send(peer, slot);
    }
  }

  /** The tracker names the origin and some of those who came before. */
  #arrive(): void {
    const { peers, arrival, named } = this.#model;
    const due =
      arrival === 0 ? peers : Math.min(peers, Math.floor((peers * this.time) / arrival) + 1);
    while (this.#come < due) {
      const peer = ++this.#come;
      this.#connect(peer, ORIGIN);
      for (const other of this.#random.sample(this.#come - 1, named - 1))
        this.#connect(peer, other + 1);
    }
  }

  #connect(peer: number, other: number): void {
    const ours = this.#neighbours[peer] ?? [];
    const theirs = this.#neighbours[other] ?? [];
    const { neighbours } = this.#model;
    // The origin has room for all.
    if (other !== ORIGIN && (ours.length >= neighbours || theirs.length >= neighbours)) return;
    ours.push(other);
    theirs.push(peer);
    for (const [from, to] of [
      [peer, other],
      [other, peer],
    ] as const) {
      const has = this.#has[from];
      const common = this.#common[to];
      if (has === undefined || common === undefined) continue;
      for (let piece = 0; piece < has.length; piece++)
        common[piece] = (common[piece] ?? 0) + (has[piece] ?? 0);
    }
  }

  /** Slots of peers that want nothing, or have had their turn, go to peers that want something. */
  #unchoke(peer: number): void {
    const { slots, originSlots, turn } = this.#model;
    const all = this.#slots[peer] ?? [];
    const most = peer === ORIGIN ? originSlots : slots;
    for (let n = all.length - 1; n >= 0; n--) {
      const slot = all[n];
      if (slot === undefined || slot.piece !== undefined) continue;
      if (this.#wants(slot.to, peer) && this.time - slot.since < turn) continue;
      all.splice(n, 1);
    }
    if (all.length >= most) return;
    const neighbours = this.#neighbours[peer] ?? [];
    // A few peers a step, so that a large swarm costs no more for each peer.
    for (
      let tries = Math.min(neighbours.length, 2 * most);
      tries > 0 && all.length < most;
      tries--
    ) {
      const to = neighbours[this.#random.below(neighbours.length)];
      if (to === undefined || all.some((slot) => slot.to === to) || !this.#wants(to, peer))
        continue;
      all.push({ to, since: this.time, piece: undefined, done: 0, seen: -1, rate: 0 });
    }
  }

  #wants(peer: number, from: number): boolean {
    const { pieces } = this.#model;
    if (this.#count[peer] === pieces) return false;
    if (this.#count[from] === pieces) return true;
    const has = this.#has[from] ?? [];
    const own = this.#has[peer] ?? [];
    for (let piece = 0; piece < pieces; piece++)
      if (has[piece] === 1 && own[piece] === 0) return true;
    return false;
  }

  /** The piece that goes next from one to another. */
  #ask(from: number, slot: Slot): void {
    const count = this.#count[from] ?? 0;
    const { to } = slot;
    const last = this.#endgame(to);
    if (slot.seen === count && !last) return;
    const piece = this.#choose(from, to, last);
    if (piece === undefined) {
      slot.seen = count;
      return;
    }
    slot.piece = piece;
    const asked = this.#asked[to];
    if (asked !== undefined) asked[piece] = (asked[piece] ?? 0) + 1;
    if (from === ORIGIN) this.#given[piece] = (this.#given[piece] ?? 0) + 1;
  }

  /** Whether nearly all that a peer lacks is on its way: then it requests it from others as well. */
  #endgame(peer: number): boolean {
    return this.#model.pieces - (this.#count[peer] ?? 0) <= 4;
  }

  #choose(from: number, to: number, last: boolean): number | undefined {
    const { pieces, pick, origin } = this.#model;
    const has = this.#has[from] ?? [];
    const own = this.#has[to] ?? [];
    const asked = this.#asked[to] ?? [];
    const common = this.#common[to] ?? [];
    const once = from === ORIGIN && origin === "once";
    let best: number | undefined;
    let least = Infinity;
    // Ties are broken by where the search begins.
    const begin = this.#random.below(pieces);
    for (let n = 0; n < pieces; n++) {
      const piece = n + begin < pieces ? n + begin : n + begin - pieces;
      if (has[piece] !== 1 || own[piece] === 1) continue;
      const under = asked[piece] ?? 0;
      if (under > 0 && !(last && under < 2 && from !== ORIGIN)) continue;
      const weight = once
        ? (this.#given[piece] ?? 0)
        : pick === "rarest"
          ? (common[piece] ?? 0)
          : 0;
      const cost = weight + under * pieces;
      if (cost >= least) continue;
      least = cost;
      best = piece;
    }
    return best;
  }

  /** Rates: even shares of both links, then what is left of them to those who can use it. */
  #share(): void {
    const { peers } = this.#model;
    const up = new Float64Array(peers + 1).fill(1);
    const down = new Float64Array(peers + 1).fill(1);
    const sending = new Int32Array(peers + 1);
    const receiving = new Int32Array(peers + 1);
    const active: [number, Slot][] = [];
    for (let peer = 0; peer <= this.#come; peer++) {
      for (const slot of this.#slots[peer] ?? []) {
        slot.rate = 0;
        if (slot.piece !== undefined) active.push([peer, slot]);
      }
    }
    for (let filling = 0; filling < FILLINGS; filling++) {
      sending.fill(0);
      receiving.fill(0);
      const open = active.filter(
        ([from, { to }]) => (up[from] ?? 0) > 1e-3 && (down[to] ?? 0) > 1e-3,
      );
      for (const [from, { to }] of open) {
        sending[from] = (sending[from] ?? 0) + 1;
        receiving[to] = (receiving[to] ?? 0) + 1;
      }
      const more = open.map(([from, { to }]) =>
        Math.min((up[from] ?? 0) / (sending[from] ?? 1), (down[to] ?? 0) / (receiving[to] ?? 1)),
      );
      for (const [n, [from, slot]] of open.entries()) {
        const rate = more[n] ?? 0;
        slot.rate += rate;
        up[from] = (up[from] ?? 0) - rate;
        down[slot.to] = (down[slot.to] ?? 0) - rate;
      }
    }
  }

  #send(from: number, slot: Slot): void {
    if (slot.piece === undefined) return;
    if (from === ORIGIN) this.#originSent += slot.rate * STEP;
    slot.done += slot.rate * STEP;
    if (slot.done < 1) return;
    const { piece, to } = slot;
    // The requests of the next piece have long been there: no time is lost between two.
    slot.done -= 1;
    slot.piece = undefined;
    this.#receive(to, piece);
    this.#ask(from, slot);
    if (slot.piece === undefined) slot.done = 0;
  }

  #receive(peer: number, piece: number): void {
    const own = this.#has[peer];
    const asked = this.#asked[peer];
    if (own === undefined || asked === undefined) return;
    asked[piece] = Math.max(0, (asked[piece] ?? 0) - 1);
    if (own[piece] === 1) {
      this.#wasted += 1;
      return;
    }
    own[piece] = 1;
    this.#count[peer] = (this.#count[peer] ?? 0) + 1;
    for (const neighbour of this.#neighbours[peer] ?? []) {
      const common = this.#common[neighbour];
      if (common !== undefined) common[piece] = (common[piece] ?? 0) + 1;
    }
    if (this.#count[peer] === this.#model.pieces) this.#finishes.push(this.time);
  }
}

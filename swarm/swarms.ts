/** The swarms of a tracker, by info hash, and which was heard of longest ago. */
import { NONE, Slots } from "./slots.ts";

/** The peers of one torrent. */
export class Swarm {
  /** Slots of peers: seeders up to `complete`, then those that need pieces. */
  members: number[] = [];
  complete = 0;
  /** How many were seen to complete the torrent. */
  downloaded = 0;
  /** The member at which the search for expired ones goes on. */
  cursor = 0;
  /** The most members since their array was last made. */
  highest = 0;

  constructor(
    /** 20 bytes. */
    readonly infoHash: Uint8Array,
    readonly slot: number,
  ) {}
}

export class Swarms {
  readonly #slots = new Slots(() => {});
  readonly #swarms: (Swarm | undefined)[] = [];
  readonly #seed: number;

  /** `seed` keeps strangers from choosing info hashes that collide. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The one touched longest ago. */
  get oldest(): Swarm | undefined {
    return this.#slots.oldest === NONE ? undefined : this.#swarms[this.#slots.oldest];
  }

  find(infoHash: Uint8Array): Swarm | undefined {
    for (const slot of this.#slots.chain(this.#hash(infoHash))) {
      const swarm = this.#swarms[slot];
      if (swarm !== undefined && equals(swarm.infoHash, infoHash)) return swarm;
    }
    return undefined;
  }

  add(infoHash: Uint8Array): Swarm {
    const swarm = new Swarm(infoHash, this.#slots.take(this.#hash(infoHash)));
    this.#swarms[swarm.slot] = swarm;
    return swarm;
  }

  touch(swarm: Swarm): void {
    this.#slots.touch(swarm.slot);
  }

  /** Forgets a swarm without members. */
  remove(swarm: Swarm): void {
    this.#slots.release(swarm.slot);
    this.#swarms[swarm.slot] = undefined;
  }

  *[Symbol.iterator](): Generator<Swarm> {
    for (const swarm of this.#swarms) if (swarm !== undefined) yield swarm;
  }

  #hash(infoHash: Uint8Array): number {
    return Bun.hash.xxHash32(infoHash, this.#seed);
  }
}

/** Whether two hashes, addresses or ids are the same bytes. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

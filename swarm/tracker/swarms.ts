/** The swarms of a tracker by info hash, and in the order of their last announce. */

import { enlarge, NONE, Slots } from "./slots.ts";

/** The peers of one torrent. */
export class Swarm {
  /** Slots of peers: seeds up to `complete`, then those that need pieces. */
  members: number[] = [];
  complete = 0;
  /** Peers that completed the torrent here. */
  downloaded = 0;
  /** The member at which the next check for expired ones begins. */
  cursor = 0;
  /** The most members that their array has had. */
  highest = 0;

  constructor(readonly slot: number) {}
}

/** Bytes of an info hash. */
const LENGTH = 20;

export class Swarms {
  readonly #slots = new Slots((capacity) => this.#grow(capacity));
  readonly #swarms: (Swarm | undefined)[] = [];
  /** By slot. One array: an array for each takes 100 bytes more. */
  #infoHashes = new Uint8Array(0);
  readonly #seed: number;
  /** Swarms without members, the one that has been empty longest first. */
  readonly #empty = new Set<Swarm>();

  /** `seed` keeps strangers from choosing info hashes that collide. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The swarm that has been without members longest. */
  get oldestEmpty(): Swarm | undefined {
    const [swarm] = this.#empty;
    return swarm;
  }

  /** The swarm whose last announce is longest ago. */
  get oldest(): Swarm | undefined {
    return this.#slots.oldest === NONE ? undefined : this.#swarms[this.#slots.oldest];
  }

  find(infoHash: Uint8Array): Swarm | undefined {
    const slots = this.#slots;
    const hash = this.#hash(infoHash);
    for (let slot = slots.first(hash); slot !== NONE; slot = slots.next(slot)) {
      if (equals(this.#infoHash(slot), infoHash)) return this.#swarms[slot];
    }
    return undefined;
  }

  /** Info hashes of the `most` swarms with members that announced last. */
  recent(most: number): Uint8Array[] {
    const found: Uint8Array[] = [];
    for (const slot of this.#slots.recent()) {
      if (found.length >= most) break;
      if ((this.#swarms[slot]?.members.length ?? 0) > 0) found.push(this.#infoHash(slot).slice());
    }
    return found;
  }

  add(infoHash: Uint8Array): Swarm {
    const swarm = new Swarm(this.#slots.take(this.#hash(infoHash)));
    this.#infoHashes.set(infoHash, LENGTH * swarm.slot);
    this.#swarms[swarm.slot] = swarm;
    return swarm;
  }

  /** Notes that a member announced. */
  touch(swarm: Swarm): void {
    this.#empty.delete(swarm);
    this.#slots.touch(swarm.slot);
  }

  /** Notes that the last member is gone. */
  markEmpty(swarm: Swarm): void {
    this.#empty.add(swarm);
  }

  /** Removes a swarm without members. */
  remove(swarm: Swarm): void {
    this.#empty.delete(swarm);
    this.#slots.release(swarm.slot);
    this.#swarms[swarm.slot] = undefined;
  }

  #hash(infoHash: Uint8Array): number {
    return Bun.hash.xxHash32(infoHash, this.#seed);
  }

  #infoHash(slot: number): Uint8Array {
    return this.#infoHashes.subarray(LENGTH * slot, LENGTH * (slot + 1));
  }

  #grow(capacity: number): void {
    this.#infoHashes = enlarge(this.#infoHashes, new Uint8Array(LENGTH * capacity));
  }
}

/** Whether two hashes, addresses or ids are the same bytes. */
export function equals(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

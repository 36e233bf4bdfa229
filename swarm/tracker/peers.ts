/**
 * The peers of all swarms, in typed arrays of about 100 bytes a peer, and which of them
 * must go when a limit is reached.
 */

import { type Address, sourceOf } from "../bittorrent/address.ts";
import { Census } from "./census.ts";
import { enlarge, NONE, Slots } from "./slots.ts";
import { equals, type Swarm } from "./swarms.ts";

/** The most that the tracker holds. */
export interface Limits {
  readonly swarms: number;
  readonly peers: number;
  /** Peers with one IPv4 address, or in one IPv6 network of 64 bits. */
  readonly peersOfSource: number;
  /** The same within one swarm. */
  readonly peersOfSourceInSwarm: number;
}

/** What is known of a peer. Times are seconds since 1970. */
export interface Peer {
  readonly address: Address;
  readonly port: number;
  readonly peerId: Uint8Array;
  /** Bytes that it has yet to receive. */
  readonly left: number;
  /** Bytes that it says it has received. */
  readonly downloaded: number;
  readonly lastSeen: number;
  readonly expires: number;
}

/** Random peers that are considered for eviction. */
const CANDIDATES = 8;

export class Peers {
  readonly #slots = new Slots((capacity) => this.#grow(capacity));
  readonly #limits: Limits;
  readonly #seed: number;
  readonly #random: () => number;
  #addresses = new Uint8Array(0);
  #ports = new Uint16Array(0);
  #peerIds = new Uint8Array(0);
  #left = new Float64Array(0);
  #lastSeen = new Uint32Array(0);
  #expires = new Uint32Array(0);
  /** Whether a peer's completion has been counted. */
  #counted = new Uint8Array(0);
  /** Where among the members of its swarm a peer is. */
  #positions = new Uint32Array(0);
  readonly #swarms: Swarm[] = [];
  readonly census = new Census();

  /** `seed` keeps strangers from choosing addresses whose hashes collide. */
  constructor(limits: Limits, seed: number, random: () => number) {
    this.#limits = limits;
    this.#random = random;
    this.#seed = seed;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** The slot of the member of `swarm` at that address and port, or NONE. */
  find(swarm: Swarm, address: Address, port: number): number {
    const slots = this.#slots;
    const hash = this.#hashSource(address);
    for (let slot = slots.first(hash); slot !== NONE; slot = slots.next(slot)) {
      if (slots.hashOf(slot) !== hash) continue;
      if (this.#ports[slot] !== port || this.#swarms[slot] !== swarm) continue;
      if (equals(this.#address(slot), address)) return slot;
    }
    return NONE;
  }

  /** Whether a peer of any swarm has that address. */
  has(address: Address): boolean {
    const slots = this.#slots;
    const hash = this.#hashSource(address);
    for (let slot = slots.first(hash); slot !== NONE; slot = slots.next(slot)) {
      if (slots.hashOf(slot) === hash && equals(this.#address(slot), address)) return true;
    }
    return false;
  }

  /** The peer to evict before one at `address` joins `swarm`, or NONE. */
  toEvictFor(swarm: Swarm | undefined, address: Address): number {
    let [ofSource, inSwarm] = [0, 0];
    let [oldest, oldestInSwarm] = [NONE, NONE];
    const slots = this.#slots;
    // Two sources with one hash, one pair in four billion, share their bounds.
    const hash = this.#hashSource(address);
    for (let slot = slots.first(hash); slot !== NONE; slot = slots.next(slot)) {
      if (slots.hashOf(slot) !== hash) continue;
      ofSource++;
      oldest = this.#older(slot, oldest);
      if (this.#swarms[slot] !== swarm) continue;
      inSwarm++;
      oldestInSwarm = this.#older(slot, oldestInSwarm);
    }
    if (inSwarm >= this.#limits.peersOfSourceInSwarm) return oldestInSwarm;
    if (ofSource >= this.#limits.peersOfSource) return oldest;
    return this.size >= this.#limits.peers ? this.toEvict(() => true) : NONE;
  }

  /**
   * The peer to evict when all is full: the oldest, unless one of eight random ones has a
   * source with more peers. Only peers of a swarm that `may` lose one; NONE when there is none.
   */
  toEvict(may: (swarm: Swarm) => boolean): number {
    let [found, most] = [NONE, 0];
    for (let looks = 0; looks <= CANDIDATES; looks++) {
      const chosen = Math.floor(this.#random() * this.#swarms.length);
      const slot = looks === 0 ? this.#slots.oldest : chosen;
      const swarm = this.#swarms[slot];
      const isUsed = swarm?.members[this.position(slot)] === slot;
      if (!isUsed || !may(swarm)) continue;
      const neighbours = this.#countNeighbours(slot);
      if (neighbours > most) [found, most] = [slot, neighbours];
    }
    return found;
  }

  /** How many peers the source of one has. */
  #countNeighbours(of: number): number {
    let count = 0;
    const slots = this.#slots;
    const hash = slots.hashOf(of);
    for (let slot = slots.first(hash); slot !== NONE; slot = slots.next(slot)) {
      if (slots.hashOf(slot) === hash) count++;
    }
    return count;
  }

  /** Adds a member to `swarm`, and returns its slot. {@link update} says the rest. */
  add(swarm: Swarm, address: Address, port: number): number {
    const slot = this.#slots.take(this.#hashSource(address));
    this.#addresses.set(address, 16 * slot);
    this.#ports[slot] = port;
    this.#left[slot] = 0;
    this.#counted[slot] = 0;
    this.census.begin(slot);
    this.census.join("leechers", address);
    this.#swarms[slot] = swarm;
    this.#positions[slot] = swarm.members.push(slot) - 1;
    swarm.highest = Math.max(swarm.highest, swarm.members.length);
    return slot;
  }

  /** Notes what a peer announced, and counts its completion, once. */
  update(
    slot: number,
    said: Omit<Peer, "address" | "port"> & { readonly completed: boolean },
  ): void {
    // With another id it is another peer, whose completion counts anew.
    if (!this.hasId(slot, said.peerId)) {
      this.#left[slot] = 0;
      this.#counted[slot] = 0;
      this.census.begin(slot);
    }
    this.census.report(slot, said.downloaded, said.lastSeen - (this.#lastSeen[slot] ?? 0));
    // aria2 that ends with its download never announces "completed".
    const finished = said.completed || (this.#left[slot] !== 0 && said.left === 0);
    if (finished && this.#counted[slot] === 0) {
      this.#counted[slot] = 1;
      this.swarmOf(slot).downloaded++;
    }
    this.#peerIds.set(said.peerId, 20 * slot);
    this.#left[slot] = said.left;
    this.#lastSeen[slot] = said.lastSeen;
    this.#expires[slot] = said.expires;
    this.#slots.touch(slot);
    const swarm = this.swarmOf(slot);
    const position = this.#positions[slot] ?? 0;
    const seeds = position < swarm.complete;
    if (said.left === 0 && !seeds) this.#swap(swarm, position, swarm.complete++);
    if (said.left !== 0 && seeds) this.#swap(swarm, position, --swarm.complete);
    if (seeds !== (said.left === 0)) {
      this.census.leave(seeds ? "seeders" : "leechers", this.#address(slot));
      this.census.join(seeds ? "leechers" : "seeders", this.#address(slot));
    }
  }

  remove(slot: number): void {
    const swarm = this.swarmOf(slot);
    const seeds = this.position(slot) < swarm.complete;
    if (seeds) this.#swap(swarm, this.position(slot), --swarm.complete);
    this.census.leave(seeds ? "seeders" : "leechers", this.#address(slot));
    this.#swap(swarm, this.position(slot), swarm.members.length - 1);
    swarm.members.pop();
    // An array keeps its capacity: many that were long once would take more memory than the peers.
    if (4 * swarm.members.length < swarm.highest) {
      swarm.members = swarm.members.slice();
      swarm.highest = swarm.members.length;
    }
    this.#slots.release(slot);
  }

  read(slot: number): Omit<Peer, "downloaded"> {
    return {
      address: this.#address(slot),
      port: this.#ports[slot] ?? 0,
      peerId: this.#peerIds.subarray(20 * slot, 20 * slot + 20),
      left: this.#left[slot] ?? 0,
      lastSeen: this.#lastSeen[slot] ?? 0,
      expires: this.#expires[slot] ?? 0,
    };
  }

  hasId(slot: number, peerId: Uint8Array): boolean {
    return equals(this.#peerIds.subarray(20 * slot, 20 * slot + 20), peerId);
  }

  /** Whether a peer has been silent for so long that it counts as gone. */
  hasExpired(slot: number, seconds: number): boolean {
    return (this.#expires[slot] ?? 0) <= seconds;
  }

  /** Where among the members of its swarm a peer is. */
  position(slot: number): number {
    return this.#positions[slot] ?? 0;
  }

  /** The peer that announced longest ago, or NONE. */
  oldest(): number {
    return this.#slots.oldest;
  }

  swarmOf(slot: number): Swarm {
    const swarm = this.#swarms[slot];
    if (swarm === undefined) throw new RangeError(`No peer in slot ${slot}`);
    return swarm;
  }

  #swap(swarm: Swarm, a: number, b: number): void {
    const { members } = swarm;
    const [slotA = 0, slotB = 0] = [members[a], members[b]];
    members[a] = slotB;
    members[b] = slotA;
    this.#positions[slotB] = a;
    this.#positions[slotA] = b;
  }

  #address(slot: number): Address {
    return this.#addresses.subarray(16 * slot, 16 * slot + 16);
  }

  #older(slot: number, than: number): number {
    if (than === NONE) return slot;
    return (this.#lastSeen[slot] ?? 0) < (this.#lastSeen[than] ?? 0) ? slot : than;
  }

  #hashSource(address: Address): number {
    return Bun.hash.xxHash32(sourceOf(address), this.#seed);
  }

  #grow(capacity: number): void {
    this.#addresses = enlarge(this.#addresses, new Uint8Array(16 * capacity));
    this.#ports = enlarge(this.#ports, new Uint16Array(capacity));
    this.#peerIds = enlarge(this.#peerIds, new Uint8Array(20 * capacity));
    this.#left = enlarge(this.#left, new Float64Array(capacity));
    this.census.grow(capacity);
    this.#lastSeen = enlarge(this.#lastSeen, new Uint32Array(capacity));
    this.#expires = enlarge(this.#expires, new Uint32Array(capacity));
    this.#counted = enlarge(this.#counted, new Uint8Array(capacity));
    this.#positions = enlarge(this.#positions, new Uint32Array(capacity));
  }
}

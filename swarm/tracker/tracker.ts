/**
 * The tracker (BEP 3): which peers share a torrent. One object holds all swarms. It reads
 * no clock and starts no timer: each announce removes some of the peers that have expired.
 */

import { type Address, compactAddress } from "../bittorrent/address.ts";
import type { Encodable, EncodableRecord } from "../bittorrent/bencode.ts";
import type { Announce } from "./announce.ts";
import { intervalFor, isEarly, spread, timeToLive } from "./intervals.ts";
import { choosePeers, type Endpoint, listPeers } from "./peer-list.ts";
import { type Limits, Peers } from "./peers.ts";
import { NONE } from "./slots.ts";
import { type Swarm, Swarms } from "./swarms.ts";

/** The numbers of an answer about a swarm. */
interface Counts {
  /** Peers that have every piece. */
  readonly complete: number;
  readonly incomplete: number;
  /** Peers that completed it here. */
  readonly downloaded: number;
}

/** Peers of a torrent as they announced themselves. */
export interface Members extends Omit<Counts, "downloaded"> {
  /** Some of them; `left` is in bytes. */
  readonly peers: readonly (Endpoint & { readonly left: number })[];
}

interface TrackerOptions {
  /** Seconds between the announces of a peer; undefined: by the number of peers. */
  readonly announceInterval?: number | undefined;
  readonly limits?: Limits;
  /** At least 0, less than 1. */
  readonly random?: () => number;
}

/** Together some 35 MiB: measured, 100 bytes a peer and 180 a swarm. */
export const LIMITS: Limits = {
  swarms: 65_536,
  peers: 262_144,
  // A host that seeds a thousand torrents has a thousand peers here.
  peersOfSource: 1024,
  peersOfSourceInSwarm: 64,
};

/** Members of its swarm that an announce checks for expiry: all of a small swarm, a part of a large one. */
const MOST_CHECKED = 64;
/** Expired peers of other swarms that an announce removes, at most. */
const MOST_REMOVED = 8;

export class Tracker {
  readonly #announceInterval: number | undefined;
  readonly #limits: Limits;
  readonly #random: () => number;
  readonly #peers: Peers;
  readonly #swarms: Swarms;

  constructor({ announceInterval, limits = LIMITS, random = Math.random }: TrackerOptions = {}) {
    this.#announceInterval = announceInterval;
    this.#limits = limits;
    this.#random = random;
    const seed = Math.floor(2 ** 32 * random());
    this.#peers = new Peers(limits, seed, random);
    this.#swarms = new Swarms(seed);
  }

  /** Peers in all swarms. */
  get size(): number {
    return this.#peers.size;
  }

  /** Swarms and peers now; what peers have downloaded since each announced first, as they say, in bytes. */
  get figures() {
    const { population, reported } = this.#peers.census;
    return { torrents: this.#swarms.size, population, reported };
  }

  /** Whether a peer of any swarm has that address. */
  hasPeerAt(address: Address): boolean {
    return this.#peers.has(address);
  }

  /**
   * Answers an announce that came from `address`. `now` is milliseconds since 1970;
   * `seeder` is this server's own, which is no member of any swarm here.
   */
  announce(announce: Announce, address: Address, now: number, seeder?: Endpoint): EncodableRecord {
    const seconds = toSeconds(now);
    this.#removeExpired(seconds);
    const asker = { address, port: announce.port };
    if (announce.event === "stopped") this.#leave(announce, asker, seconds);
    else this.#join(announce, asker, seconds);

    const interval = intervalFor(this.size, this.#announceInterval);
    const counts = this.#count(announce.infoHash, seconds, seeder !== undefined);
    const early = seeder !== undefined && isEarly(announce, interval);
    const swarm = this.#swarms.find(announce.infoHash);
    const asking = { announce, address, seconds, isEarly: early, seeder };
    const peers = choosePeers(asking, swarm, this.#peers, this.#random);
    return {
      // Two peers that learn of each other at the same moment connect twice, and each ends one.
      interval: early ? spread(interval, this.#random()) : interval,
      "min interval": Math.ceil(interval / 2),
      ...counts,
      // BEP 24
      "external ip": compactAddress(address),
      ...listPeers(peers, announce),
    };
  }

  /** Info hashes of the `most` swarms whose peers announced last. */
  recent(most: number): Uint8Array[] {
    return this.#swarms.recent(most);
  }

  /** How many peers share a torrent, and `most` of them: first those that need pieces. */
  membersOf(infoHash: Uint8Array, most: number, now: number): Members {
    const { complete, incomplete } = this.#count(infoHash, toSeconds(now), false);
    const members = this.#swarms.find(infoHash)?.members ?? [];
    const slots = members.slice(-most).toReversed();
    const peers = slots.map((slot) => {
      const { address, port, left } = this.#peers.read(slot);
      return { address: address.slice(), port, left };
    });
    return { complete, incomplete, peers };
  }

  /** Answers a scrape (BEP 48). `seeded` is whether this server seeds a torrent itself. */
  scrape(
    torrents: readonly { readonly infoHash: Uint8Array; readonly seeded: boolean }[],
    now: number,
  ): EncodableRecord {
    const files: Record<string, Encodable> = {};
    for (const { infoHash, seeded } of torrents) {
      const name = Buffer.from(infoHash).toString("latin1");
      files[name] = { ...this.#count(infoHash, toSeconds(now), seeded) };
    }
    return { files };
  }

  #join(announce: Announce, { address, port }: Endpoint, seconds: number): void {
    const { infoHash, peerId, left, downloaded, event } = announce;
    const known = this.#swarms.find(infoHash);
    let slot = known === undefined ? NONE : this.#peers.find(known, address, port);
    if (slot === NONE) {
      const evicted = this.#peers.toEvictFor(known, address);
      if (evicted !== NONE) this.#remove(evicted);
      // Looked up again: the swarm is gone if that was its last peer.
      const swarm = this.#swarms.find(infoHash) ?? this.#addSwarm(infoHash);
      slot = this.#peers.add(swarm, address, port);
    }
    const interval = intervalFor(this.size, this.#announceInterval);
    const expires = seconds + timeToLive(interval);
    const completed = event === "completed" && left === 0;
    this.#peers.update(slot, { peerId, left, downloaded, lastSeen: seconds, expires, completed });
    this.#swarms.touch(this.#peers.swarmOf(slot));
  }

  #leave(announce: Announce, { address, port }: Endpoint, seconds: number): void {
    const { infoHash, peerId, left, downloaded } = announce;
    const swarm = this.#swarms.find(infoHash);
    const slot = swarm === undefined ? NONE : this.#peers.find(swarm, address, port);
    // With another id it is another peer, which now listens at the same place.
    if (slot === NONE || !this.#peers.hasId(slot, peerId)) return;
    const last = { lastSeen: seconds, expires: seconds, completed: false };
    this.#peers.update(slot, { peerId, left, downloaded, ...last });
    this.#remove(slot);
  }

  /** Counts a swarm, after removing some of its expired peers. */
  #count(infoHash: Uint8Array, seconds: number, seeded: boolean): Counts {
    const swarm = this.#swarms.find(infoHash);
    if (swarm !== undefined) this.#sweep(swarm, seconds);
    const counts = swarm === undefined ? NOBODY : countsOf(swarm);
    return seeded ? { ...counts, complete: counts.complete + 1 } : counts;
  }

  /** Removes expired members, of the next few. Each peer announces once an interval, so all get their turn. */
  #sweep(swarm: Swarm, seconds: number): void {
    for (let looks = Math.min(MOST_CHECKED, swarm.members.length); looks > 0; looks--) {
      if (swarm.cursor >= swarm.members.length) swarm.cursor = 0;
      const slot = swarm.members[swarm.cursor] ?? NONE;
      // Another member takes the place of one that is removed.
      if (this.#peers.hasExpired(slot, seconds)) this.#remove(slot);
      else swarm.cursor++;
    }
  }

  /** Removes expired peers of any swarm: some swarms get no announces any more. */
  #removeExpired(seconds: number): void {
    for (let looks = MOST_REMOVED; looks > 0; looks--) {
      const slot = this.#peers.oldest();
      if (slot === NONE || !this.#peers.hasExpired(slot, seconds)) return;
      this.#remove(slot);
    }
  }

  #remove(slot: number): void {
    const swarm = this.#peers.swarmOf(slot);
    this.#peers.remove(slot);
    if (swarm.members.length > 0) return;
    // An empty swarm that was completed keeps its count while there is room.
    if (swarm.downloaded > 0) this.#swarms.markEmpty(swarm);
    else this.#swarms.remove(swarm);
  }

  /** Adds a swarm. An empty one makes room for it, else one with a single member, else the oldest. */
  #addSwarm(infoHash: Uint8Array): Swarm {
    const swarms = this.#swarms;
    if (swarms.size >= this.#limits.swarms) {
      const expendable = swarms.oldestEmpty ?? this.#singleMember() ?? swarms.oldest;
      if (expendable !== undefined) this.#removeWithPeers(expendable);
    }
    return swarms.add(infoHash);
  }

  /** A swarm with one member, whose source has many other peers; undefined when none is found. */
  #singleMember(): Swarm | undefined {
    const slot = this.#peers.toEvict(({ members }) => members.length === 1);
    return slot === NONE ? undefined : this.#peers.swarmOf(slot);
  }

  #removeWithPeers(swarm: Swarm): void {
    for (const slot of swarm.members.toReversed()) this.#peers.remove(slot);
    this.#swarms.remove(swarm);
  }
}

const NOBODY: Counts = { complete: 0, incomplete: 0, downloaded: 0 };

function countsOf({ members, complete, downloaded }: Swarm): Counts {
  return { complete, incomplete: members.length - complete, downloaded };
}

function toSeconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

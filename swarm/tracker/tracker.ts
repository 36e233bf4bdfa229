/**
 * The tracker (BEP 3): which peers share a torrent, and whom a peer hears of. One
 * object holds all swarms; it reads no clock and starts no timer, so old peers go
 * when somebody announces.
 */

import { type Address, compactAddress, isLoopback } from "../bittorrent/address.ts";
import type { Encodable, EncodableRecord } from "../bittorrent/bencode.ts";
import { isTransmission } from "../bittorrent/client.ts";
import type { Announce } from "./announce.ts";
import { type Endpoint, type ListedPeer, listPeers, sample } from "./peer-list.ts";
import { type Limits, Peers } from "./peers.ts";
import { NONE } from "./slots.ts";
import { type Swarm, Swarms } from "./swarms.ts";

/** How many peers a swarm has. */
export interface Counts {
  /** Peers that have every piece. */
  readonly complete: number;
  readonly incomplete: number;
  /** How many were seen to complete it. */
  readonly downloaded: number;
}

export interface TrackerOptions {
  /** Seconds between the announces of a peer; undefined suits it to their number. */
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

/** Peers in an answer to who names no number, and the most in any: BEP 3 has 50 as its default. */
const USUAL_PEERS = 50;
const MOST_PEERS = 200;

/** Announces a second, at most, that the interval is meant to allow: a few milliseconds of work. */
const ANNOUNCES_PER_SECOND = 100;
/** Seconds. A swarm on a fast network is over in minutes. */
const SHORTEST_INTERVAL = 5;
/** Seconds. */
const LONGEST_INTERVAL = 1800;

/**
 * Intervals after which a silent peer is gone. libtorrent never announces more often
 * than every five minutes, whatever it is told, so that counts as the least interval.
 */
const INTERVALS_TO_LIVE = 2.5;
const LEAST_INTERVAL_TO_LIVE = 300;

/**
 * Seconds between two announces, at most, for a peer to hear of others in the next one: it
 * connects to them within the ten seconds that Transmission waits before it looks at them.
 */
const SOON = 8;

/** Members looked at per announce for expired ones: all of a small swarm, a part of a large one. */
const SWEPT = 64;
/** Peers of other swarms that one announce may let go of. */
const FORGOTTEN = 8;

/** Seconds that each of so many peers should wait between announces. */
export function intervalFor(peers: number, configured?: number): number {
  if (configured !== undefined) return configured;
  const interval = Math.ceil(peers / ANNOUNCES_PER_SECOND);
  return Math.min(Math.max(interval, SHORTEST_INTERVAL), LONGEST_INTERVAL);
}

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

  /**
   * Notes an announce that came from `address` and answers it. `now` is milliseconds
   * since 1970. `seeder` is this server's own, which is in no list here.
   */
  announce(announce: Announce, address: Address, now: number, seeder?: Endpoint): EncodableRecord {
    const seconds = toSeconds(now);
    this.#forget(seconds);
    const asker = { address, port: announce.port };
    if (announce.event === "stopped") this.#leave(announce, asker, seconds);
    else this.#join(announce, asker, seconds);

    const interval = intervalFor(this.size, this.#announceInterval);
    const counts = this.#count(announce.infoHash, seconds, seeder !== undefined);
    const isEarly = seeder !== undefined && this.#isEarly(announce, interval);
    const peers = this.#choose(announce, asker, seconds, isEarly, seeder);
    return {
      // Two that heard of each other at the same moment would each end the other's connection.
      interval: isEarly ? this.#spread(interval) : interval,
      "min interval": Math.ceil(interval / 2),
      ...counts,
      // BEP 24
      "external ip": compactAddress(address),
      ...listPeers(peers, announce),
    };
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
    const { infoHash, peerId, left, event } = announce;
    const known = this.#swarms.find(infoHash);
    let slot = known === undefined ? NONE : this.#peers.find(known, address, port);
    if (slot === NONE) {
      const evicted = this.#peers.toEvictFor(known, address);
      if (evicted !== NONE) this.#remove(evicted);
      // Looked for again, since a swarm goes with its last peer.
      const swarm = this.#swarms.find(infoHash) ?? this.#addSwarm(infoHash);
      slot = this.#peers.add(swarm, address, port);
    }
    const interval = intervalFor(this.size, this.#announceInterval);
    const patience = INTERVALS_TO_LIVE * Math.max(interval, LEAST_INTERVAL_TO_LIVE);
    const expires = seconds + patience;
    const completed = event === "completed" && left === 0;
    this.#peers.update(slot, { peerId, left, lastSeen: seconds, expires, completed });
    this.#swarms.touch(this.#peers.swarmOf(slot));
  }

  #leave({ infoHash, peerId, left }: Announce, { address, port }: Endpoint, seconds: number): void {
    const swarm = this.#swarms.find(infoHash);
    const slot = swarm === undefined ? NONE : this.#peers.find(swarm, address, port);
    // Another id is another peer, which listens where the one that stopped did.
    if (slot === NONE || !this.#peers.hasId(slot, peerId)) return;
    const last = { lastSeen: seconds, expires: seconds, completed: false };
    this.#peers.update(slot, { peerId, left, ...last });
    this.#remove(slot);
  }

  /** Whom a peer is told of: the seeder of this server first, then any, but never itself. */
  #choose(
    announce: Announce,
    asker: Endpoint,
    seconds: number,
    isEarly: boolean,
    seeder?: Endpoint,
  ): ListedPeer[] {
    const wanted = Math.min(announce.numwant ?? USUAL_PEERS, MOST_PEERS);
    if (wanted === 0 || announce.event === "stopped") return [];
    // Behind a magnet link nobody knows how much is left, and some say 0.
    const needsPieces = announce.left > 0 || announce.downloaded === 0;
    const chosen: ListedPeer[] = needsPieces && seeder !== undefined ? [seeder] : [];

    const swarm = this.#swarms.find(announce.infoHash);
    if (swarm === undefined) return chosen;
    // Members from here on are of use to it; the asker, one of them, is stepped over.
    const start = needsPieces ? 0 : swarm.complete;
    const own = this.#peers.position(this.#peers.find(swarm, asker.address, asker.port));
    const steps = own >= start ? 1 : 0;
    const population = swarm.members.length - start - steps;
    for (const at of sample(population, wanted - chosen.length, this.#random)) {
      const position = start + at;
      const slot = swarm.members[position >= own ? position + steps : position] ?? NONE;
      const { address, port, peerId, left } = this.#peers.read(slot);
      if (this.#peers.hasExpired(slot, seconds)) continue;
      if (isEarly && left >= announce.left) continue;
      // To others its address would be their own.
      if (isLoopback(address) && !isLoopback(asker.address)) continue;
      chosen.push({ address, port, peerId });
    }
    return chosen;
  }

  /**
   * Whether a peer that has nothing is to hear of others that have nothing when it has a
   * piece. Transmission tells of that piece when it connects; peers that are connected by
   * then hear of it ten seconds later, and look at what they heard ten seconds after that.
   */
  #isEarly({ peerId, left, downloaded }: Announce, interval: number): boolean {
    return left > 0 && downloaded === 0 && interval <= SOON && isTransmission(peerId);
  }

  /** Three to seven fifths of an interval, in seconds. */
  #spread(interval: number): number {
    return Math.ceil(interval * (0.6 + 0.8 * this.#random()));
  }

  /** What to say of a swarm after letting go of some of its expired peers. */
  #count(infoHash: Uint8Array, seconds: number, seeded: boolean): Counts {
    const swarm = this.#swarms.find(infoHash);
    if (swarm !== undefined) this.#sweep(swarm, seconds);
    const counts = swarm === undefined ? NOBODY : countsOf(swarm);
    return seeded ? { ...counts, complete: counts.complete + 1 } : counts;
  }

  /** Looks at the next members of a swarm. Its peers announce once an interval, so it gets around. */
  #sweep(swarm: Swarm, seconds: number): void {
    for (let looks = Math.min(SWEPT, swarm.members.length); looks > 0; looks--) {
      if (swarm.cursor >= swarm.members.length) swarm.cursor = 0;
      const slot = swarm.members[swarm.cursor] ?? NONE;
      // Another member takes the place of one that is removed.
      if (this.#peers.hasExpired(slot, seconds)) this.#remove(slot);
      else swarm.cursor++;
    }
  }

  /** Lets go of peers in swarms that nobody asks about any more. */
  #forget(seconds: number): void {
    for (let looks = FORGOTTEN; looks > 0; looks--) {
      const slot = this.#peers.oldest();
      if (slot === NONE || !this.#peers.hasExpired(slot, seconds)) return;
      this.#remove(slot);
    }
  }

  #remove(slot: number): void {
    const swarm = this.#peers.swarmOf(slot);
    this.#peers.remove(slot);
    if (swarm.members.length > 0) return;
    // The count of a swarm that worked is kept while there is room.
    if (swarm.downloaded > 0) this.#swarms.markEmpty(swarm);
    else this.#swarms.remove(swarm);
  }

  /** A new swarm. Those without members make room for it, then those with one. */
  #addSwarm(infoHash: Uint8Array): Swarm {
    const swarms = this.#swarms;
    if (swarms.size >= this.#limits.swarms) {
      const alone = swarms.oldestEmpty ?? this.#ofLoneCrowdPeer();
      const expendable = alone ?? swarms.oldest;
      if (expendable !== undefined) this.#removeWithPeers(expendable);
    }
    return swarms.add(infoHash);
  }

  /** A swarm of one peer, whose source has many others; undefined when none is found. */
  #ofLoneCrowdPeer(): Swarm | undefined {
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

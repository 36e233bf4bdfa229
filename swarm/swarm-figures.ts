/**
 * What goes on in the swarms, for those who look: how far the pieces of each torrent have
 * spread, by what peers tell the seeder, and who its peers are, by what they tell the tracker.
 */

import { lengthOf } from "../digests/job.ts";
import { formatPath } from "../http/target.ts";
import { formatAddress } from "./bittorrent/address.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Seeder } from "./seeder/seeder.ts";
import type { Tracker } from "./tracker/tracker.ts";

export interface SwarmFigures {
  /** Percent-encoded, from the server's root; a folder's ends in a slash. */
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  /** Peers of the tracker that have everything, and those that don't. */
  readonly seeds: number;
  readonly leechers: number;
  readonly peers: readonly SwarmPeer[];
  /** Peers that are connected to the seeder. */
  readonly connected: number;
  /** How many of them have the pieces of each of up to {@link STRETCHES} stretches, on average. */
  readonly spread: readonly number[];
  /** Bytes that the seeder sent, and that peers say they got from here and from each other. */
  readonly sent: number;
  readonly received: number;
}

export interface SwarmPeer {
  /** Its address. */
  readonly client: string;
  readonly port: number;
  /** How much of the torrent it has, from 0 to 1. */
  readonly completion: number;
}

/** Swarms, and peers of each, that are told of. */
const MOST_SWARMS = 32;
const MOST_PEERS = 32;
const STRETCHES = 200;

interface Sources {
  readonly tracker: Tracker;
  readonly seeder: Seeder | undefined;
  readonly catalogue: Catalogue;
  /** Of files; begins and ends with a slash. */
  readonly prefix: string;
}

/** `now` in milliseconds since 1970. */
export function figuresOfSwarms(sources: Sources, now: number): SwarmFigures[] {
  const { tracker, seeder } = sources;
  const hashes = [...tracker.recent(MOST_SWARMS), ...(seeder?.infoHashes ?? [])];
  const unique = new Map(hashes.map((infoHash) => [infoHash.toHex(), infoHash]));
  const all: SwarmFigures[] = [];
  for (const infoHash of unique.values()) {
    const figures = figuresOf(sources, infoHash, now);
    if (figures !== undefined) all.push(figures);
    if (all.length >= MOST_SWARMS) break;
  }
  return all;
}

/** Undefined for a torrent that wasn't made here. */
function figuresOf(
  { tracker, seeder, catalogue, prefix }: Sources,
  infoHash: Uint8Array,
  now: number,
): SwarmFigures | undefined {
  const named = catalogue.remembered(infoHash);
  if (named === undefined) return undefined;
  const length = lengthOf(named.job);
  const { complete, incomplete, peers } = tracker.membersOf(infoHash, MOST_PEERS, now);
  const upload = seeder?.figuresOf(infoHash, STRETCHES);
  return {
    path: formatPath(prefix, named.segments, named.job.kind === "folder"),
    length,
    seeds: complete,
    leechers: incomplete,
    peers: peers.map(({ address, port, left }) => {
      const completion = Math.max(0, Math.min(1, 1 - left / Math.max(1, length)));
      return { client: formatAddress(address), port, completion };
    }),
    connected: upload?.peers ?? 0,
    spread: upload?.spread ?? [],
    sent: upload?.sent ?? 0,
    received: upload?.received ?? 0,
  };
}

/**
 * When a peer announces again, and when a silent one is gone. Seconds throughout. Peers
 * come often while they are few, since a swarm on a fast network is over in minutes.
 */

import { isTransmission } from "../bittorrent/client.ts";
import type { Announce } from "./announce.ts";

/** Announces a second at which the interval aims: a few milliseconds of work. */
const ANNOUNCES_PER_SECOND = 100;
const SHORTEST_INTERVAL = 5;
const LONGEST_INTERVAL = 1800;

/** Intervals after which a silent peer is gone. */
const INTERVALS_TO_LIVE = 2.5;
/** libtorrent never announces more often than this, so a shorter interval counts as this long. */
const LEAST_INTERVAL_TO_LIVE = 300;

/**
 * The longest interval for which {@link isEarly} holds: a peer that hears of others in its
 * next announce connects to them within the ten seconds after which Transmission looks at
 * its connections.
 */
const SOON = 8;

/** The interval for each of so many peers. */
export function intervalFor(peers: number, configured?: number): number {
  if (configured !== undefined) return configured;
  const interval = Math.ceil(peers / ANNOUNCES_PER_SECOND);
  return Math.min(Math.max(interval, SHORTEST_INTERVAL), LONGEST_INTERVAL);
}

/** How long a peer counts after an announce. */
export function timeToLive(interval: number): number {
  return INTERVALS_TO_LIVE * Math.max(interval, LEAST_INTERVAL_TO_LIVE);
}

/**
 * Whether this announce comes too early to name peers that have no more than the peer
 * itself. Transmission tells a peer of its pieces when it connects. Peers that connect
 * before they have a piece hear of it ten seconds later, and act on it ten seconds after that.
 */
export function isEarly({ peerId, left, downloaded }: Announce, interval: number): boolean {
  return left > 0 && downloaded === 0 && interval <= SOON && isTransmission(peerId);
}

/** Three to seven fifths of an interval; `random` is at least 0 and below 1. */
export function spread(interval: number, random: number): number {
  return Math.ceil(interval * (0.6 + 0.8 * random));
}

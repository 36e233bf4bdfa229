/**
 * Which peers of a swarm an announce's answer lists, and the list as bytes (BEP 23, BEP 7)
 * or as dictionaries (BEP 3).
 *
 *     peers    address (4)  port (2)   address (4)  port (2)  …
 *     peers6   address (16)            port (2)               …
 */

import {
  type Address,
  compactAddress,
  formatAddress,
  isIPv4,
  isLoopback,
} from "../bittorrent/address.ts";
import type { Encodable, EncodableRecord } from "../bittorrent/bencode.ts";
import type { Announce } from "./announce.ts";
import type { Peers } from "./peers.ts";
import { NONE } from "./slots.ts";
import type { Swarm } from "./swarms.ts";

/** Where a peer listens. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** An endpoint and, where it is known, the peer id: 20 bytes. */
export interface ListedPeer extends Endpoint {
  readonly peerId?: Uint8Array;
}

/** Peers in an answer when the announce names no number (BEP 3), and the most in any. */
const USUAL_PEERS = 50;
const MOST_PEERS = 200;

/** An announce, as far as it decides which peers are listed. */
export interface AskingPeer {
  readonly announce: Announce;
  readonly address: Address;
  /** Since 1970. */
  readonly seconds: number;
  /** Whether only peers that have more than this one are listed. */
  readonly isEarly: boolean;
  /** This server's own. */
  readonly seeder: Endpoint | undefined;
}

/** The seeder of this server first, then any members of the swarm, but never the peer itself. */
export function choosePeers(
  { announce, address: from, seconds, isEarly, seeder }: AskingPeer,
  swarm: Swarm | undefined,
  peers: Peers,
  random: () => number,
): ListedPeer[] {
  const wanted = Math.min(announce.numwant ?? USUAL_PEERS, MOST_PEERS);
  if (wanted === 0 || announce.event === "stopped") return [];
  // A peer with a magnet link doesn't know yet how much is left, and may say 0.
  const needsPieces = announce.left > 0 || announce.downloaded === 0;
  const chosen: ListedPeer[] = needsPieces && seeder !== undefined ? [seeder] : [];
  if (swarm === undefined) return chosen;

  // A seed needs no seeds, which are the first members. The peer itself is left out.
  const start = needsPieces ? 0 : swarm.complete;
  const own = peers.position(peers.find(swarm, from, announce.port));
  const steps = own >= start ? 1 : 0;
  const population = swarm.members.length - start - steps;
  for (const at of sample(population, wanted - chosen.length, random)) {
    const position = start + at;
    const slot = swarm.members[position >= own ? position + steps : position] ?? NONE;
    const { address, port, peerId, left } = peers.read(slot);
    if (peers.hasExpired(slot, seconds)) continue;
    if (isEarly && left >= announce.left) continue;
    // To a peer elsewhere a loopback address would be its own.
    if (isLoopback(address) && !isLoopback(from)) continue;
    chosen.push({ address, port, peerId });
  }
  return chosen;
}

/** The entries of an answer that list `peers`. */
export function listPeers(
  peers: readonly ListedPeer[],
  form: { readonly compact: boolean; readonly noPeerId: boolean },
): EncodableRecord {
  if (!form.compact) return { peers: peers.map((peer) => toDictionary(peer, !form.noPeerId)) };
  const six = peers.filter(({ address }) => !isIPv4(address));
  const four = { peers: pack(peers.filter(({ address }) => isIPv4(address))) };
  return six.length === 0 ? four : { ...four, peers6: pack(six) };
}

function toDictionary({ address, port, peerId }: ListedPeer, withId: boolean): Encodable {
  const place = { ip: formatAddress(address), port };
  // A copy: another peer may take the slot before this is sent.
  return withId && peerId !== undefined ? { ...place, "peer id": peerId.slice() } : place;
}

function pack(endpoints: readonly Endpoint[]): Uint8Array {
  return Buffer.concat(
    endpoints.flatMap(({ address, port }) => [
      compactAddress(address),
      Uint8Array.of(port >> 8, port & 0xff),
    ]),
  );
}

/**
 * `count` different numbers below `population`, or all when there are fewer; every set is
 * as likely as any other (Floyd's algorithm, in time that depends on `count` alone).
 */
function sample(population: number, count: number, random: () => number): Set<number> {
  const chosen = new Set<number>();
  for (let last = Math.max(0, population - count); last < population; last++) {
    const candidate = Math.floor(random() * (last + 1));
    chosen.add(chosen.has(candidate) ? last : candidate);
  }
  return chosen;
}

/**
 * The peers of an announce's answer, as bytes (BEP 23, BEP 7) or as dictionaries
 * (BEP 3), and which of many are told of.
 *
 *     peers    address (4)  port (2)   address (4)  port (2)  …
 *     peers6   address (16)            port (2)               …
 */

import { type Address, compactAddress, formatAddress, isIPv4 } from "../bittorrent/address.ts";
import type { Encodable, EncodableRecord } from "../bittorrent/bencode.ts";

/** Where a peer listens. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** An endpoint and, where it is known, the 20 bytes that the peer calls itself. */
export interface ListedPeer extends Endpoint {
  readonly peerId?: Uint8Array;
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
  // A copy, since the peer's slot may be another's before this is sent.
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
 * So many different numbers below `population`, or all of them when there are fewer,
 * every set as likely as any other. Takes as long for a large population as for a
 * small one (Floyd's algorithm). `random` gives numbers from 0 to below 1.
 */
export function sample(population: number, count: number, random: () => number): Set<number> {
  const chosen = new Set<number>();
  for (let last = Math.max(0, population - count); last < population; last++) {
    const candidate = Math.floor(random() * (last + 1));
    chosen.add(chosen.has(candidate) ? last : candidate);
  }
  return chosen;
}

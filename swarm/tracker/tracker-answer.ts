/**
 * The answer of another tracker (BEP 3, 7, 23): data from a stranger, of which only the
 * interval and 50 peers are taken. Peers that can't be an endpoint are left out; the
 * caller decides to which of the others this server connects.
 */

import { formatAddress } from "../bittorrent/address.ts";
import { decode, type Dictionary } from "../bittorrent/bdecode.ts";
import type { Endpoint } from "./peer-list.ts";

export interface TrackerAnswer {
  /** Seconds until the next announce. */
  readonly interval: number;
  readonly peers: readonly Endpoint[];
}

/** Bytes of an answer that are read: two hundred peers as dictionaries take 20 kB. */
export const LONGEST_ANSWER = 64 * 1024;
/** Peers taken from an answer, and how many are asked for. */
export const MOST_PEERS = 50;
/** Seconds between two announces, whatever the tracker says. */
const SHORTEST = 10;
export const LONGEST = 3_600;
/** An answer is a dictionary, and its peers are a list of dictionaries. */
const DEPTH = 8;
/** Characters of a refusal that are logged. */
export const LONGEST_REASON = 200;

/** Reads an answer. Throws the tracker's failure reason, or that the answer is not understood. */
export function readAnswer(bytes: Uint8Array): TrackerAnswer {
  const decoded = decode(bytes, { length: LONGEST_ANSWER, depth: DEPTH });
  if (decoded.kind === "malformed" || !isDictionary(decoded.value)) {
    throw new Error("the tracker's answer is not understood");
  }
  const answer = decoded.value;
  const reason = answer.get("failure reason");
  if (reason instanceof Uint8Array) throw new Error(new TextDecoder().decode(reason));
  const interval = answer.get("interval");
  const peers = [...readPeers(answer, "peers", 4), ...readPeers(answer, "peers6", 16)];
  return {
    interval:
      typeof interval === "number" ? Math.max(SHORTEST, Math.min(LONGEST, interval)) : LONGEST,
    peers: peers.slice(0, MOST_PEERS),
  };
}

/** Compact peers: an address of so many bytes and a port each (BEP 23, BEP 7). */
function readPeers(answer: Dictionary, key: string, addressLength: number): Endpoint[] {
  const bytes = answer.get(key);
  const peers: Endpoint[] = [];
  if (!(bytes instanceof Uint8Array)) return peers;
  const length = addressLength + 2;
  for (let at = 0; at + length <= bytes.length && peers.length < MOST_PEERS; at += length) {
    const address = new Uint8Array(16);
    address.fill(0xff, 10, 12);
    address.set(bytes.subarray(at, at + addressLength), 16 - addressLength);
    const port = ((bytes[at + length - 2] ?? 0) << 8) | (bytes[at + length - 1] ?? 0);
    if (port > 0 && !NO_ENDPOINT.test(formatAddress(address))) peers.push({ address, port });
  }
  return peers;
}

/** Unspecified, multicast and reserved addresses. */
const NO_ENDPOINT = /^(?:0\.|22[4-9]\.|2[345]\d\.|ff..:|0:0:0:0:0:0:0:0$)/;

function isDictionary(value: unknown): value is Dictionary {
  return value instanceof Map;
}

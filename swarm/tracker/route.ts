/**
 * The tracker's two URLs: from a query and where it came from to bencoded bytes.
 * Refusals are answers like any other, since that is where clients look for a reason.
 */

import { type Address, isIPv4, parseAddress } from "../bittorrent/address.ts";
import { type EncodableRecord, encode } from "../bittorrent/bencode.ts";
import {
  type Announce,
  type AnnounceEvent,
  LONGEST_SCRAPE,
  parseAnnounce,
  parseScrape,
} from "./announce.ts";
import type { Endpoint } from "./peer-list.ts";
import type { Tracker } from "./tracker.ts";

/** A request to the tracker as text, which a worker can pass on to its supervisor. */
export interface TrackerRequest {
  readonly kind: "announce" | "scrape";
  /** As sent, with or without its question mark. A query that is too long is cut, but stays too long. */
  readonly query: string;
  /** The address that the connection came from. */
  readonly client: string;
  /** Whether a field says that this is a proxy's address. */
  readonly forwarded?: boolean;
  /** Whether it came with a token or a password that this server takes. */
  readonly hasCredentials?: boolean;
}

/** Reads a URL of the tracker; undefined for any other. */
export function parseTrackerUrl(url: string, client: string): TrackerRequest | undefined {
  const asked = /^(?:https?:\/\/[^/?#]*)?\/-\/(announce|scrape)(?:\?(.*))?$/s.exec(url);
  const kind = asked?.[1];
  if (kind !== "announce" && kind !== "scrape") return undefined;
  return { kind, query: (asked?.[2] ?? "").slice(0, LONGEST_SCRAPE + 1), client };
}

/** Whether a torrent was made here. Unavailable: it can't be told now. */
export type Knowledge = "made-here" | "unknown" | "unavailable";

/** Which torrents the tracker takes, and from whom. */
export interface TrackerPolicy {
  /** Whether who asks may know of a torrent; undefined: anyone may. */
  readonly admits?: ((infoHash: Uint8Array) => boolean) | undefined;
  readonly knows: (infoHash: Uint8Array) => Promise<Knowledge>;
  /** Whether it takes those that weren't made here, too. */
  readonly open: boolean;
  /** Called for a peer that needs pieces of a torrent that was made here. */
  readonly meet?: (announce: Announce, address: Address) => void;
  /** Called for every announce. */
  readonly counted?: (announced: Announced) => void;
}

/** What became of an announce. */
export interface Announced {
  readonly event: AnnounceEvent;
  readonly family: "ipv4" | "ipv6";
  /** Unregistered: the torrent wasn't made here; unavailable: that can't be told now. */
  readonly result: "accepted" | "unregistered" | "unavailable" | "malformed" | "refused";
}

/**
 * A bencoded dictionary. `now` is milliseconds since 1970; `seeder` this server's own, as
 * this client can reach it.
 */
export async function answerTracker(
  tracker: Tracker,
  policy: TrackerPolicy,
  request: TrackerRequest,
  now: number,
  seeder?: Endpoint,
): Promise<Uint8Array> {
  switch (request.kind) {
    case "announce":
      return encode(await announce(tracker, policy, request, now, seeder));
    case "scrape":
      return encode(await scrape(tracker, policy, request, now, seeder !== undefined));
  }
}

async function announce(
  tracker: Tracker,
  policy: TrackerPolicy,
  { query, client }: TrackerRequest,
  now: number,
  seeder?: Endpoint,
): Promise<EncodableRecord> {
  const parsed = parseAnnounce(query);
  const address = parseAddress(client);
  function counted(result: Announced["result"]): void {
    const event = parsed.kind === "failure" ? "none" : parsed.announce.event;
    const family = address === undefined || isIPv4(address) ? "ipv4" : "ipv6";
    policy.counted?.({ event, family, result });
  }
  if (parsed.kind === "failure" || address === undefined) {
    counted("malformed");
    return fail(parsed.kind === "failure" ? parsed.reason : NO_ADDRESS);
  }
  if (policy.admits?.(parsed.announce.infoHash) === false) {
    counted("refused");
    return NOT_ADMITTED;
  }
  const knowledge = await policy.knows(parsed.announce.infoHash);
  const known = knowledge === "made-here";
  if (!known && !policy.open) {
    const isUnknown = knowledge === "unknown";
    counted(isUnknown ? "unregistered" : "unavailable");
    return isUnknown ? UNREGISTERED : UNAVAILABLE;
  }
  counted("accepted");
  const { left, event } = parsed.announce;
  if (known && left > 0 && event !== "stopped") policy.meet?.(parsed.announce, address);
  return tracker.announce(parsed.announce, address, now, known ? seeder : undefined);
}

async function scrape(
  tracker: Tracker,
  policy: TrackerPolicy,
  { query }: TrackerRequest,
  now: number,
  hasSeeder: boolean,
): Promise<EncodableRecord> {
  const parsed = parseScrape(query);
  if (parsed.kind === "failure") return fail(parsed.reason);
  const torrents: { infoHash: Uint8Array; seeded: boolean }[] = [];
  const { infoHashes } = parsed;
  const admitted = policy.admits === undefined ? infoHashes : infoHashes.filter(policy.admits);
  if (admitted.length === 0) return NOT_ADMITTED;
  let knowledge: Knowledge = "unknown";
  for (const infoHash of admitted) {
    // One that can't be told is enough: the others aren't searched for.
    if (knowledge !== "unavailable") knowledge = await policy.knows(infoHash);
    if (knowledge === "unavailable" && !policy.open) return UNAVAILABLE;
    const known = knowledge === "made-here";
    if (known || policy.open) torrents.push({ infoHash, seeded: known && hasSeeder });
  }
  return tracker.scrape(torrents, now);
}

/** Whatever the reason: clients show it to their users. */
const NOT_ADMITTED: EncodableRecord = {
  "failure reason": "this announce URL is not valid; get the torrent again",
};

const NO_ADDRESS = "this connection has no address that peers could use";

/** Some clients remove a torrent after this answer, so only a torrent that wasn't made here gets it. */
const UNREGISTERED: EncodableRecord = { "failure reason": "unregistered torrent" };

/**
 * BEP 31: the client may announce again in a minute. Clients do so after any failure: aria2
 * after 120 s, Transmission after 20 s and more, libtorrent after `interval` or 1800 s.
 */
const UNAVAILABLE: EncodableRecord = {
  "failure reason": "temporarily unavailable, try again",
  interval: 60,
  "min interval": 60,
  "retry in": 1,
};

function fail(reason: string): EncodableRecord {
  return { "failure reason": reason };
}

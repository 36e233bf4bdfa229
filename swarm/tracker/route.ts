/**
 * The tracker's two URLs: from a query and where it came from to bencoded bytes.
 * Refusals are answers like any other, since that is where clients look for a reason.
 */

import { type Address, parseAddress } from "../bittorrent/address.ts";
import { type EncodableRecord, encode } from "../bittorrent/bencode.ts";
import { type Announce, LONGEST_SCRAPE, parseAnnounce, parseScrape } from "./announce.ts";
import type { Endpoint } from "./peer-list.ts";
import type { Tracker } from "./tracker.ts";

/** What was asked: nothing but text, so that it can be asked of another process. */
export interface TrackerRequest {
  readonly kind: "announce" | "scrape";
  /** As sent, with or without its question mark; one that is too long is cut, and too long still. */
  readonly query: string;
  /** The address that the connection came from. */
  readonly client: string;
  /** Whether that is a proxy's, which says so. */
  readonly forwarded?: boolean;
}

/** What a request's URL asks a tracker, or undefined where it is about something else. */
export function parseTrackerUrl(url: string, client: string): TrackerRequest | undefined {
  const asked = /^(?:https?:\/\/[^/?#]*)?\/-\/(announce|scrape)(?:\?(.*))?$/s.exec(url);
  const kind = asked?.[1];
  if (kind !== "announce" && kind !== "scrape") return undefined;
  return { kind, query: (asked?.[2] ?? "").slice(0, LONGEST_SCRAPE + 1), client };
}

/** Of a torrent; unavailable: nobody can tell now. */
export type Knowledge = "made-here" | "unknown" | "unavailable";

/** Which torrents a tracker is for. */
export interface TrackerPolicy {
  /** Whether a torrent (20 bytes) was made here. */
  readonly knows: (infoHash: Uint8Array) => Promise<Knowledge>;
  /** Whether those that weren't are tracked as well. */
  readonly open: boolean;
  /** Told of a peer that needs pieces of one that was. */
  readonly meet?: (announce: Announce, address: Address) => void;
}

/** Always `text/plain`, which is what clients have been sent since the first tracker. */
export interface TrackerAnswer {
  readonly status: 200;
  /** A bencoded dictionary. */
  readonly bytes: Uint8Array;
}

/** `now` is milliseconds since 1970; `seeder` this server's own, as this client can reach it. */
export async function answerTracker(
  tracker: Tracker,
  policy: TrackerPolicy,
  request: TrackerRequest,
  now: number,
  seeder?: Endpoint,
): Promise<TrackerAnswer> {
  switch (request.kind) {
    case "announce":
      return answer(await announce(tracker, policy, request, now, seeder));
    case "scrape":
      return answer(await scrape(tracker, policy, request, now, seeder !== undefined));
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
  if (parsed.kind === "refused") return fail(parsed.reason);
  const address = parseAddress(client);
  if (address === undefined) return fail("this connection has no address that peers could use");
  const knowledge = await policy.knows(parsed.announce.infoHash);
  const known = knowledge === "made-here";
  if (!known && !policy.open) return knowledge === "unknown" ? UNREGISTERED : UNAVAILABLE;
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
  if (parsed.kind === "refused") return fail(parsed.reason);
  const torrents: { infoHash: Uint8Array; seeded: boolean }[] = [];
  let knowledge: Knowledge = "unknown";
  for (const infoHash of parsed.infoHashes) {
    // Who can't tell of one isn't asked about sixty more.
    if (knowledge !== "unavailable") knowledge = await policy.knows(infoHash);
    if (knowledge === "unavailable" && !policy.open) return UNAVAILABLE;
    const known = knowledge === "made-here";
    if (known || policy.open) torrents.push({ infoHash, seeded: known && hasSeeder });
  }
  return tracker.scrape(torrents, now);
}

/** Some programs remove a torrent that is told this: it is for those that weren't made here. */
const UNREGISTERED: EncodableRecord = { "failure reason": "unregistered torrent" };

/**
 * To be asked again in a minute, by BEP 31. Clients come back after any failure: aria2
 * after 120 s, Transmission after 20 and more; libtorrent after `interval`, or 1800 s.
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

function answer(dictionary: EncodableRecord): TrackerAnswer {
  return { status: 200, bytes: encode(dictionary) };
}

/** The tracker's URLs: their queries, and for which torrents they answer. */

import { describe, expect, test } from "bun:test";
import { parseAddress } from "../bittorrent/address.ts";
import {
  type Announced,
  answerTracker,
  type Knowledge,
  parseTrackerUrl,
  type TrackerRequest,
} from "./route.ts";
import { Tracker } from "./tracker.ts";

const KNOWN = "k".repeat(20);
const UNKNOWN = "u".repeat(20);
/** An info hash that is unavailable. */
const UNSURE = "s".repeat(20);

async function knows(hash: Uint8Array): Promise<Knowledge> {
  const name = Buffer.from(hash).toString("latin1");
  if (name === UNSURE) return "unavailable";
  return name === KNOWN ? "made-here" : "unknown";
}

const UNAVAILABLE =
  "d14:failure reason34:temporarily unavailable, try again" +
  "8:intervali60e12:min intervali60e8:retry ini1ee";

describe("parseTrackerUrl", () => {
  test.each<[string, string, Omit<TrackerRequest, "client"> | undefined]>([
    ["announce", "http://host:1/-/announce?a=%ff+b", { kind: "announce", query: "a=%ff+b" }],
    ["scrape", "https://[::1]/-/scrape?a", { kind: "scrape", query: "a" }],
    ["a bare path", "/-/announce?a", { kind: "announce", query: "a" }],
    ["no query", "http://host/-/announce", { kind: "announce", query: "" }],
    [
      "a query with a slash and a mark",
      "/-/scrape?/-/announce?",
      { kind: "scrape", query: "/-/announce?" },
    ],
    [
      "a query that is too long, cut",
      `/-/scrape?${"a".repeat(70_000)}`,
      { kind: "scrape", query: "a".repeat(8193) },
    ],
    ["a longer name", "http://host/-/announces", undefined],
    ["a longer path", "http://host/-/announce/", undefined],
    ["a shorter path", "http://host/announce", undefined],
    ["a path that ends in it", "http://host/data/-/announce", undefined],
    ["a host that is a path", "http:///-/announce", { kind: "announce", query: "" }],
    ["a query that names it", "http://host/?/-/announce", undefined],
    ["capitals", "http://host/-/Announce", undefined],
    ["an escape", "http://host/%2d/announce", undefined],
  ])("%s", (_why, url, expected) => {
    const request = parseTrackerUrl(url, "10.0.0.1");
    expect(request).toEqual(expected && { ...expected, client: "10.0.0.1" });
  });
});

describe("answerTracker", () => {
  const announce = (hash: string) =>
    `info_hash=${hash}&peer_id=${"p".repeat(20)}&port=1&uploaded=0&downloaded=0&left=1`;
  const answered = (complete: number, peers: string) =>
    `d8:completei${complete}e10:downloadedi0e11:external ip4:\x0a\0\0\x0110:incompletei1e` +
    `8:intervali5e12:min intervali3e5:peers${peers}e`;
  const scraped = (hash: string, complete: number) =>
    `20:${hash}d8:completei${complete}e10:downloadedi0e10:incompletei0ee`;
  const client = "::ffff:10.0.0.1";
  const seeder = "6:\x0a\0\0\x09\x32\xc9";

  test.each<[string, boolean, TrackerRequest, string]>([
    [
      "a torrent made here",
      false,
      { kind: "announce", query: announce(KNOWN), client },
      answered(1, seeder),
    ],
    [
      "another",
      false,
      { kind: "announce", query: announce(UNKNOWN), client },
      "d14:failure reason20:unregistered torrente",
    ],
    [
      "another, on an open tracker",
      true,
      { kind: "announce", query: announce(UNKNOWN), client },
      answered(0, "0:"),
    ],
    [
      "one that nobody can tell of",
      false,
      { kind: "announce", query: announce(UNSURE), client },
      UNAVAILABLE,
    ],
    [
      "one that nobody can tell of, on an open tracker",
      true,
      { kind: "announce", query: announce(UNSURE), client },
      answered(0, "0:"),
    ],
    [
      "a scrape of one that nobody can tell of",
      false,
      { kind: "scrape", query: `info_hash=${KNOWN}&info_hash=${UNSURE}`, client },
      UNAVAILABLE,
    ],
    [
      "a scrape of it on an open tracker: nobody is asked again",
      true,
      { kind: "scrape", query: `info_hash=${UNSURE}&info_hash=${KNOWN}`, client },
      `d5:filesd${scraped(KNOWN, 0)}${scraped(UNSURE, 0)}ee`,
    ],
    [
      "a bad announce",
      true,
      { kind: "announce", query: "", client },
      "d14:failure reason20:info_hash is missinge",
    ],
    [
      "a client on a Unix socket",
      true,
      { kind: "announce", query: announce(KNOWN), client: "" },
      "d14:failure reason51:this connection has no address that peers could usee",
    ],
    [
      "a scrape",
      false,
      { kind: "scrape", query: `info_hash=${KNOWN}`, client },
      `d5:filesd${scraped(KNOWN, 1)}ee`,
    ],
    [
      "a scrape of both",
      false,
      { kind: "scrape", query: `info_hash=${UNKNOWN}&info_hash=${KNOWN}`, client },
      `d5:filesd${scraped(KNOWN, 1)}ee`,
    ],
    [
      "a scrape of both, on an open tracker",
      true,
      {
        kind: "scrape",
        query: `info_hash=${UNKNOWN}&info_hash=${KNOWN}&info_hash=${KNOWN}`,
        client,
      },
      `d5:filesd${scraped(KNOWN, 1)}${scraped(UNKNOWN, 0)}ee`,
    ],
    [
      "a scrape of an unknown one",
      false,
      { kind: "scrape", query: `info_hash=${UNKNOWN}`, client },
      "d5:filesdee",
    ],
    [
      "a scrape of all",
      true,
      { kind: "scrape", query: "", client },
      "d14:failure reason20:info_hash is missinge",
    ],
  ])("%s", async (_why, open, request, expected) => {
    const own = { address: parseAddress("10.0.0.9") ?? new Uint8Array(16), port: 13001 };
    const answer = await answerTracker(new Tracker(), { knows, open }, request, 1e12, own);
    expect(Buffer.from(answer).toString("latin1")).toBe(expected);
  });

  test("a torrent that nobody may announce leaves nothing behind", async () => {
    const tracker = new Tracker();
    const policy = { knows, open: false };
    await answerTracker(
      tracker,
      policy,
      { kind: "announce", query: announce(UNKNOWN), client },
      1e12,
    );
    expect(tracker.size).toBe(0);
  });
});

test("What becomes of each announce is counted, and of no scrape", async () => {
  const announce = (hash: string) =>
    `info_hash=${hash}&peer_id=${"p".repeat(20)}&port=1&uploaded=0&downloaded=0&left=1`;
  const counted: Announced[] = [];
  const policy = { knows, open: false, counted: (announced: Announced) => counted.push(announced) };
  const asked: [TrackerRequest["kind"], string, string][] = [
    ["announce", announce(KNOWN), "10.0.0.1"],
    ["announce", `${announce(KNOWN)}&event=completed`, "2001:db8::1"],
    ["announce", `${announce(UNKNOWN)}&event=started`, "10.0.0.1"],
    ["announce", `${announce(UNSURE)}&event=stopped`, "10.0.0.1"],
    ["announce", announce("short"), "2001:db8::1"],
    ["announce", announce(KNOWN), ""],
    ["scrape", `info_hash=${KNOWN}`, "10.0.0.1"],
  ];
  for (const [kind, query, client] of asked) {
    await answerTracker(new Tracker(), policy, { kind, query, client }, 0);
  }
  expect(counted.map(({ event, family, result }) => `${event} ${family} ${result}`)).toEqual([
    "none ipv4 accepted",
    "completed ipv6 accepted",
    "started ipv4 unregistered",
    "stopped ipv4 unavailable",
    "none ipv6 malformed",
    "none ipv4 malformed",
  ]);
});

/** How many peers there are of each kind, and what they say they downloaded. */

import { expect, test } from "bun:test";
import { parseAddress } from "../bittorrent/address.ts";
import type { AnnounceEvent } from "./announce.ts";
import { Tracker } from "./tracker.ts";

/** Place, seconds, bytes left, bytes downloaded, event; the peer's id is its place unless given. */
type Said = [string, number, number, number, AnnounceEvent?, string?];

function figuresAfter(said: readonly Said[]) {
  const tracker = new Tracker();
  for (const [place, at, left, downloaded, event = "none", id = place] of said) {
    const address = parseAddress(place) ?? new Uint8Array(16);
    const numbers = { port: 7000, uploaded: 0, downloaded, left, numwant: 0 };
    const rest = { event, compact: true, noPeerId: true };
    const ids = { infoHash: new Uint8Array(20), peerId: Buffer.from(id.padEnd(20, ".")) };
    tracker.announce({ ...ids, ...numbers, ...rest }, address, 1000 * (1_780_000_000 + at));
  }
  const { torrents, population, reported } = tracker.figures;
  const { leechers, seeders } = population;
  return [torrents, [...leechers], [...seeders], reported];
}

const A = "10.0.0.1";
const B = "10.0.0.2";
const SIX = "2001:db8::1";

// [why, announces, [torrents, leechers of IPv4 and IPv6, seeders, bytes reported]]
test.each<[string, Said[], (number | number[])[]]>([
  ["nobody", [], [0, [0, 0], [0, 0], 0]],
  ["one that begins", [[A, 0, 9, 0, "started"]], [1, [1, 0], [0, 0], 0]],
  ["one of IPv6 that has all", [[SIX, 0, 0, 9]], [1, [0, 0], [0, 1], 0]],
  ["what it had before it announced doesn't count", [[A, 0, 9, 5]], [1, [1, 0], [0, 0], 0]],
  [
    "what it downloads since does",
    [
      [A, 0, 9, 5],
      [A, 9, 2, 12],
    ],
    [1, [1, 0], [0, 0], 7],
  ],
  [
    "it completes",
    [
      [A, 0, 9, 0],
      [A, 9, 0, 9, "completed"],
    ],
    [1, [0, 0], [1, 0], 9],
  ],
  [
    "it needs pieces again",
    [
      [A, 0, 0, 0],
      [A, 9, 5, 0],
    ],
    [1, [1, 0], [0, 0], 0],
  ],
  [
    "it stops, and says what it has",
    [
      [A, 0, 9, 0],
      [A, 9, 5, 4, "stopped"],
    ],
    [0, [0, 0], [0, 0], 4],
  ],
  [
    "one that has all stops",
    [
      [A, 0, 0, 0],
      [A, 9, 0, 0, "stopped"],
      [B, 9, 0, 0],
    ],
    [1, [0, 0], [1, 0], 0],
  ],
  [
    "it starts again from 0",
    [
      [A, 0, 9, 50],
      [A, 9, 9, 0, "started"],
      [A, 19, 2, 7],
    ],
    [1, [1, 0], [0, 0], 7],
  ],
  [
    "another peer at its place",
    [
      [A, 0, 9, 5],
      [A, 9, 9, 50, "none", "other"],
    ],
    [1, [1, 0], [0, 0], 0],
  ],
  [
    "more than a network carries",
    [
      [A, 0, 9, 0],
      [A, 9, 9, 1e15],
    ],
    [1, [1, 0], [0, 0], 1.25e10],
  ],
])("%s", (_why, said, expected) => {
  expect(figuresAfter(said)).toEqual(expected);
});

test("The address of a peer is known while it is one", () => {
  const tracker = new Tracker();
  const [address = new Uint8Array(), other = new Uint8Array()] = [A, B].map(parseAddress);
  const peer = { infoHash: new Uint8Array(20), peerId: new Uint8Array(20), port: 7000 };
  const said = { uploaded: 0, downloaded: 0, left: 9, numwant: 0, compact: true, noPeerId: true };
  const seen = [tracker.hasPeerAt(address)];
  for (const event of ["started", "stopped"] as const) {
    tracker.announce({ ...peer, ...said, event }, address, 1e12);
    seen.push(tracker.hasPeerAt(address), tracker.hasPeerAt(other));
  }
  expect(seen).toEqual([false, true, false, false, false]);
});

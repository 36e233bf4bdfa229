/** Another tracker's answer may be any bytes: its interval and peers, or a reason. */

import { expect, test } from "bun:test";
import { formatAddress } from "../bittorrent/address.ts";
import { type Encodable, encode } from "../bittorrent/bencode.ts";
import { readAnswer } from "./tracker-answer.ts";

/** Addresses and ports as BEP 23 and 7 send them. */
function compact(...peers: (readonly [number[], number])[]): Uint8Array {
  return Uint8Array.from(peers.flatMap(([address, port]) => [...address, port >> 8, port & 255]));
}

function six(...ends: number[]): number[] {
  return [0x20, 1, 0xd, 0xb8, ...Array<number>(12 - ends.length).fill(0), ...ends];
}

/** `HOST PORT` of each peer, or the reason why there are none. */
function read(value: Encodable) {
  try {
    const { interval, peers } = readAnswer(encode(value));
    const places = peers.map(({ address, port }) => `${formatAddress(address)} ${port}`);
    return { interval, peers: places };
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}

test.each<[string, Encodable, ReturnType<typeof read>]>([
  ["no peers", { interval: 1800 }, { interval: 1800, peers: [] }],
  [
    "peers",
    {
      interval: 1800,
      peers: compact([[198, 18, 0, 1], 6881], [[198, 18, 0, 2], 80]),
      peers6: compact([six(1), 6881]),
    },
    { interval: 1800, peers: ["198.18.0.1 6881", "198.18.0.2 80", "2001:db8:0:0:0:0:0:1 6881"] },
  ],
  [
    "no endpoints",
    {
      interval: 1800,
      peers: compact(
        [[198, 18, 0, 1], 0],
        [[0, 0, 0, 0], 1],
        [[0, 1, 2, 3], 1],
        [[224, 0, 0, 1], 1],
        [[239, 255, 255, 255], 1],
        [[240, 0, 0, 1], 1],
        [[255, 255, 255, 255], 1],
        [[223, 255, 255, 255], 1],
      ),
      peers6: compact(
        [Array(16).fill(0), 1],
        [[0xff, 2, ...Array(13).fill(0), 1], 1],
        [[...Array(10).fill(0), 0xff, 0xff, 224, 0, 0, 1], 1],
        [[...Array(10).fill(0), 0xff, 0xff, 198, 18, 0, 1], 1],
      ),
    },
    { interval: 1800, peers: ["223.255.255.255 1", "198.18.0.1 1"] },
  ],
  [
    "half a peer behind",
    { interval: 1800, peers: Uint8Array.of(198, 18, 0, 1, 0, 80, 198, 18) },
    { interval: 1800, peers: ["198.18.0.1 80"] },
  ],
  [
    "more than were asked for",
    { interval: 1800, peers: Buffer.alloc(6 * 9000, 1), peers6: Buffer.alloc(18, 0x20) },
    { interval: 1800, peers: Array(50).fill("1.1.1.1 257") },
  ],
  ["peers as dictionaries", { interval: 9, peers: [{ ip: "x" }] }, { interval: 10, peers: [] }],
  ["a short interval", { interval: -1 }, { interval: 10, peers: [] }],
  ["a long interval", { interval: 86400 }, { interval: 3600, peers: [] }],
  ["an interval of 64 bits", { interval: 2n ** 62n }, { interval: 3600, peers: [] }],
  ["an interval in words", { interval: "soon" }, { interval: 3600, peers: [] }],
  ["a refusal", { "failure reason": "not here" }, "not here"],
  ["a refusal of no words", { "failure reason": Uint8Array.of(0xff, 0x1b) }, "\ufffd\x1b"],
  ["a list", ["interval", 5], "the tracker's answer is not understood"],
  [
    "more bytes than are read",
    { interval: 1, peers: new Uint8Array(70_000) },
    "the tracker's answer is not understood",
  ],
])("%s", (_why, answer, expected) => {
  expect(read(answer)).toEqual(expected);
});

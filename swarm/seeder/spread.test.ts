/** How far pieces have spread: stretches of any length, many peers, many pieces. */

import { expect, test } from "bun:test";
import { PieceSet } from "./availability.ts";
import { spreadOf } from "./spread.ts";

/** A peer with the pieces that suit. */
function peer(pieces: number, suits: (piece: number) => boolean): PieceSet {
  const set = new PieceSet(pieces);
  for (let piece = 0; piece < pieces; piece++) if (suits(piece)) set.add(piece);
  return set;
}

test.each<[string, PieceSet[], number, number, number[]]>([
  ["nobody", [], 3, 5, [0, 0, 0]],
  ["a piece each", [peer(3, (n) => n === 1)], 3, 5, [0, 1, 0]],
  ["two peers", [peer(3, (n) => n > 0), peer(3, (n) => n > 1)], 3, 5, [0, 1, 2]],
  ["stretches of several pieces", [peer(4, (n) => n < 3)], 4, 2, [1, 0.5]],
  ["stretches of unequal length", [peer(5, (n) => n < 3)], 5, 2, [1, 1 / 3]],
  ["stretches of bytes", [peer(20, (n) => n < 12)], 20, 2, [1, 4 / 12]],
  ["a last byte that is short", [peer(17, (n) => n === 16)], 17, 2, [0, 1 / 9]],
])("%s", (_why, peers, pieces, most, expected) => {
  expect(spreadOf(peers, pieces, most)).toEqual(expected);
});

test("Some peers stand for all when there are many with many pieces", () => {
  const all = Array.from({ length: 100 }, () => peer(65_536, (n) => n < 32_768));
  const spread = spreadOf(all, 65_536, 200);
  expect([spread.length, spread[0], spread[99], spread[100], spread[199]]).toEqual([
    200, 100, 100, 0, 0,
  ]);
});

test("Counting by bytes is counting by pieces", () => {
  const set = peer(1000, (n) => (n * 2_654_435_761) % 7 < 3);
  for (const [first, end] of [
    [0, 1000],
    [3, 998],
    [8, 16],
    [9, 15],
    [5, 5],
    [992, 1000],
  ] as const) {
    let plain = 0;
    for (let piece = first; piece < end; piece++) if (set.has(piece)) plain++;
    expect(set.countIn(first, end)).toBe(plain);
  }
});

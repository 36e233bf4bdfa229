/** Unions of intervals, by table and against a bitmap. */

import { expect, test } from "bun:test";
import { Intervals } from "./intervals.ts";

type Pairs = [number, number][];

// [why, added in this order, the union]
test.each<[string, Pairs, Pairs]>([
  ["nothing", [], []],
  ["an empty interval", [[5, 5]], []],
  ["a reversed interval", [[5, 4]], []],
  ["one", [[2, 5]], [[2, 5]]],
  [
    "two apart",
    [
      [6, 8],
      [2, 5],
    ],
    [
      [2, 5],
      [6, 8],
    ],
  ],
  [
    "two that touch",
    [
      [2, 5],
      [5, 8],
    ],
    [[2, 8]],
  ],
  [
    "two that touch, the later first",
    [
      [5, 8],
      [2, 5],
    ],
    [[2, 8]],
  ],
  [
    "two that overlap",
    [
      [2, 6],
      [4, 8],
    ],
    [[2, 8]],
  ],
  [
    "one within another",
    [
      [2, 8],
      [3, 4],
    ],
    [[2, 8]],
  ],
  [
    "one around others",
    [
      [2, 3],
      [5, 6],
      [8, 9],
      [1, 8],
    ],
    [[1, 9]],
  ],
  [
    "one that closes a gap",
    [
      [0, 2],
      [4, 6],
      [2, 4],
    ],
    [[0, 6]],
  ],
  [
    "one twice",
    [
      [2, 5],
      [2, 5],
    ],
    [[2, 5]],
  ],
  [
    "beyond 32 bits",
    [
      [2 ** 40, 2 ** 41],
      [0, 2 ** 40],
    ],
    [[0, 2 ** 41]],
  ],
  [
    "of too many the longer half is kept",
    [
      [0, 9],
      [20, 21],
      [30, 35],
      [40, 44],
      [50, 51],
    ],
    [
      [0, 9],
      [30, 35],
    ],
  ],
])("%s", (_why, added, expected) => {
  const intervals = new Intervals(4);
  for (const [start, end] of added) intervals.add(start, end);
  const covered = expected.reduce((sum, [start, end]) => sum + end - start, 0);
  expect([intervals.toArray(), intervals.covered]).toEqual([expected, covered]);
});

test("Random intervals cover what a bitmap says, and stay apart", () => {
  for (let round = 0; round < 300; round++) {
    const length = 1 + Math.floor(Math.random() * 200);
    const bitmap = new Uint8Array(length);
    const intervals = new Intervals();
    const added: Pairs = [];
    for (let n = 0; n < 40; n++) {
      const start = Math.floor(Math.random() * length);
      const end = start + Math.floor(Math.random() * Math.min(20, length - start + 1));
      bitmap.fill(1, start, end);
      intervals.add(start, end);
      added.push([start, end]);
      const seen = new Uint8Array(length);
      const all = intervals.toArray();
      for (const [from, to] of all) seen.fill(1, from, to);
      const apart = all.every(([from, to], at) => from < to && from > (all[at - 1]?.[1] ?? -1));
      const covered = bitmap.reduce((sum, bit) => sum + bit, 0);
      expect({ added, seen, apart, covered: intervals.covered }).toEqual({
        ...{ added, seen: bitmap, apart: true, covered },
      });
    }
  }
});

test("However many are given up, no more is covered than was added", () => {
  for (let round = 0; round < 100; round++) {
    const bitmap = new Uint8Array(400);
    const intervals = new Intervals(5);
    for (let n = 0; n < 60; n++) {
      const start = Math.floor(Math.random() * 390);
      const end = start + 1 + Math.floor(Math.random() * 10);
      bitmap.fill(1, start, end);
      intervals.add(start, end);
    }
    const all = intervals.toArray();
    const invented = all.some(([from, to]) => bitmap.subarray(from, to).includes(0));
    const covered = all.reduce((sum, [from, to]) => sum + to - from, 0);
    expect({ invented, few: all.length <= 5, covered }).toEqual({
      ...{ invented: false, few: true, covered: intervals.covered },
    });
  }
});

test.each<[string, number, number | undefined]>([
  ["before all", 0, 2],
  ["at the start of one", 2, 2],
  ["within one", 3, 3],
  ["at the end of one", 5, 8],
  ["in a gap", 6, 8],
  ["just before one", 7, 8],
  ["behind all", 9, undefined],
])("The next number from a place %s", (_why, at, expected) => {
  const intervals = new Intervals();
  intervals.add(2, 5);
  intervals.add(8, 9);
  expect(intervals.nextFrom(at)).toBe(expected);
});

/** Bytes by second: gaps, the ring's end, clocks that are put back. */

import { expect, test } from "bun:test";
import { KEPT_SECONDS, Throughput } from "./throughput.ts";

/** The last seconds up to `until` that have bytes, by their distance from it. */
function after(added: readonly [number, number][], until: number): Record<number, number> {
  const throughput = new Throughput();
  for (const [second, bytes] of added) throughput.add(second, bytes);
  const all = throughput.until(until);
  expect(all.length).toBe(KEPT_SECONDS);
  return Object.fromEntries(
    all.map((bytes, n) => [KEPT_SECONDS - n, bytes] as const).filter(([, bytes]) => bytes > 0),
  );
}

const T = 1_700_000_000;

test.each<[string, [number, number][], number, Record<number, number>]>([
  ["nothing", [], T, {}],
  ["a second", [[T, 5]], T + 1, { 1: 5 }],
  ["the second that goes on is left out", [[T, 5]], T, {}],
  [
    "twice in one second",
    [
      [T, 5],
      [T, 6],
    ],
    T + 1,
    { 1: 11 },
  ],
  [
    "with a gap",
    [
      [T, 5],
      [T + 3, 6],
    ],
    T + 4,
    { 4: 5, 1: 6 },
  ],
  ["the oldest", [[T, 5]], T + KEPT_SECONDS, { [KEPT_SECONDS]: 5 }],
  ["too old", [[T, 5]], T + KEPT_SECONDS + 1, {}],
  [
    "too old, in the slot of a later one",
    [
      [T, 5],
      [T + KEPT_SECONDS, 6],
    ],
    T + KEPT_SECONDS + 1,
    { 1: 6 },
  ],
  [
    "after a long silence",
    [
      [T, 5],
      [T + 10_000, 6],
    ],
    T + 10_001,
    { 1: 6 },
  ],
  [
    "a clock that is put back",
    [
      [T, 5],
      [T - 50, 6],
    ],
    T + 1,
    { 1: 11 },
  ],
  [
    "no bytes",
    [
      [T, 5],
      [T + 400, 0],
    ],
    T + 1,
    { 1: 5 },
  ],
])("%s", (_why, added, until, expected) => {
  expect(after(added, until)).toEqual(expected);
});

/** The announce interval by the number of peers. */

import { expect, test } from "bun:test";
import { intervalFor } from "./intervals.ts";

test.each<[string, number, number | undefined, number]>([
  ["no peer", 0, undefined, 5],
  ["500 peers", 500, undefined, 5],
  ["501 peers: 100 announces a second", 501, undefined, 6],
  ["1000 peers", 1000, undefined, 10],
  ["100 000 peers", 100_000, undefined, 1000],
  ["as many as there may be", 262_144, undefined, 1800],
  ["--announce-interval", 100_000, 7, 7],
])("The interval: %s", (_why, peers, configured, expected) => {
  expect(intervalFor(peers, configured)).toEqual(expected);
});

/** Programs by their peer ids. */

import { expect, test } from "bun:test";
import { isTransmission } from "./client.ts";

test.each<[string, string, boolean]>([
  ["3.00", "-TR3000-nlig2j1o2pvy", true],
  ["4.0", "-TR4000-nlig2j1o2pvy", true],
  ["libtorrent", "-LT2080-nlig2j1o2pvy", false],
  ["none", "", false],
])("Transmission: %s", (_why, peerId, expected) => {
  expect(isTransmission(Buffer.from(peerId, "latin1"))).toEqual(expected);
});

import { expect, test } from "bun:test";
import { type Bounds, boundsFor, judge, type Verdict } from "./connection-limit.ts";

function bounds(connections: number, descriptors: number): Bounds {
  return { connections, descriptors };
}

test.each<[string, number, number | undefined, Bounds]>([
  ["plenty", 1_048_576, undefined, bounds(16_384, 1_048_000)],
  ["a usual limit", 1024, undefined, bounds(736, 768)],
  ["a small limit", 64, undefined, bounds(16, 48)],
  ["none to speak of", 16, undefined, bounds(1, 12)],
  ["fewer are asked for", 1024, 100, bounds(100, 768)],
  ["more are asked for", 1_048_576, 100_000, bounds(100_000, 1_048_000)],
  ["more than possible are asked for", 1024, 1000, bounds(736, 768)],
])("Bounds for %s", (_, limit, wanted, expected) => {
  expect(boundsFor(limit, wanted)).toEqual(expected);
});

const MOST = bounds(160, 320);

test.each<[string, Bounds, boolean, Verdict]>([
  ["room", bounds(159, 319), false, { isFull: false, excess: 0, isUrgent: false }],
  ["the last connection", bounds(160, 200), false, { isFull: true, excess: 10, isUrgent: false }],
  ["a tenth free", bounds(151, 200), true, { isFull: true, excess: 1, isUrgent: false }],
  ["enough free again", bounds(150, 200), true, { isFull: false, excess: 0, isUrgent: false }],
  ["the last descriptor", bounds(100, 320), false, { isFull: true, excess: 20, isUrgent: true }],
  ["few descriptors", bounds(100, 301), true, { isFull: true, excess: 1, isUrgent: false }],
  ["enough descriptors", bounds(100, 300), true, { isFull: false, excess: 0, isUrgent: false }],
])("At %s", (_, open, wasFull, expected) => {
  expect(judge(open, MOST, wasFull)).toEqual(expected);
});

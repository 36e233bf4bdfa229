/** Figures of other rooms become the numbers of a process. */

import { expect, test } from "bun:test";
import { seriesAt } from "./registry.ts";
import { type Figures, Sampler } from "./sampler.ts";
import { TABLE } from "./table.ts";

const { files, documents, hashBytes, peers } = TABLE.metrics;

test("Gauges are set, and counters go on from what the slot had", () => {
  const numbers = new Float64Array(TABLE.length);
  numbers[hashBytes.at] = 1000;
  let figures: Figures = {};
  const sampler = new Sampler(numbers, () => figures);
  const seen: (number | undefined)[][] = [];
  for (figures of [
    { hashBytes: 5, files: 3, documents: { meta4: 1 }, peers: { "seeder/ipv6": 2 } },
    { hashBytes: 5, files: 1, documents: { meta4: 4 }, peers: { "seeder/ipv6": 0 } },
    // What the table doesn't have.
    { hashBytes: 7, files: 2, documents: { pdf: 4 }, peers: { seeder: 5, "seeder/ipx": 6 } },
  ]) {
    sampler.sample();
    seen.push([
      ...[numbers[hashBytes.at], numbers[files.at]],
      numbers[seriesAt(documents, 1)],
      numbers[seriesAt(peers, 0, 1)],
    ]);
  }
  expect(seen).toEqual([
    [1005, 3, 1, 2],
    [1005, 1, 4, 0],
    [1007, 2, 4, 0],
  ]);
});

test("A process knows its own size", () => {
  const numbers = new Float64Array(TABLE.length);
  new Sampler(numbers).sample();
  const { cpu, resident, virtual, descriptors, mostDescriptors } = TABLE.metrics;
  const own = [cpu, resident, virtual, descriptors, mostDescriptors].map(({ at }) => numbers[at]!);
  const expected = process.platform === "linux" ? own.map(() => true) : [true, true];
  expect(own.map((number) => number > 0)).toEqual(expected);
});

/** Names, units and labels, by the rules of the field. */

import { expect, test } from "bun:test";
import { TABLE } from "./table.ts";
import { seriesNames } from "./text.ts";

const METRICS = Object.values(TABLE.metrics);

test("Counters alone end in _total", () => {
  const wrong = METRICS.filter(
    ({ type, name }) => name.endsWith("_total") !== (type === "counter"),
  );
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test("Units are seconds and bytes, and histograms have one", () => {
  const names = METRICS.map(({ name }) => name.replace(/_total$/, ""));
  expect(names.filter((name) => /milli|_ms$|kilo|_kb|_mb|minutes/i.test(name))).toEqual([]);
  const histograms = METRICS.filter(({ type }) => type === "histogram");
  expect(histograms.filter(({ name }) => !/_(?:seconds|bytes)$/.test(name))).toEqual([]);
});

test("No name is another's", () => {
  const names = METRICS.flatMap(seriesNames);
  expect(names.length).toBe(new Set(names).size);
});

test("Buckets ascend", () => {
  const wrong = METRICS.filter(({ bounds }) =>
    bounds.some((bound, n) => bound <= (bounds[n - 1] ?? 0)),
  );
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test("A process's numbers fit into 32 KiB", () => {
  expect(8 * TABLE.length).toBeLessThan(32 * 1024);
});

/** The order of listings: natural names, sizes, dates, and sorting of very many strings. */

import { expect, test } from "bun:test";
import { type Order, parseOrder, sortEntries, sortNames, sortStrings } from "./listing-order.ts";
import type { Entry } from "./listing-text.ts";
import { Turn } from "./turns.ts";

test.each<[string, Order]>([
  ["", { by: "name", descending: false }],
  ["?sort=size", { by: "size", descending: false }],
  ["?sort=date&order=desc", { by: "date", descending: true }],
  ["?order=desc", { by: "name", descending: true }],
  ["?sort=constructor&order=up", { by: "name", descending: false }],
])("%p", (query, order) => {
  expect(parseOrder(query)).toEqual(order);
});

test("Names are in natural order", async () => {
  const names = [
    "a10",
    "A9",
    "a9",
    "a1",
    "b",
    "a010",
    "a",
    "a1.5",
    `a${"9".repeat(200)}`,
    "é",
    "_",
    "10",
    "9",
  ];
  expect(await sortNames(names, new Turn())).toEqual([
    ...[
      "9",
      "10",
      "_",
      "a",
      "a1",
      "a1.5",
      "A9",
      "a9",
      "a010",
      "a10",
      `a${"9".repeat(200)}`,
      "b",
      "é",
    ],
  ]);
});

function file(name: string, size: number, mtime: string): Entry {
  return { name, type: "file", size, mtime };
}

test.each<[Order, string[]]>([
  [{ by: "size", descending: false }, ["b", "a", "c"]],
  [{ by: "size", descending: true }, ["c", "a", "b"]],
  [{ by: "date", descending: false }, ["c", "b", "a"]],
])("%p", async (order, names) => {
  const entries = [
    file("a", 10, "+010000-01-01T00:00:00.000Z"),
    file("b", 9, "1970-01-01T00:00:00.001Z"),
    file("c", 2 ** 52, "-000001-01-01T00:00:00.000Z"),
  ];
  const sorted = await sortEntries(entries, order, new Turn());
  expect(sorted.map(({ name }) => name)).toEqual(names);
});

test.each<[string, (n: number) => string]>([
  ["different from the first character", (n) => String((n * 7919) % 100_003)],
  ["alike for long", (n) => `${"x".repeat(200)}${(n * 7919) % 100_003}`],
  ["the same", () => "same"],
  ["one inside the other", (n) => "a".repeat(n % 50)],
])("100 000 strings, %s, are sorted as the runtime sorts them", async (_why, make) => {
  const strings = Array.from({ length: 100_000 }, (_, n) => make(n));
  const expected = strings.toSorted();
  await sortStrings(strings, new Turn());
  expect(strings).toEqual(expected);
});

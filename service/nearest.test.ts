import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

const NAMES = ["port", "seed-port", "host", "hash", "max-connections", "mirror", "quiet", "url"];

test.each<[string, string, string | undefined]>([
  ["two letters are swapped", "prot", "port"],
  ["one is left out", "seed-prt", "seed-port"],
  ["one is put in", "mirrors", "mirror"],
  ["one is another", "hosh", "host"],
  ["a short one", "urI", "url"],
  ["its beginning", "max-c", "max-connections"],
  ["the beginning of no other, though nearer ones are", "mir", "mirror"],
  ["underscores", "max_connections", "max-connections"],
  ["nothing is near", "nope", undefined],
  ["one letter", "x", undefined],
  ["nothing", "", undefined],
])("%s: %p is meant as %p", (_why, written, expected) => {
  expect(nearest(written, NAMES)).toBe(expected);
});

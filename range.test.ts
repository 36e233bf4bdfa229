/**
 * Tables worked out from RFC 9110 §14 and from where this server differs on purpose,
 * then properties over random fields, held against a reference that counts with
 * BigInt and marks single bytes.
 */

import { describe, expect, test } from "bun:test";
import {
  formatContentRange,
  formatUnsatisfiedRange,
  type ParsedRange,
  parseRange,
  type RangeOutcome,
  type RangeSpec,
  resolveRange,
  type Window,
} from "./range.ts";

/** 2^53 - 1, past which a number isn't exact. */
const LARGEST = 9007199254740991;

function between(first: number, last: number): RangeSpec {
  return { kind: "first-last", first, last };
}

function suffix(length: number): RangeSpec {
  return { kind: "suffix", length };
}

function ranges(...specs: RangeSpec[]): ParsedRange {
  return { kind: "ranges", specs };
}

// Every number past 2^53 - 1 is one that no length reaches.
const PAST_ALL = ranges(between(Infinity, Infinity));
const OTHER_UNIT: ParsedRange = { kind: "other-unit" };
const NO_UNIT: ParsedRange = {
  kind: "malformed",
  reason: "Range needs a unit, as in bytes=0-10",
};
const NO_BYTES: ParsedRange = { kind: "malformed", reason: "Range names no bytes" };
const NO_SPEC: ParsedRange = {
  kind: "malformed",
  reason: "Range has an element that is not first-last, first- or -length",
};
const REVERSED: ParsedRange = {
  kind: "malformed",
  reason: "Range has a last position before its first",
};

describe("parseRange", () => {
  test.each<[string, string, ParsedRange]>([
    // One range
    ["first and last", "bytes=0-10", ranges(between(0, 10))],
    ["a single byte", "bytes=7-7", ranges(between(7, 7))],
    ["open", "bytes=5-", ranges(between(5, Infinity))],
    ["suffix", "bytes=-5", ranges(suffix(5))],
    ["suffix of nothing is syntax like any other", "bytes=-0", ranges(suffix(0))],
    ["leading zeros", "bytes=007-0010", ranges(between(7, 10))],
    ["many leading zeros", "bytes=00000000000000000000009-10", ranges(between(9, 10))],
    ["leading zeros in a suffix", "bytes=-000", ranges(suffix(0))],
    ["the unit in capitals", "BYTES=0-1", ranges(between(0, 1))],
    ["the unit in both", "Bytes=0-1", ranges(between(0, 1))],
    // Large numbers
    ["2^53 - 1 is exact", "bytes=9007199254740991-", ranges(between(9007199254740991, Infinity))],
    ["2^53 is past every length", "bytes=9007199254740992-", PAST_ALL],
    ["2^53 as last", "bytes=0-9007199254740992", ranges(between(0, Infinity))],
    ["2^63", "bytes=9223372036854775808-9223372036854775809", PAST_ALL],
    ["2^64 + 5 doesn't wrap to 5", "bytes=18446744073709551621-", PAST_ALL],
    ["a suffix of 2^64", "bytes=-18446744073709551616", ranges(suffix(Infinity))],
    ["more digits than fit", `bytes=0-${"9".repeat(400)}`, ranges(between(0, Infinity))],
    ["reversed by one past 2^53", "bytes=9007199254740993-9007199254740992", REVERSED],
    ["reversed by one past 2^64", "bytes=18446744073709551617-18446744073709551616", REVERSED],
    ["equal past 2^64", "bytes=18446744073709551617-18446744073709551617", PAST_ALL],
    ["reversed by a digit", "bytes=10000000000000000000-9999999999999999999", REVERSED],
    ["in order by a digit", "bytes=9999999999999999999-10000000000000000000", PAST_ALL],
    ["leading zeros don't make a number larger", "bytes=00000000000000000010-9", REVERSED],
    ["nor smaller", "bytes=9-00000000000000000010", ranges(between(9, 10))],
    // Several
    ["two", "bytes=0-1,4-5", ranges(between(0, 1), between(4, 5))],
    ["two with a space", "bytes=0-1, 4-5", ranges(between(0, 1), between(4, 5))],
    ["spaces and tabs around commas", "bytes=0-1\t , \t4-5", ranges(between(0, 1), between(4, 5))],
    ["all three forms", "bytes=9-,-3,0-0", ranges(between(9, Infinity), suffix(3), between(0, 0))],
    ["the same twice", "bytes=0-1,0-1", ranges(between(0, 1), between(0, 1))],
    ["backwards", "bytes=8-9,0-1", ranges(between(8, 9), between(0, 1))],
    ["blanks before and after the set", "bytes= 0-1 ", ranges(between(0, 1))],
    ["empty elements in front", "bytes=,,0-1", ranges(between(0, 1))],
    ["empty elements behind", "bytes=0-1, ,", ranges(between(0, 1))],
    ["empty elements within", "bytes=0-1, \t,,4-5", ranges(between(0, 1), between(4, 5))],
    // Other units
    ["another unit", "items=0-1", OTHER_UNIT],
    ["another unit in a syntax of its own", "seconds=1.5-two;x", OTHER_UNIT],
    ["another unit of nothing", "none=", OTHER_UNIT],
    ["a unit that begins like bytes", "bytes2=0-1", OTHER_UNIT],
    ["a unit that bytes begins with", "byte=0-1", OTHER_UNIT],
    ["a unit of every kind of token character", "!#$%&'*+-.^_`|~9aZ=0-1", OTHER_UNIT],
    // Malformed
    ["empty", "", NO_UNIT],
    ["no equals sign", "bytes", NO_UNIT],
    ["no unit", "0-1", NO_UNIT],
    ["no unit before the equals sign", "=0-1", NO_UNIT],
    ["a blank before the equals sign", "bytes =0-1", NO_UNIT],
    ["a colon for the equals sign", "bytes: 0-1", NO_UNIT],
    ["Content-Range's syntax", "bytes 0-1/100", NO_UNIT],
    ["a unit that is no token", "by(tes=0-1", NO_UNIT],
    ["no range", "bytes=", NO_BYTES],
    ["only blanks", "bytes= \t", NO_BYTES],
    ["only empty elements", "bytes=, ,,", NO_BYTES],
    ["only a dash", "bytes=-", NO_SPEC],
    ["no dash", "bytes=1", NO_SPEC],
    ["letters", "bytes=a-b", NO_SPEC],
    ["two dashes in front", "bytes=--1", NO_SPEC],
    ["two dashes within", "bytes=1--2", NO_SPEC],
    ["three numbers", "bytes=1-2-3", NO_SPEC],
    ["last before first", "bytes=2-1", REVERSED],
    ["a blank before the dash", "bytes=0 -1", NO_SPEC],
    ["a blank after the dash", "bytes=0- 1", NO_SPEC],
    ["a blank within a number", "bytes=0-1 0", NO_SPEC],
    ["a plus sign", "bytes=+0-1", NO_SPEC],
    ["a plus sign on last", "bytes=0-+1", NO_SPEC],
    ["full-width digits", "bytes=０-１", NO_SPEC],
    ["Arabic digits", "bytes=٠-١", NO_SPEC],
    ["hexadecimal", "bytes=0x0-0x10", NO_SPEC],
    ["an exponent", "bytes=0-1e3", NO_SPEC],
    ["a fraction", "bytes=0-1.5", NO_SPEC],
    ["a separator of thousands", "bytes=0-1_000", NO_SPEC],
    ["Infinity", "bytes=0-Infinity", NO_SPEC],
    ["the character before the digits", "bytes=0-/", NO_SPEC],
    ["the character after the digits", "bytes=0-:", NO_SPEC],
    ["a no-break space is no blank", "bytes=\u00a00-1", NO_SPEC],
    ["a line feed is no blank", "bytes=0-1\n", NO_SPEC],
    ["a semicolon between ranges", "bytes=0-1;4-5", NO_SPEC],
    ["one fault among good ones", "bytes=0-1,x,4-5", NO_SPEC],
    ["one reversed among good ones", "bytes=0-1,5-4", REVERSED],
    ["two Range lines joined", "bytes=0-1, bytes=3-4", NO_SPEC],
    ["two equals signs", "bytes==0-1", NO_SPEC],
  ])("%s", (_why, field, expected) => {
    expect(parseRange(field)).toEqual(expected);
  });
});

/** What a field means for a length, in the text of Content-Range where there is one. */
function answer(field: string, completeLength: number): string | string[] {
  const parsed = parseRange(field);
  if (parsed.kind !== "ranges") return parsed.kind;
  const outcome = resolveRange(parsed.specs, completeLength);
  if (outcome.kind === "ignored") return "ignored";
  if (outcome.kind === "unsatisfiable") return formatUnsatisfiedRange(completeLength);
  return outcome.windows.map((window) => formatContentRange(window, completeLength));
}

describe("a field for a length", () => {
  test.each<[string, string, number, string | string[]]>([
    // One range
    ["first and last", "bytes=0-10", 100, ["bytes 0-10/100"]],
    ["the first byte", "bytes=0-0", 100, ["bytes 0-0/100"]],
    ["the last byte", "bytes=99-99", 100, ["bytes 99-99/100"]],
    ["the whole is still a range", "bytes=0-99", 100, ["bytes 0-99/100"]],
    ["open from the start", "bytes=0-", 100, ["bytes 0-99/100"]],
    ["open", "bytes=40-", 100, ["bytes 40-99/100"]],
    ["open at the last byte", "bytes=99-", 100, ["bytes 99-99/100"]],
    ["suffix", "bytes=-5", 100, ["bytes 95-99/100"]],
    ["suffix of one", "bytes=-1", 100, ["bytes 99-99/100"]],
    ["suffix of one less than all", "bytes=-99", 100, ["bytes 1-99/100"]],
    ["suffix of all", "bytes=-100", 100, ["bytes 0-99/100"]],
    ["suffix of more than all", "bytes=-101", 100, ["bytes 0-99/100"]],
    ["a file of one byte", "bytes=0-0", 1, ["bytes 0-0/1"]],
    ["a piece that ends at the end", "bytes=20-29", 30, ["bytes 20-29/30"]],
    // Clamped
    ["last at the length", "bytes=90-100", 100, ["bytes 90-99/100"]],
    ["last one before the length", "bytes=90-98", 100, ["bytes 90-98/100"]],
    ["last far past the length", "bytes=0-999999", 100, ["bytes 0-99/100"]],
    ["a last piece, as Dragonfly asks", "bytes=32-39", 37, ["bytes 32-36/37"]],
    ["last of 2^53", "bytes=1-9007199254740992", 100, ["bytes 1-99/100"]],
    ["last of 2^63 - 1", "bytes=1-9223372036854775807", 100, ["bytes 1-99/100"]],
    ["last of 2^64", "bytes=1-18446744073709551616", 100, ["bytes 1-99/100"]],
    ["suffix of 2^64", "bytes=-18446744073709551616", 100, ["bytes 0-99/100"]],
    [
      "the largest length there is",
      "bytes=-1",
      LARGEST,
      ["bytes 9007199254740990-9007199254740990/9007199254740991"],
    ],
    // Unsatisfiable
    ["first at the length", "bytes=100-", 100, "bytes */100"],
    ["first and last at the length", "bytes=100-100", 100, "bytes */100"],
    ["first past the length", "bytes=101-200", 100, "bytes */100"],
    ["first of 2^53", "bytes=9007199254740992-", 100, "bytes */100"],
    ["first of 2^64, which wraps to 0", "bytes=18446744073709551616-", 100, "bytes */100"],
    ["first of 2^53 at most", "bytes=9007199254740992-", LARGEST, "bytes */9007199254740991"],
    ["a suffix of nothing", "bytes=-0", 100, "bytes */100"],
    ["none of several", "bytes=100-,-0,200-300", 100, "bytes */100"],
    // Some of several
    ["one of two", "bytes=0-1,100-", 100, ["bytes 0-1/100"]],
    ["one beside a suffix of nothing", "bytes=-0,4-5", 100, ["bytes 4-5/100"]],
    ["two of three", "bytes=0-1,500-600,4-5", 100, ["bytes 0-1/100", "bytes 4-5/100"]],
    // Several
    ["two apart", "bytes=0-1,4-5", 100, ["bytes 0-1/100", "bytes 4-5/100"]],
    ["backwards stay backwards", "bytes=4-5,0-1", 100, ["bytes 4-5/100", "bytes 0-1/100"]],
    ["three in no order", "bytes=5-6,-1,0-2", 10, ["bytes 5-6/10", "bytes 9-9/10", "bytes 0-2/10"]],
    ["a gap of one byte stays", "bytes=0-1,3-4", 100, ["bytes 0-1/100", "bytes 3-4/100"]],
    ["touching become one", "bytes=0-1,2-3", 100, ["bytes 0-3/100"]],
    ["touching backwards become one", "bytes=2-3,0-1", 100, ["bytes 0-3/100"]],
    ["overlapping become one", "bytes=0-5,3-9", 100, ["bytes 0-9/100"]],
    ["overlapping in one byte", "bytes=0-5,5-9", 100, ["bytes 0-9/100"]],
    ["one within another", "bytes=0-9,3-5", 100, ["bytes 0-9/100"]],
    ["one around another", "bytes=3-5,0-9", 100, ["bytes 0-9/100"]],
    ["one that begins with another and is shorter", "bytes=0-9,0-3", 100, ["bytes 0-9/100"]],
    ["the same twice", "bytes=4-5,4-5", 100, ["bytes 4-5/100"]],
    ["a third that joins two", "bytes=0-1,4-5,2-3", 100, ["bytes 0-5/100"]],
    [
      "joined, where the first member was asked",
      "bytes=5-6,0-1,7-8",
      10,
      ["bytes 5-8/10", "bytes 0-1/10"],
    ],
    ["the same, the higher first", "bytes=7-8,0-1,5-6", 10, ["bytes 5-8/10", "bytes 0-1/10"]],
    ["a suffix that overlaps", "bytes=90-94,-8", 100, ["bytes 90-99/100"]],
    ["two joined pairs", "bytes=20-24,0-4,25-29,5-9", 100, ["bytes 20-29/100", "bytes 0-9/100"]],
    // Ignored
    ["an empty file, open", "bytes=0-", 0, "ignored"],
    ["an empty file, one byte", "bytes=0-0", 0, "ignored"],
    ["an empty file, suffix", "bytes=-5", 0, "ignored"],
    ["an empty file, suffix of nothing", "bytes=-0", 0, "ignored"],
    ["an empty file, past its end", "bytes=5-", 0, "ignored"],
    ["halves that add up to the whole", "bytes=0-49,50-99", 100, ["bytes 0-99/100"]],
    ["one byte more than the whole", "bytes=0-49,49-99", 100, "ignored"],
    ["the whole twice", "bytes=0-,0-", 100, "ignored"],
    ["a suffix and the whole", "bytes=-1,0-", 100, "ignored"],
    ["what is clamped counts as clamped", "bytes=0-4,6-99", 10, ["bytes 0-4/10", "bytes 6-9/10"]],
    ["what is unsatisfiable counts for nothing", "bytes=0-98,500-999", 100, ["bytes 0-98/100"]],
    // Not ranges of bytes
    ["another unit", "items=0-1", 100, "other-unit"],
    ["malformed", "bytes=2-1", 100, "malformed"],
    ["malformed for an empty file too", "bytes=2-1", 0, "malformed"],
  ])("%s: %s of %d", (_why, field, completeLength, expected) => {
    expect(answer(field, completeLength)).toEqual(expected);
  });
});

function satisfiable(...windows: [Window, ...Window[]]): RangeOutcome {
  return { kind: "satisfiable", windows };
}

describe("resolveRange", () => {
  test.each<[string, RangeSpec[], number, RangeOutcome]>([
    [
      "the end is the byte after the last",
      [between(0, 10)],
      100,
      satisfiable({ start: 0, end: 11 }),
    ],
    ["open", [between(5, Infinity)], 100, satisfiable({ start: 5, end: 100 })],
    ["suffix", [suffix(5)], 100, satisfiable({ start: 95, end: 100 })],
    ["an endless suffix", [suffix(Infinity)], 100, satisfiable({ start: 0, end: 100 })],
    [
      "two",
      [between(8, 9), between(0, 1)],
      100,
      satisfiable({ start: 8, end: 10 }, { start: 0, end: 2 }),
    ],
    ["past the end", [between(Infinity, Infinity)], 100, { kind: "unsatisfiable" }],
    ["nothing asked", [], 100, { kind: "unsatisfiable" }],
    ["no byte there", [between(0, 0)], 0, { kind: "ignored" }],
  ])("%s", (_why, specs, completeLength, expected) => {
    expect(resolveRange(specs, completeLength)).toEqual(expected);
  });
});

describe("Content-Range", () => {
  test.each<[Window, number, string]>([
    [{ start: 0, end: 11 }, 104857600, "bytes 0-10/104857600"],
    [{ start: 0, end: 1 }, 1, "bytes 0-0/1"],
    [{ start: 99, end: 100 }, 100, "bytes 99-99/100"],
    [{ start: 0, end: LARGEST }, LARGEST, "bytes 0-9007199254740990/9007199254740991"],
  ])("%o of %d", (window, completeLength, expected) => {
    expect(formatContentRange(window, completeLength)).toBe(expected);
  });

  test.each<[number, string]>([
    [0, "bytes */0"],
    [1, "bytes */1"],
    [LARGEST, "bytes */9007199254740991"],
  ])("none of %d", (completeLength, expected) => {
    expect(formatUnsatisfiedRange(completeLength)).toBe(expected);
  });
});

/** `bytes=0-0,2-2,4-4,…`: `count` single bytes that don't touch. */
function everyOtherByte(count: number): string {
  return `bytes=${Array.from({ length: count }, (_, i) => `${2 * i}-${2 * i}`).join(",")}`;
}

describe("the number of parts", () => {
  test.each<[string, string, number | string]>([
    ["the most there are", everyOtherByte(200), 200],
    ["one more", everyOtherByte(201), "ignored"],
    ["one more, which joins the first", `${everyOtherByte(200)},1-1`, 199],
    ["one more, which touches the last", `${everyOtherByte(200)},399-399`, 200],
    ["one more, which is past the end", `${everyOtherByte(200)},1000-`, 200],
    ["as many of the same as are looked at", `bytes=${"0-0,".repeat(1000)}`, 1],
    ["one more of the same", `bytes=${"0-0,".repeat(1001)}`, "ignored"],
  ])("%s", (_why, field, expected) => {
    const outcome = answer(field, 1000);
    expect(typeof outcome === "string" ? outcome : outcome.length).toBe(expected);
  });
});

// Fields that make a parser with nested loops or a backtracking expression stand still.
describe("60 kB", () => {
  test.each<[string, string, string | string[]]>([
    ["of commas, then a range", `bytes=${",".repeat(60_000)}0-0`, ["bytes 0-0/20000"]],
    ["of blanks, then a range", `bytes=${" ".repeat(60_000)}0-0`, ["bytes 0-0/20000"]],
    ["of blanks around each comma", `bytes=${" \t,".repeat(20_000)}0-0`, ["bytes 0-0/20000"]],
    ["of blanks within an element", `bytes=0${" ".repeat(60_000)}-0`, "malformed"],
    ["of blanks after a fault", `bytes=x${" ".repeat(60_000)}`, "malformed"],
    ["of commas alone", `bytes=${",".repeat(60_000)}`, "malformed"],
    ["of dashes", `bytes=${"-".repeat(60_000)}`, "malformed"],
    ["of digits as last", `bytes=0-${"7".repeat(60_000)}`, ["bytes 0-19999/20000"]],
    ["of digits as first", `bytes=${"7".repeat(60_000)}-`, "bytes */20000"],
    ["of zeros, then a digit", `bytes=${"0".repeat(60_000)}5-5`, ["bytes 5-5/20000"]],
    ["of one byte again and again", `bytes=${"0-0,".repeat(15_000)}`, "ignored"],
    ["of the same in the other unit", `items=${"0-0,".repeat(15_000)}`, "other-unit"],
    ["of a unit", `${"b".repeat(60_000)}=0-0`, "other-unit"],
  ])("%s", (_why, field, expected) => {
    expect(answer(field, 20_000)).toEqual(expected);
  });
});

/** Whole numbers from 0 to below `below`, the same ones on every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  // 53 random bits, so that large numbers don't all end in zeros.
  return (below) => Math.floor(((next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53) * below);
}

/** Numbers that the usual integers round, wrap or can't hold. */
const EDGES = [2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n, 10n ** 19n];

function randomDigits(random: (below: number) => number, most: number): string {
  const edge = EDGES[random(60)];
  const number = edge === undefined ? BigInt(random(most)) : edge + BigInt(random(5) - 2);
  return "0".repeat(random(8) === 0 ? random(30) : 0) + number;
}

function randomElement(random: (below: number) => number, most: number): string {
  const kind = random(40);
  if (kind === 0) return ["x", "-", "1", "0 -1", "1-2-3", "+1-2", "0-0x9"][random(7)] ?? "";
  if (kind < 4) return "";
  if (kind < 10) return `-${randomDigits(random, most)}`;
  if (kind < 16) return `${randomDigits(random, most)}-`;
  const first = randomDigits(random, most);
  // Mostly a few bytes further on, sometimes anywhere, also before.
  const last = random(12) === 0 ? randomDigits(random, most) : BigInt(first) + BigInt(random(6));
  return `${first}-${last}`;
}

function randomField(random: (below: number) => number, most: number): string {
  const blank = () => ["", "", "", " ", "\t", " \t "][random(6)] ?? "";
  const elements = Array.from({ length: 1 + random(6) }, () => randomElement(random, most));
  return `bytes=${elements.map((element) => blank() + element + blank()).join(",")}`;
}

/** The bytes that one element selects, half-open; equal ends when it selects none. */
function select(element: string, length: bigint): [bigint, bigint] | "malformed" {
  const match = /^([0-9]*)-([0-9]*)$/.exec(element);
  const [, first = "", last = ""] = match ?? [];
  if (first === "" && last === "") return "malformed";
  if (first === "") return [BigInt(last) > length ? 0n : length - BigInt(last), length];
  if (last !== "" && BigInt(last) < BigInt(first)) return "malformed";
  const end = last === "" || BigInt(last) >= length ? length : BigInt(last) + 1n;
  return BigInt(first) < end ? [BigInt(first), end] : [0n, 0n];
}

/** `answer` once more, by marking every byte that is asked for. Only for small lengths. */
function reference(field: string, length: number): string | string[] {
  const elements = field.slice("bytes=".length).split(/[ \t]*,[ \t]*/);
  const selected = elements
    .map((element) => element.replaceAll(/^[ \t]+|[ \t]+$/g, ""))
    .filter((element) => element !== "")
    .map((element) => select(element, BigInt(length)));
  if (selected.length === 0 || selected.includes("malformed")) return "malformed";
  if (length === 0) return "ignored";

  const marked = new Set<number>();
  let total = 0;
  for (const [start, end] of selected) {
    for (let at = Number(start); at < Number(end); at++, total++) marked.add(at);
  }
  if (total === 0) return `bytes */${length}`;
  if (total > length) return "ignored";
  const parts = new Set<string>();
  for (const [start, end] of selected) {
    if (start === end) continue;
    let [first, last] = [Number(start), Number(start)];
    while (marked.has(first - 1)) first--;
    while (marked.has(last + 1)) last++;
    parts.add(`bytes ${first}-${last}/${length}`);
  }
  return [...parts];
}

describe("any field", () => {
  test("means what a reference with BigInt and single bytes says", () => {
    const random = seeded(1);
    const seen = { malformed: 0, ignored: 0, unsatisfiable: 0, one: 0, several: 0 };
    for (let round = 0; round < 20_000; round++) {
      const length = random(60);
      const field = randomField(random, 64);
      const expected = reference(field, length);
      expect({ field, length, answer: answer(field, length) }).toEqual({
        field,
        length,
        answer: expected,
      });
      if (Array.isArray(expected)) seen[expected.length === 1 ? "one" : "several"]++;
      else if (expected === "malformed" || expected === "ignored") seen[expected]++;
      else seen.unsatisfiable++;
    }
    // Each outcome was met often enough to count.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(500);
  });

  test("with one range means the same for lengths up to 2^53 - 1", () => {
    const random = seeded(2);
    for (let round = 0; round < 5_000; round++) {
      const length = 2 ** (1 + random(53)) - 1;
      const element = randomElement(random, 2 ** random(54));
      if (element === "") continue;
      const selected = select(element, BigInt(length));
      const [start, end] = selected === "malformed" ? [0n, 0n] : selected;
      const found = start < end ? [`bytes ${start}-${end - 1n}/${length}`] : `bytes */${length}`;
      expect({ element, answer: answer(`bytes=${element}`, length) }).toEqual({
        element,
        answer: selected === "malformed" ? "malformed" : found,
      });
    }
  });

  test("gives windows that are not empty, in bounds, apart, and no more than the file", () => {
    const random = seeded(3);
    let satisfiable = 0;
    for (let round = 0; round < 10_000; round++) {
      const length = random(2) === 0 ? random(200) : 2 ** random(53) + random(1000);
      const parsed = parseRange(randomField(random, length));
      if (parsed.kind !== "ranges") continue;
      const outcome = resolveRange(parsed.specs, length);
      if (outcome.kind !== "satisfiable") continue;
      satisfiable++;
      const sorted = outcome.windows.toSorted((a, b) => a.start - b.start);
      let [previousEnd, total] = [-1, 0];
      for (const { start, end } of sorted) {
        const holds = start > previousEnd && start >= 0 && start < end && end <= length;
        expect({ sorted, length, holds }).toEqual({ sorted, length, holds: true });
        previousEnd = end;
        total += end - start;
      }
      expect(total).toBeLessThanOrEqual(length);
    }
    expect(satisfiable).toBeGreaterThan(1000);
  });
});

test("Any bytes=a-b within the file comes back as Content-Range", () => {
  const random = seeded(4);
  for (let round = 0; round < 5_000; round++) {
    const length = 1 + random(2 ** random(54) - 1);
    const last = random(length);
    const first = random(last + 1);
    expect(answer(`bytes=${first}-${last}`, length)).toEqual([`bytes ${first}-${last}/${length}`]);
  }
});

test("A first position at or past the length never satisfies", () => {
  const random = seeded(5);
  for (let round = 0; round < 5_000; round++) {
    const length = 1 + random(2 ** random(53));
    const first = BigInt(length) + BigInt(random(3) === 0 ? 0 : random(2 ** random(54)));
    const field = random(2) === 0 ? `bytes=${first}-` : `bytes=${first}-${first + 5n}`;
    expect({ field, answer: answer(field, length) }).toEqual({
      field,
      answer: `bytes */${length}`,
    });
  }
});

test("Windows that are apart come in the order asked", () => {
  const random = seeded(6);
  for (let round = 0; round < 1_000; round++) {
    const parts: string[] = [];
    let position = 0;
    for (let count = 1 + random(20); count > 0; count--) {
      const first = position + random(5);
      const last = first + random(5);
      parts.splice(random(parts.length + 1), 0, `${first}-${last}`);
      position = last + 2;
    }
    expect(answer(`bytes=${parts.join(",")}`, position)).toEqual(
      parts.map((part) => `bytes ${part}/${position}`),
    );
  }
});

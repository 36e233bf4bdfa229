/** Bencoding by BEP 3: every value has one form. */

import { describe, expect, test } from "bun:test";
import { type Encodable, encode, Encoded } from "./bencode.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const written = (value: Encodable) => Buffer.from(encode(value)).toString("latin1");

describe("encode", () => {
  test.each<[string, Encodable, string]>([
    ["text", "spam", "4:spam"],
    ["no text", "", "0:"],
    ["text in UTF-8", "ä", "2:\xc3\xa4"],
    ["bytes", bytes("\0\xff"), "2:\0\xff"],
    ["an integer", 42, "i42e"],
    ["below zero", -3, "i-3e"],
    ["zero", 0, "i0e"],
    ["zero below zero", -0, "i0e"],
    ["the largest number", Number.MAX_SAFE_INTEGER, "i9007199254740991e"],
    ["past the numbers", 2n ** 64n, "i18446744073709551616e"],
    ["a large round number", 1e15, "i1000000000000000e"],
    ["a list", ["spam", -3], "l4:spami-3ee"],
    ["an empty list", [], "le"],
    ["a dictionary, sorted", { foo: 42, bar: "spam" }, "d3:bar4:spam3:fooi42ee"],
    ["capitals before small letters", { a: 1, B: 2 }, "d1:Bi2e1:ai1ee"],
    ["a prefix first", { ab: 1, a: 2, "a b": 3 }, "d1:ai2e3:a bi3e2:abi1ee"],
    ["digits, which objects reorder", { "10": 1, "9": 2, "!": 3 }, "d1:!i3e2:10i1e1:9i2ee"],
    [
      "a map",
      new Map([
        ["b", 1],
        ["a", 2],
      ]),
      "d1:ai2e1:bi1ee",
    ],
    ["a key of any byte", new Map([["\xff\0", 1]]), "d2:\xff\0i1ee"],
    ["an empty dictionary", {}, "de"],
    ["what is undefined is left out", { a: undefined, b: 1 }, "d1:bi1ee"],
    ["what is encoded already", { info: new Encoded(bytes("d1:ai1ee")) }, "d4:infod1:ai1eee"],
  ])("%s", (_why, value, expected) => {
    expect(written(value)).toBe(expected);
  });

  test.each<[string, Encodable]>([
    ["a fraction", 1.5],
    ["no number", NaN],
    ["a number that isn't exact", 2 ** 53],
    ["a key that is no bytes", { "€": 1 }],
  ])("%s is refused", (_why, value) => {
    expect(() => encode(value)).toThrow(RangeError);
  });
});

/** Only the one form of a value is decoded; everything else is "malformed". */

import { describe, expect, test } from "bun:test";
import { type Bencoded, decode, decodePrefix, type Limits } from "./bdecode.ts";
import { encode } from "./bencode.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

describe("decode", () => {
  test.each<[string, string, Bencoded]>([
    ["text", "4:spam", bytes("spam")],
    ["no text", "0:", bytes("")],
    ["text that looks like an end", "1:e", bytes("e")],
    ["an integer", "i42e", 42],
    ["below zero", "i-3e", -3],
    ["zero", "i0e", 0],
    ["the largest number", "i9007199254740991e", Number.MAX_SAFE_INTEGER],
    ["past the numbers", "i9007199254740992e", 2n ** 53n],
    ["the longest", "i-9223372036854775808e", -(2n ** 63n)],
    ["a list", "l4:spami-3ee", [bytes("spam"), -3]],
    ["lists in a list", "lllelee1:ae", [[[], []], bytes("a")]],
    [
      "a dictionary",
      "d3:bar4:spam3:fooi42ee",
      new Map<string, Bencoded>([
        ["bar", bytes("spam")],
        ["foo", 42],
      ]),
    ],
    ["an empty dictionary", "de", new Map()],
    ["a key of any byte", "d2:\xff\0i1ee", new Map([["\xff\0", 1]])],
    ["an empty key", "d0:i1ee", new Map([["", 1]])],
    ["a key of the language", "d9:__proto__i1ee", new Map([["__proto__", 1]])],
  ])("%s", (_why, text, value) => {
    expect(decode(bytes(text))).toEqual({ kind: "value", value, end: text.length });
  });

  test.each<[string, string, string, number]>([
    ["nothing", "", "The end where a value should be", 0],
    ["a letter", "x", "Neither a value nor its end", 0],
    ["an end of nothing", "e", "Neither a value nor its end", 0],
    ["a space in front", " i1e", "Neither a value nor its end", 0],
    ["more behind", "i1ei2e", "There is more behind the value", 3],
    ["no digits", "ie", "Not an integer", 0],
    ["a zero in front", "i03e", "Not an integer", 0],
    ["zero below zero", "i-0e", "Not an integer", 0],
    ["a plus", "i+1e", "Not an integer", 0],
    ["a fraction", "i1.5e", "Not an integer", 0],
    ["a power", "i1e5e", "There is more behind the value", 3],
    ["an integer without end", "i1", "Not an integer", 0],
    ["20 digits", "i10000000000000000000e", "Not an integer", 0],
    ["endless digits", `i${"1".repeat(60_000)}e`, "Not an integer", 0],
    ["a string past the end", "5:spam", "A string past the end", 0],
    ["a string far past the end", "9999999999999999999:", "A string past the end", 0],
    ["endless digits of a length", "1".repeat(60_000), "Neither a value nor its end", 0],
    ["a length with a zero in front", "04:spam", "Neither a value nor its end", 0],
    ["a length below zero", "-1:", "Neither a value nor its end", 0],
    ["no length", ":", "Neither a value nor its end", 0],
    ["a length in hexadecimal", "0x1:a", "Neither a value nor its end", 0],
    ["a list without end", "l1:a", "The end where a value should be", 4],
    ["a dictionary without end", "d1:ai1e", "Neither a value nor its end", 7],
    ["a key without value", "d1:ae", "Neither a value nor its end", 4],
    ["a key that is an integer", "di1ei2ee", "Neither a value nor its end", 1],
    ["a key twice", "d1:ai1e1:ai2ee", "A key that isn't behind the one before", 7],
    ["keys not in order", "d1:bi1e1:ai2ee", "A key that isn't behind the one before", 7],
    [
      "33 lists inside one another",
      `${"l".repeat(33)}${"e".repeat(33)}`,
      "Too many lists inside one another",
      32,
    ],
    ["dictionaries without end", "d1:a".repeat(10_000), "Too many lists inside one another", 128],
    ["lists without end", "l".repeat(65_536), "Too many lists inside one another", 32],
    ["too long", "l".repeat(65_537), "Longer than 65536 bytes", 65_536],
  ])("malformed: %s", (_why, text, reason, at) => {
    expect(decode(bytes(text))).toEqual({ kind: "malformed", reason, at });
  });

  test("32 lists inside one another are not too many", () => {
    const text = `${"l".repeat(32)}${"e".repeat(32)}`;
    expect(decode(bytes(text))).toMatchObject({ kind: "value", end: 64 });
  });

  test("decodePrefix leaves the bytes after the value alone", () => {
    const value = new Map([["a", 1]]);
    expect(decodePrefix(bytes("d1:ai1eeREST"))).toEqual({ kind: "value", value, end: 8 });
  });

  test("byte strings don't follow the buffer they were read from", () => {
    const buffer = bytes("l4:spame");
    const decoded = decode(buffer);
    buffer.fill(0);
    expect(decoded).toEqual({ kind: "value", value: [bytes("spam")], end: 8 });
  });
});

/** The same numbers in every run: a linear congruential generator, 0 ≤ n < `below`. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomValue(next: (below: number) => number, depth: number): Bencoded {
  switch (next(depth === 0 ? 3 : 5)) {
    case 0:
      return Uint8Array.from({ length: next(12) }, () => next(256));
    case 1:
      return next(2 ** 32) - 2 ** 31;
    case 2:
      return 2n ** 53n + BigInt(next(2 ** 30)) * 2n ** 30n;
    case 3:
      return Array.from({ length: next(4) }, () => randomValue(next, depth - 1));
    default: {
      const keys = Array.from({ length: next(4) }, () =>
        String.fromCharCode(...Array.from({ length: next(4) }, () => next(256))),
      );
      return new Map(
        [...new Set(keys)]
          .sort()
          .map((key): [string, Bencoded] => [key, randomValue(next, depth - 1)]),
      );
    }
  }
}

describe("properties", () => {
  test("decoding what was encoded gives it back", () => {
    const next = numbers(1);
    for (let round = 0; round < 3000; round++) {
      const value = randomValue(next, 5);
      const text = encode(value);
      expect(decode(text)).toEqual({ kind: "value", value, end: text.length });
    }
  });

  test("cut or changed input is malformed, or another value in its only form", () => {
    const next = numbers(2);
    const limits: Limits = { length: 64 * 1024, depth: 8 };
    for (let round = 0; round < 5000; round++) {
      const whole = encode(randomValue(next, 5));
      const cut = whole.subarray(0, next(whole.length));
      expect(decode(cut, limits).kind).toBe("malformed");
      const changed = whole.slice();
      for (let times = next(4); times >= 0; times--) {
        changed[next(changed.length)] =
          next(2) === 0 ? next(256) : "0123456789ilde:-".charCodeAt(next(16));
      }
      const decoded = decode(changed, limits);
      if (decoded.kind === "value") expect(encode(decoded.value)).toEqual(Buffer.from(changed));
      else expect(decoded.at).toBeLessThanOrEqual(changed.length);
    }
  });
});

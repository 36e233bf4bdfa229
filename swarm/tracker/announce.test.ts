/** Queries to a tracker: bytes stay bytes, and a malformed query fails with a reason. */

import { describe, expect, test } from "bun:test";
import {
  MOST_SCRAPED,
  parseAnnounce,
  type ParsedAnnounce,
  type ParsedScrape,
  parseScrape,
} from "./announce.ts";

const HASH = "%00%01%02%03%04%05%06%07%08%09%0a%0b%0c%0d%0e%0f%10%11%12%ff";
const ID = "-XX0001-abcdefghijkl";

/** The parameters of an announce with some of them changed; undefined leaves one out. */
function query(changes: Readonly<Record<string, string | undefined>> = {}): string {
  const usual = { info_hash: HASH, peer_id: ID, port: "6881" };
  const counters = { uploaded: "1", downloaded: "2", left: "3" };
  return Object.entries({ ...usual, ...counters, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

const USUAL = {
  infoHash: Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 255),
  peerId: new TextEncoder().encode(ID),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: "none",
  numwant: undefined,
  compact: true,
  noPeerId: false,
} as const;

function read(changes: object = {}): ParsedAnnounce {
  return { kind: "announce", announce: { ...USUAL, ...changes } };
}

function failure(reason: string): { kind: "failure"; reason: string } {
  return { kind: "failure", reason };
}

const AAAA = new Uint8Array(20).fill(0x61);

describe("parseAnnounce", () => {
  test.each<[string, string, ParsedAnnounce]>([
    ["what BEP 3 asks for", query(), read()],
    ["a question mark before it", `?${query()}`, read()],
    ["empty parameters between", `&&${query()}&`, read()],
    ["upper case escapes", query({ info_hash: HASH.toUpperCase() }), read()],
    ["bytes that need no escape", query({ info_hash: "a".repeat(20) }), read({ infoHash: AAAA })],
    [
      "a plus, which is no space",
      query({ peer_id: `+${"a".repeat(19)}` }),
      read({ peerId: Uint8Array.of(0x2b, ...AAAA.subarray(1)) }),
    ],
    [
      "escapes of bytes that look like separators",
      query({ peer_id: `%26%3d%25${"a".repeat(17)}` }),
      read({ peerId: Uint8Array.of(0x26, 0x3d, 0x25, ...AAAA.subarray(3)) }),
    ],
    [
      "an equals sign within a value",
      query({ peer_id: `a=${"a".repeat(18)}` }),
      read({ peerId: Uint8Array.of(0x61, 0x3d, ...AAAA.subarray(2)) }),
    ],
    ["started", query({ event: "started" }), read({ event: "started" })],
    ["stopped", query({ event: "stopped" }), read({ event: "stopped" })],
    ["completed", query({ event: "completed" }), read({ event: "completed" })],
    ["an event that is none", query({ event: "" }), read()],
    ["paused, BEP 21", query({ event: "paused" }), read()],
    ["numwant", query({ numwant: "200" }), read({ numwant: 200 })],
    ["numwant of none", query({ numwant: "0" }), read({ numwant: 0 })],
    ["compact=1", query({ compact: "1" }), read()],
    ["compact=0", query({ compact: "0" }), read({ compact: false })],
    ["no_peer_id=1", query({ no_peer_id: "1" }), read({ noPeerId: true })],
    ["the last port", query({ port: "65535" }), read({ port: 65535 })],
    ["leading zeros", query({ port: "01" }), read({ port: 1 })],
    [
      "a size of 2^64 - 1, said by who knows none",
      query({ left: "18446744073709551615" }),
      read({ left: 9007199254740991 }),
    ],
    ["a forged address", query({ ip: "10.0.0.1" }), read()],
    ["what nobody here reads, twice", `${query()}&key=1&key=2&supportcrypto`, read()],
    // Failure: ids
    ["nothing", "", failure("info_hash is missing")],
    ["no info_hash", query({ info_hash: undefined }), failure("info_hash is missing")],
    ["an empty info_hash", query({ info_hash: "" }), failure("info_hash is not 20 bytes")],
    ["a name alone", "info_hash", failure("info_hash is not 20 bytes")],
    ["19 bytes", query({ info_hash: "a".repeat(19) }), failure("info_hash is not 20 bytes")],
    ["21 bytes", query({ info_hash: `${HASH}a` }), failure("info_hash is not 20 bytes")],
    ["hexadecimal", query({ info_hash: "0a".repeat(20) }), failure("info_hash is not 20 bytes")],
    ["two info hashes", `${query()}&info_hash=${HASH}`, failure("info_hash is given twice")],
    ["no peer_id", query({ peer_id: undefined }), failure("peer_id is missing")],
    ["a short peer_id", query({ peer_id: "a" }), failure("peer_id is not 20 bytes")],
    ["two peer ids", `${query()}&peer_id=${ID}`, failure("peer_id is given twice")],
    // Failure: escapes
    ["a cut escape", query({ peer_id: `${"a".repeat(19)}%a` }), failure("peer_id is not 20 bytes")],
    [
      "a bare percent",
      query({ peer_id: `${"a".repeat(19)}%` }),
      failure("peer_id is not 20 bytes"),
    ],
    ["no hex", query({ peer_id: `${"a".repeat(19)}%g0` }), failure("peer_id is not 20 bytes")],
    [
      "a sign as hex",
      query({ peer_id: `${"a".repeat(19)}%+1` }),
      failure("peer_id is not 20 bytes"),
    ],
    ["a space", query({ peer_id: `${"a".repeat(19)} ` }), failure("peer_id is not 20 bytes")],
    [
      "a letter beyond ASCII",
      query({ peer_id: `${"a".repeat(19)}ä` }),
      failure("peer_id is not 20 bytes"),
    ],
    [
      "a byte the runtime took for text",
      query({ peer_id: `${"a".repeat(19)}%EF%BF%BD` }),
      failure("peer_id is not 20 bytes"),
    ],
    // Failure: numbers
    ["no port", query({ port: undefined }), failure("port is missing")],
    ["port 0", query({ port: "0" }), failure("port is not one of 1 to 65535")],
    ["port 65536", query({ port: "65536" }), failure("port is not one of 1 to 65535")],
    ["a negative port", query({ port: "-1" }), failure("port is not a decimal number")],
    ["an empty port", query({ port: "" }), failure("port is not a decimal number")],
    ["a port in hex", query({ port: "0x1" }), failure("port is not a decimal number")],
    ["a fraction", query({ port: "1.5" }), failure("port is not a decimal number")],
    ["an exponent", query({ port: "1e3" }), failure("port is not a decimal number")],
    ["an escaped digit", query({ port: "%31" }), failure("port is not a decimal number")],
    ["a line after the number", query({ port: "1\n" }), failure("port is not a decimal number")],
    ["two ports", `${query()}&port=6881`, failure("port is given twice")],
    ["no uploaded", query({ uploaded: undefined }), failure("uploaded is missing")],
    ["a negative uploaded", query({ uploaded: "-1" }), failure("uploaded is not a decimal number")],
    ["no downloaded", query({ downloaded: undefined }), failure("downloaded is missing")],
    ["NaN downloaded", query({ downloaded: "NaN" }), failure("downloaded is not a decimal number")],
    ["no left", query({ left: undefined }), failure("left is missing")],
    ["21 digits", query({ left: "1".repeat(21) }), failure("left is not a decimal number")],
    ["two lefts", `${query()}&left=0`, failure("left is given twice")],
    ["a negative numwant", query({ numwant: "-1" }), failure("numwant is not a decimal number")],
    ["an empty numwant", query({ numwant: "" }), failure("numwant is not a decimal number")],
    // Failure: words
    [
      "another event",
      query({ event: "begun" }),
      failure("event is not started, stopped or completed"),
    ],
    [
      "an event in capitals",
      query({ event: "STARTED" }),
      failure("event is not started, stopped or completed"),
    ],
    ["two events", `${query({ event: "started" })}&event=stopped`, failure("event is given twice")],
    ["compact=2", query({ compact: "2" }), failure("compact is not 0 or 1")],
    ["compact without a value", `${query()}&compact`, failure("compact is not 0 or 1")],
    ["no_peer_id=yes", query({ no_peer_id: "yes" }), failure("no_peer_id is not 0 or 1")],
    // Failure: length
    ["2048 characters", query({ key: "k".repeat(2048 - query({ key: "" }).length) }), read()],
    [
      "2049 characters",
      query({ key: "k".repeat(2049 - query({ key: "" }).length) }),
      failure("the announce is too long"),
    ],
  ])("%s", (_why, text, expected) => {
    expect(parseAnnounce(text)).toEqual(expected);
  });
});

describe("parseScrape", () => {
  const one = `info_hash=${HASH}`;
  const other = `info_hash=${"a".repeat(20)}`;
  test.each<[string, string, ParsedScrape]>([
    ["one", one, { kind: "scrape", infoHashes: [USUAL.infoHash] }],
    ["two", `?${one}&${other}`, { kind: "scrape", infoHashes: [USUAL.infoHash, AAAA] }],
    ["something beside it", `key=1&${other}`, { kind: "scrape", infoHashes: [AAAA] }],
    [
      "as many as may be",
      Array(MOST_SCRAPED).fill(one).join("&"),
      { kind: "scrape", infoHashes: Array(MOST_SCRAPED).fill(USUAL.infoHash) },
    ],
    [
      "one more",
      Array(MOST_SCRAPED + 1)
        .fill(one)
        .join("&"),
      failure("the scrape names too many torrents"),
    ],
    ["none", "", failure("info_hash is missing")],
    ["an empty one", "info_hash=", failure("info_hash is not 20 bytes")],
    ["a bad one after a good one", `${one}&info_hash=a`, failure("info_hash is not 20 bytes")],
    ["too long", `${one}&key=${"k".repeat(8192)}`, failure("the scrape is too long")],
  ])("%s", (_why, text, expected) => {
    expect(parseScrape(text)).toEqual(expected);
  });
});

describe("Any query", () => {
  /** Numbers below 2^32 that are the same in every run (xorshift32). */
  function generator(seed: number): () => number {
    let state = seed;
    return () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state >>> 0;
    };
  }

  const FRAGMENTS = [
    ...query({ event: "started", compact: "1" }).split(/(?<=[=&])/),
    "%",
    "&",
    "=",
    "-1",
    "\0",
    "ÿ",
    "🙂",
    "\ud800",
  ];

  /** Well-formed or refused, and what is well-formed keeps to its ranges. */
  function sound(parsed: ParsedAnnounce): boolean {
    if (parsed.kind === "failure") return /^[a-z][ -~]{5,60}$/.test(parsed.reason);
    const { infoHash, peerId, port, uploaded, downloaded, left, numwant = 0 } = parsed.announce;
    const counters = [uploaded, downloaded, left, numwant];
    return (
      infoHash.length === 20 &&
      peerId.length === 20 &&
      port >= 1 &&
      port <= 65535 &&
      counters.every((counter) => Number.isSafeInteger(counter) && counter >= 0)
    );
  }

  test("of random characters or of shuffled fragments is a sound announce or fails", () => {
    const next = generator(4);
    const seen = { announce: 0, failure: 0, unsound: [] as string[] };
    for (let round = 0; round < 20_000; round++) {
      const characters = Array.from({ length: next() % 200 }, () =>
        String.fromCharCode(next() % 256),
      );
      const fragments = Array.from(
        { length: next() % 40 },
        () => FRAGMENTS[next() % FRAGMENTS.length],
      );
      const cut = query({ peer_id: undefined }).split("");
      cut[next() % cut.length] = String.fromCharCode(next() % 128);
      for (const text of [
        characters.join(""),
        fragments.join(""),
        `peer_id=${ID}&${cut.join("")}`,
      ]) {
        const parsed = parseAnnounce(text);
        seen[parsed.kind]++;
        if (!sound(parsed)) seen.unsound.push(text);
        parseScrape(text);
      }
    }
    expect({ ...seen, some: seen.announce > 1000, most: seen.failure > 40_000 }).toEqual({
      announce: seen.announce,
      failure: 60_000 - seen.announce,
      unsound: [],
      some: true,
      most: true,
    });
  });
});

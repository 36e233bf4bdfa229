/** Which peers an answer lists, what is counted, and that no number of announces exceeds the limits. */

import { heapStats } from "bun:jsc";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { formatAddress, parseAddress } from "../bittorrent/address.ts";
import { encode } from "../bittorrent/bencode.ts";
import type { Announce } from "./announce.ts";
import type { Limits } from "./peers.ts";
import { LIMITS, Tracker } from "./tracker.ts";

// Two million announces take longer than a unit.
setDefaultTimeout(60_000);

/** Seconds since 1970, some time in 2026. */
const START = 1_780_000_000;

const HASH = new Uint8Array(20).fill(0x68);
const OTHER_HASH = new Uint8Array(20).fill(0x6f);

/** The parts of an announce that a test sets. */
type Said = Partial<Omit<Announce, "peerId">> & { readonly id?: string; readonly at?: number };

/** The same numbers in every run (xorshift32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function tracker(limits: Partial<Limits> = {}): Tracker {
  return new Tracker({ limits: { ...LIMITS, ...limits }, random: generator(1) });
}

function addressOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`No address: ${text}`);
  return address;
}

/** Announces for the peer at `place`, `address port`, `at` seconds after the start. */
function announce(target: Tracker, place: string, said: Said = {}, seeder?: string) {
  const { id = place, at = 0, ...rest } = said;
  const [address = "", port] = place.split(" ");
  const usual = { infoHash: HASH, uploaded: 0, downloaded: 1, left: 1, event: "none" } as const;
  const form = { numwant: undefined, compact: true, noPeerId: false };
  const peerId = new TextEncoder().encode(id.padEnd(20, "."));
  const whole: Announce = { ...usual, ...form, ...rest, peerId, port: Number(port) };
  const own = seeder === undefined ? undefined : endpoint(seeder);
  return target.announce(whole, addressOf(address), 1000 * (START + at), own);
}

function endpoint(place: string) {
  const [address = "", port] = place.split(" ");
  return { address: addressOf(address), port: Number(port) };
}

/** The peers of an answer, as places in the order sent. */
function told(answer: ReturnType<typeof announce>): string[] {
  return [...unpack(answer["peers"], 4), ...unpack(answer["peers6"], 16)];
}

function unpack(packed: unknown, length: number): string[] {
  if (!(packed instanceof Uint8Array)) return [];
  const places: string[] = [];
  for (let at = 0; at < packed.length; at += length + 2) {
    const address = packed.slice(at, at + length);
    const port = (packed[at + length] ?? 0) * 256 + (packed[at + length + 1] ?? 0);
    const text = length === 4 ? address.join(".") : formatAddress(address);
    places.push(`${text} ${port}`);
  }
  return places;
}

/** Complete, incomplete, downloaded. */
function counts(answer: ReturnType<typeof announce>): unknown[] {
  return [answer["complete"], answer["incomplete"], answer["downloaded"]];
}

/** Those of `places` that are in a swarm. They aren't any more afterwards. */
function present(target: Tracker, places: readonly string[], said: Said = {}): string[] {
  return places.filter((place) => {
    const before = target.size;
    announce(target, place, { ...said, event: "stopped" });
    return target.size < before;
  });
}

/** Peers of a torrent that need pieces. */
function incomplete(target: Tracker, at = 0, infoHash = HASH): unknown {
  const scraped = target.scrape([{ infoHash, seeded: false }], 1000 * (START + at));
  const files = new Map(Object.entries(scraped["files"] ?? {}));
  return files.get(text(infoHash))?.incomplete;
}

function hashOf(byte: number): Uint8Array {
  return new Uint8Array(20).fill(byte);
}

/** The nth of 2^32 addresses, hashes. */
function numbered(length: number, offset: number, n: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < 4; at++) bytes[offset + at] = n >>> (24 - 8 * at);
  return bytes;
}

/** So many places at different addresses. */
function places(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.0.${n >> 8}.${n & 255} 6881`);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

describe("An announce's answer on the wire", () => {
  test("to the first peer", () => {
    expect(text(encode(announce(tracker(), "10.0.0.1 6881")))).toEqual(
      "d8:completei0e10:downloadedi0e11:external ip4:\x0a\x00\x00\x01" +
        "10:incompletei1e8:intervali5e12:min intervali3e5:peers0:e",
    );
  });

  test("with peers of both families, the seeder first", () => {
    const swarm = tracker();
    announce(swarm, "2001:db8::1 258");
    const answer = announce(swarm, "10.0.0.1 6881", {}, "10.0.0.9 13001");
    expect(text(encode(answer))).toEqual(
      "d8:completei1e10:downloadedi0e11:external ip4:\x0a\x00\x00\x01" +
        "10:incompletei2e8:intervali5e12:min intervali3e" +
        "5:peers6:\x0a\x00\x00\x09\x32\xc9" +
        "6:peers618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\x02e",
    );
  });

  test.each<[string, boolean, string]>([
    [
      "as dictionaries",
      false,
      "5:peersld2:ip8:10.0.0.94:porti13001ee" +
        "d2:ip20:2001:db8:0:0:0:0:0:17:peer id20:2001:db8::1 258.....4:porti258eeee",
    ],
    [
      "as dictionaries without ids",
      true,
      "5:peersld2:ip8:10.0.0.94:porti13001eed2:ip20:2001:db8:0:0:0:0:0:14:porti258eeee",
    ],
  ])("%s", (_why, noPeerId, peers) => {
    const swarm = tracker();
    announce(swarm, "2001:db8::1 258");
    const asked = { compact: false, noPeerId };
    const answer = announce(swarm, "2001:db8::2 6881", asked, "10.0.0.9 13001");
    expect(text(encode(answer))).toEqual(
      "d8:completei1e10:downloadedi0e11:external ip16:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" +
        `10:incompletei2e8:intervali5e12:min intervali3e${peers}`,
    );
  });

  test("to a scrape", () => {
    const swarm = tracker();
    announce(swarm, "10.0.0.1 1", { left: 0, event: "completed" });
    announce(swarm, "10.0.0.2 1");
    const asked = [
      { infoHash: OTHER_HASH, seeded: true },
      { infoHash: HASH, seeded: true },
      { infoHash: HASH.map(() => 0xff), seeded: false },
    ];
    expect(text(encode(swarm.scrape(asked, 1000 * START)))).toEqual(
      "d5:filesd" +
        `20:${"h".repeat(20)}d8:completei2e10:downloadedi1e10:incompletei1ee` +
        `20:${"o".repeat(20)}d8:completei1e10:downloadedi0e10:incompletei0ee` +
        `20:${"\xff".repeat(20)}d8:completei0e10:downloadedi0e10:incompletei0ee` +
        "ee",
    );
  });
});

describe("The peers of an answer", () => {
  /** The peers told to the one that says the last thing. */
  const A = "10.0.0.1 1";
  const B = "10.0.0.2 2";
  const SEED = "10.0.0.3 3";
  const OURS = "10.0.0.9 9";

  test.each<[string, [string, Said][], string | undefined, string[], unknown[]]>([
    [
      "nobody but itself",
      [
        [A, {}],
        [A, {}],
      ],
      undefined,
      [],
      [0, 1, 0],
    ],
    [
      "another",
      [
        [A, {}],
        [B, {}],
      ],
      undefined,
      [A],
      [0, 2, 0],
    ],
    [
      "another at its own address",
      [
        ["10.0.0.1 2", {}],
        [A, {}],
      ],
      undefined,
      ["10.0.0.1 2"],
      [0, 2, 0],
    ],
    [
      "nobody of another torrent",
      [
        [A, { infoHash: OTHER_HASH }],
        [B, {}],
      ],
      undefined,
      [],
      [0, 1, 0],
    ],
    [
      "a seeder, who needs pieces",
      [
        [SEED, { left: 0 }],
        [A, {}],
      ],
      undefined,
      [SEED],
      [1, 1, 0],
    ],
    [
      "no seeder, who is one",
      [
        [SEED, { left: 0 }],
        [A, {}],
        [B, { left: 0 }],
      ],
      undefined,
      [A],
      [2, 1, 0],
    ],
    [
      "who became a seeder is none to a seeder",
      [
        [A, {}],
        [A, { left: 0 }],
        [B, { left: 0 }],
      ],
      undefined,
      [],
      [2, 0, 1],
    ],
    [
      "who lost pieces is one again",
      [
        [A, { left: 0 }],
        [A, { left: 1 }],
        [B, { left: 0 }],
      ],
      undefined,
      [A],
      [1, 1, 0],
    ],
    [
      "nobody who stopped",
      [
        [A, {}],
        [A, { event: "stopped" }],
        [B, {}],
      ],
      undefined,
      [],
      [0, 1, 0],
    ],
    [
      "nobody, when it stops",
      [
        [A, {}],
        [B, {}],
        [B, { event: "stopped" }],
      ],
      OURS,
      [],
      [1, 1, 0],
    ],
    ["one that stops and never came", [[A, { event: "stopped" }]], undefined, [], [0, 0, 0]],
    [
      "a stop of who was there before",
      [
        [A, { id: "new" }],
        [A, { id: "old", event: "stopped" }],
        [B, {}],
      ],
      undefined,
      [A],
      [0, 2, 0],
    ],
    ["our seeder", [[A, {}]], OURS, [OURS], [1, 1, 0]],
    [
      "our seeder first",
      [
        [A, {}],
        [B, {}],
      ],
      OURS,
      [OURS, A],
      [1, 2, 0],
    ],
    [
      "our seeder not, who is one",
      [
        [A, {}],
        [SEED, { left: 0 }],
      ],
      OURS,
      [A],
      [2, 1, 0],
    ],
    [
      "our seeder alone, who wants one",
      [
        [A, {}],
        [B, { numwant: 1 }],
      ],
      OURS,
      [OURS],
      [1, 2, 0],
    ],
    [
      "nobody, who wants none",
      [
        [A, {}],
        [B, { numwant: 0 }],
      ],
      OURS,
      [],
      [1, 2, 0],
    ],
    [
      "who is mapped into IPv6 in IPv4",
      [
        ["::ffff:10.0.0.1 1", {}],
        [B, {}],
      ],
      undefined,
      [A],
      [0, 2, 0],
    ],
    [
      "itself not, under its other name",
      [
        [A, {}],
        ["::ffff:10.0.0.1 1", {}],
      ],
      undefined,
      [],
      [0, 1, 0],
    ],
    [
      "IPv6",
      [
        ["2001:db8::1 1", {}],
        [B, {}],
      ],
      undefined,
      ["2001:db8:0:0:0:0:0:1 1"],
      [0, 2, 0],
    ],
    [
      "behind a magnet link, which says nothing of the length",
      [
        [A, { left: 0, downloaded: 5 }],
        ["10.0.0.9 1", { left: 0, downloaded: 0 }],
      ],
      OURS,
      [OURS, A],
      [3, 0, 0],
    ],
    [
      "Transmission with nothing: our seeder and those that have something",
      [
        ["10.0.0.4 4", { left: 9 }],
        ["10.0.0.5 5", { left: 8 }],
        [SEED, { left: 0 }],
        [A, { id: "-TR3000-a", left: 9, downloaded: 0 }],
      ],
      OURS,
      [OURS, SEED, "10.0.0.5 5"],
      [2, 3, 0],
    ],
    [
      "Transmission with a piece: everybody",
      [
        ["10.0.0.4 4", { left: 9 }],
        [A, { id: "-TR3000-a", left: 8, downloaded: 1 }],
      ],
      OURS,
      [OURS, "10.0.0.4 4"],
      [1, 2, 0],
    ],
    [
      "Transmission with nothing, where nobody seeds: everybody",
      [
        ["10.0.0.4 4", { left: 9 }],
        [A, { id: "-TR3000-a", left: 9, downloaded: 0 }],
      ],
      undefined,
      ["10.0.0.4 4"],
      [0, 2, 0],
    ],
    [
      "Transmission behind a magnet link: everybody",
      [
        ["10.0.0.4 4", { left: 0, downloaded: 5 }],
        [A, { id: "-TR3000-a", left: 0, downloaded: 0 }],
      ],
      OURS,
      [OURS, "10.0.0.4 4"],
      [3, 0, 0],
    ],
    [
      "another program with nothing: everybody",
      [
        ["10.0.0.4 4", { left: 9 }],
        [A, { id: "-LT2080-a", left: 9, downloaded: 0 }],
      ],
      OURS,
      [OURS, "10.0.0.4 4"],
      [1, 2, 0],
    ],
    [
      "loopback not, from elsewhere",
      [
        ["127.0.0.1 1", {}],
        ["::1 1", {}],
        [A, {}],
      ],
      undefined,
      [],
      [0, 3, 0],
    ],
    [
      "loopback, from there",
      [
        ["127.0.0.1 1", {}],
        [A, {}],
        ["::1 1", {}],
      ],
      undefined,
      [A, "127.0.0.1 1"],
      [0, 3, 0],
    ],
  ])("%s", (_why, story, seeder, expected, counted) => {
    const swarm = tracker();
    const answers = story.map(([place, said]) => announce(swarm, place, said, seeder));
    const last = answers.at(-1) ?? {};
    const heard = told(last);
    // Only the place of our seeder is no matter of chance.
    const first = heard.splice(0, seeder === undefined ? 0 : 1);
    expect([[...first, ...heard.sort()], counts(last)]).toEqual([expected, counted]);
  });

  test("Transmissions without a piece announce again at different times", () => {
    const swarm = tracker();
    const said = { id: "-TR3000-a", downloaded: 0 };
    const intervals = places(100).map((place) => announce(swarm, place, said, OURS)["interval"]);
    expect([...new Set(intervals)].sort()).toEqual([4, 5, 6, 7]);
  });

  test("Transmission without a piece gets all peers if the interval is long", () => {
    const swarm = new Tracker({ announceInterval: 9, random: generator(1) });
    announce(swarm, B);
    const said = { id: "-TR3000-a", downloaded: 0 };
    expect(told(announce(swarm, A, said, OURS))).toEqual([OURS, B]);
  });

  test.each<[string, number | undefined, number, number]>([
    ["fifty when it doesn't say", undefined, 300, 50],
    ["as many as it says", 7, 300, 7],
    ["200 at most", 1000, 300, 200],
    ["all when there are no more", 200, 30, 29],
    ["all but itself when it wants as many as there are", 30, 30, 29],
  ])("%s", (_why, numwant, members, expected) => {
    const swarm = tracker();
    const [asker = "", ...others] = places(members);
    for (const place of others) announce(swarm, place);
    const heard = told(announce(swarm, asker, { numwant }));
    const known = heard.every((place) => others.includes(place));
    expect([heard.length, new Set(heard).size, known]).toEqual([expected, expected, true]);
  });

  test("every peer is listed about as often, whatever the order of the swarm", () => {
    const swarm = tracker();
    const all = places(40);
    for (const [n, place] of all.entries()) announce(swarm, place, { left: n % 3 === 0 ? 0 : 1 });
    const heard = new Map<string, number>();
    for (let round = 0; round < 4000; round++) {
      // The one in the middle, so that those on both sides of it can be missed.
      for (const place of told(announce(swarm, all[20] ?? "", { numwant: 4 }))) {
        heard.set(place, (heard.get(place) ?? 0) + 1);
      }
    }
    // 4000 × 4 / 39 is 410, and its standard deviation 19.
    const few = [...heard].filter(([, times]) => times < 310 || times > 510);
    expect([heard.size, heard.has(all[20] ?? ""), few]).toEqual([39, false, []]);
  });
});

describe("Completions", () => {
  test.each<[string, Said[], number]>([
    ["one", [{}, { event: "completed", left: 0 }], 1],
    [
      "one said twice",
      [
        { event: "completed", left: 0 },
        { event: "completed", left: 0 },
      ],
      1,
    ],
    ["a seeder from the start", [{ event: "started", left: 0 }, { left: 0 }], 0],
    ["one that isn't said", [{}, { left: 0 }, { left: 0 }], 1],
    ["one that isn't said before it stops", [{}, { event: "stopped", left: 0 }], 1],
    ["one that is said after it was seen", [{}, { left: 0 }, { left: 0, event: "completed" }], 1],
    ["a seeder where another peer was", [{ id: "a" }, { left: 0, id: "b" }], 0],
    ["one that stops before its end", [{}, { event: "stopped" }], 0],
    ["one with bytes left", [{ event: "completed", left: 1 }], 0],
    [
      "two peers at one place, one after the other",
      [
        { event: "completed", left: 0, id: "a" },
        { event: "completed", left: 0, id: "b" },
      ],
      2,
    ],
    ["kept when the swarm is empty", [{ event: "completed", left: 0 }, { event: "stopped" }], 1],
  ])("%s", (_why, story, expected) => {
    const swarm = tracker();
    for (const said of story) announce(swarm, "10.0.0.1 1", said);
    expect(counts(announce(swarm, "10.0.0.2 2"))[2]).toEqual(expected);
  });
});

describe("A silent peer", () => {
  test.each<[string, number, string[]]>([
    ["is told of for two and a half times five minutes", 749, ["10.0.0.1 1"]],
    ["and not any longer", 750, []],
  ])("%s", (_why, at, expected) => {
    const swarm = tracker();
    announce(swarm, "10.0.0.1 1");
    const answer = announce(swarm, "10.0.0.2 2", { at });
    expect([told(answer), counts(answer)]).toEqual([expected, [0, 1 + expected.length, 0]]);
  });

  test.each<[string, number, number]>([
    ["lives as long as the interval it was given asks for", 2499, 2],
    ["and not any longer", 2500, 1],
  ])("%s", (_why, at, expected) => {
    const swarm = new Tracker({ announceInterval: 1000, random: generator(1) });
    announce(swarm, "10.0.0.1 1");
    expect(counts(announce(swarm, "10.0.0.2 2", { at }))[1]).toEqual(expected);
  });

  test("stays when it announces again", () => {
    const swarm = tracker();
    announce(swarm, "10.0.0.1 1");
    announce(swarm, "10.0.0.1 1", { at: 700 });
    expect(told(announce(swarm, "10.0.0.2 2", { at: 1400 }))).toEqual(["10.0.0.1 1"]);
  });

  test("isn't listed once it has expired, and is removed within an interval from a large swarm", () => {
    const swarm = tracker();
    const all = places(1000);
    for (const place of all) announce(swarm, place);
    const first = announce(swarm, "10.9.0.1 1", { at: 800, numwant: 200 });
    const before = incomplete(swarm, 800);
    for (const [n] of all.slice(0, 20).entries()) announce(swarm, `10.9.1.${n} 1`, { at: 800 });
    expect([told(first), Number(before) > 800, incomplete(swarm, 800)]).toEqual([[], true, 21]);
  });

  test("is removed although its swarm gets no announces", () => {
    const swarm = tracker();
    for (const place of places(10)) announce(swarm, place);
    announce(swarm, "10.9.0.1 1", { infoHash: OTHER_HASH, at: 800 });
    announce(swarm, "10.9.0.1 1", { infoHash: OTHER_HASH, at: 801 });
    expect([swarm.size, incomplete(swarm, 801, OTHER_HASH)]).toEqual([1, 1]);
  });
});

describe("Limits", () => {
  test.each<[string, Partial<Limits>, string[], string[]]>([
    [
      "the oldest goes first",
      { peers: 2 },
      ["10.0.0.1 1", "10.0.0.2 1", "10.0.0.3 1"],
      ["10.0.0.2 1", "10.0.0.3 1"],
    ],
    [
      "and who was heard of again stays",
      { peers: 2 },
      ["10.0.0.1 1", "10.0.0.2 1", "10.0.0.1 1", "10.0.0.3 1"],
      ["10.0.0.1 1", "10.0.0.3 1"],
    ],
    ["one peer of one", { peers: 1 }, ["10.0.0.1 1", "10.0.0.2 1"], ["10.0.0.2 1"]],
    [
      "an address crowds out itself",
      { peersOfSourceInSwarm: 2 },
      ["10.0.0.2 1", "10.0.0.1 1", "10.0.0.1 2", "10.0.0.1 3"],
      ["10.0.0.1 2", "10.0.0.1 3", "10.0.0.2 1"],
    ],
    [
      "a network of 64 bits is one",
      { peersOfSourceInSwarm: 1 },
      ["2001:db8::1 1", "2001:db8::2 1"],
      ["2001:db8::2 1"],
    ],
    [
      "its neighbour is another",
      { peersOfSourceInSwarm: 1 },
      ["2001:db8::1 1", "2001:db8:0:1::2 1"],
      ["2001:db8:0:1::2 1", "2001:db8::1 1"],
    ],
    [
      "all of IPv4 isn't",
      { peersOfSourceInSwarm: 1 },
      ["10.0.0.1 1", "10.0.0.2 1"],
      ["10.0.0.1 1", "10.0.0.2 1"],
    ],
  ])("%s", (_why, limits, story, expected) => {
    const swarm = tracker(limits);
    for (const [n, place] of story.entries()) announce(swarm, place, { at: n });
    expect(present(swarm, [...new Set(story)]).sort()).toEqual(expected);
  });

  /** The torrents of these bytes that have a peer at `10.0.0.BYTE 1`, or at `place`. */
  function left(swarm: Tracker, bytes: readonly number[], place?: string): number[] {
    return bytes.filter((byte) => {
      const said = { infoHash: hashOf(byte) };
      return present(swarm, [place ?? `10.0.0.${byte} 1`], said).length > 0;
    });
  }

  test("an address with too many peers loses its own, over all swarms", () => {
    const swarm = tracker({ peersOfSource: 2 });
    for (const byte of [1, 2, 3]) {
      announce(swarm, "10.0.0.1 1", { infoHash: hashOf(byte), at: byte });
    }
    expect(left(swarm, [1, 2, 3], "10.0.0.1 1")).toEqual([2, 3]);
  });

  test("the swarm whose last announce is longest ago goes first, with its peer", () => {
    const swarm = tracker({ swarms: 2 });
    for (const byte of [1, 2, 1, 3]) {
      announce(swarm, `10.0.0.${byte} 1`, { infoHash: hashOf(byte) });
    }
    expect([swarm.size, left(swarm, [1, 2, 3])]).toEqual([2, [1, 3]]);
  });

  test("a swarm with two peers stays as long as there is one with a single peer", () => {
    const swarm = tracker({ swarms: 2 });
    announce(swarm, "10.0.0.9 1", { infoHash: hashOf(1) });
    for (const byte of [1, 2, 3]) {
      announce(swarm, `10.0.0.${byte} 1`, { infoHash: hashOf(byte) });
    }
    expect([swarm.size, left(swarm, [1, 2, 3])]).toEqual([3, [1, 3]]);
  });

  test("a swarm without peers goes before all others", () => {
    const swarm = tracker({ swarms: 3 });
    announce(swarm, "10.0.0.1 1", { infoHash: hashOf(1) });
    for (const byte of [2, 3]) {
      const said = { infoHash: hashOf(byte), event: "completed", left: 0 } as const;
      announce(swarm, `10.0.0.${byte} 1`, said);
      announce(swarm, `10.0.0.${byte} 1`, { ...said, event: "stopped" });
    }
    announce(swarm, "10.0.0.3 1", { infoHash: hashOf(3) });
    announce(swarm, "10.0.0.4 1", { infoHash: hashOf(4) });
    const downloads = counts(announce(swarm, "10.0.0.5 1", { infoHash: hashOf(3), left: 0 }));
    expect([left(swarm, [1, 3, 4]), downloads]).toEqual([
      [1, 3, 4],
      [1, 1, 1],
    ]);
  });

  test("an address that announces 100 000 torrents, and completes them, displaces no swarm of others", () => {
    const swarm = tracker();
    const others = places(200);
    for (const [n, place] of others.entries()) announce(swarm, place, { infoHash: hashOf(n) });
    for (let n = 0; n < 100_000; n++) {
      const infoHash = numbered(20, 16, n + 1);
      for (const left of [1, 0]) announce(swarm, "10.9.9.9 1", { infoHash, left });
    }
    const kept = others.filter(
      (place, n) => present(swarm, [place], { infoHash: hashOf(n) }).length > 0,
    );
    expect([kept.length, swarm.size]).toEqual([200, LIMITS.peersOfSource]);
  });

  test.each<[string, boolean]>([
    ["a full table of peers: addresses with many go before those with one", false],
    ["a full table of swarms: addresses with many go before those with one", true],
  ])("%s", (_why, apart) => {
    const swarm = tracker(apart ? { swarms: 4096 } : { peers: 4096 });
    const others = places(200);
    const infoHashOf = (n: number) => (apart ? hashOf(n) : HASH);
    for (const [n, place] of others.entries()) announce(swarm, place, { infoHash: infoHashOf(n) });
    // From 64 addresses.
    for (let n = 0; n < 20_000; n++) {
      announce(swarm, `10.9.9.${n % 64} 1`, { infoHash: numbered(20, 16, n + 1) });
    }
    const kept = others.filter(
      (place, n) => present(swarm, [place], { infoHash: infoHashOf(n) }).length > 0,
    );
    expect(kept.length).toBe(200);
  });

  /** Bytes that are in use after `work`, beyond those before it. Coarse. */
  function grown(work: () => void): number {
    Bun.gc(true);
    const before = heapStats().heapSize;
    work();
    Bun.gc(true);
    return heapStats().heapSize - before;
  }

  const flood = { uploaded: 0, downloaded: 0, left: 1, event: "started", numwant: 0 } as const;
  const sent = { ...flood, port: 1, peerId: HASH, compact: true, noPeerId: false };

  test("a million peers take no more than 64 MiB", () => {
    const swarm = tracker();
    const bytes = grown(() => {
      for (let n = 0; n < 1_000_000; n++) {
        // A network of 64 bits each.
        swarm.announce({ ...sent, infoHash: HASH }, numbered(16, 4, n), 1000 * START + n);
      }
    });
    expect([swarm.size, incomplete(swarm), bytes < 64 << 20]).toEqual([
      LIMITS.peers,
      LIMITS.peers,
      true,
    ]);
  });

  test("a million info hashes take no more than 64 MiB", () => {
    const swarm = tracker();
    const bytes = grown(() => {
      for (let n = 0; n < 1_000_000; n++) {
        const infoHash = numbered(20, 16, n);
        swarm.announce({ ...sent, infoHash }, numbered(16, 4, n), 1000 * START + n);
      }
    });
    expect([swarm.size, bytes < 64 << 20]).toEqual([LIMITS.swarms, true]);
  });

  test("swarms that were large give their memory back", () => {
    const swarm = tracker({ peers: 8192, peersOfSource: 1e9 });
    const bytes = grown(() => {
      // The same peers go from one swarm to the next, and leave one behind in each.
      for (let n = 0; n < 100; n++) {
        const infoHash = numbered(20, 16, n);
        for (let peer = 0; peer < 4000; peer++) {
          swarm.announce({ ...sent, infoHash }, numbered(16, 4, peer), 1000 * START);
        }
        for (let peer = 1; peer < 4000; peer++) {
          const event = "stopped";
          swarm.announce({ ...sent, infoHash, event }, numbered(16, 4, peer), 1000 * START);
        }
      }
    });
    expect([swarm.size, bytes < 3 << 20]).toEqual([100, true]);
  });
});

test("Any sequence of announces leaves the counts that a plain model of them has", () => {
  const next = generator(7);
  const swarm = tracker();
  const model = new Map<string, number>();
  const counted = new Set<string>();
  const downloaded = [0, 0, 0, 0, 0];
  const wrong: unknown[] = [];
  for (let round = 0; round < 20_000; round++) {
    const hash = Math.floor(next() * 5);
    const place = `10.0.0.${Math.floor(next() * 40)} ${1 + Math.floor(next() * 2)}`;
    const left = Math.floor(next() * 2);
    const event = next() < 0.3 ? "stopped" : "none";
    const said = { infoHash: new Uint8Array(20).fill(hash), left, event } as const;
    const answer = announce(swarm, place, { ...said, numwant: 200 });
    const key = `${hash} ${place}`;
    if (left === 0 && (model.get(key) ?? 0) > 0 && !counted.has(key)) {
      downloaded[hash] = (downloaded[hash] ?? 0) + 1;
      counted.add(key);
    }
    if (event === "stopped") counted.delete(key);
    if (event === "stopped") model.delete(key);
    else model.set(key, left);
    const mine = [...model].filter(([other]) => other.startsWith(`${hash} `));
    const complete = mine.filter(([, bytes]) => bytes === 0).length;
    const heard = mine.filter(([other, bytes]) => other !== key && (left > 0 || bytes > 0));
    const expected = event === "stopped" ? [] : heard.map(([other]) => other.slice(2)).sort();
    const seen = [told(answer).sort(), counts(answer), swarm.size];
    const right = [expected, [complete, mine.length - complete, downloaded[hash]], model.size];
    if (!Bun.deepEquals(seen, right)) wrong.push({ round, seen, right });
  }
  expect(wrong.slice(0, 1)).toEqual([]);
});

test("Those who look see the swarms that announced last, and their peers: first those that need pieces", () => {
  const target = tracker();
  const [a, b, c] = [hashOf(1), hashOf(2), hashOf(3)];
  announce(target, "1.1.1.1 1", { infoHash: a, left: 5 });
  announce(target, "1.1.1.2 1", { infoHash: b, left: 0 });
  announce(target, "1.1.1.3 1", { infoHash: b, left: 7 });
  announce(target, "1.1.1.4 1", { infoHash: c, left: 1 });
  announce(target, "1.1.1.4 1", { infoHash: c, left: 1, event: "stopped" });
  announce(target, "1.1.1.1 1", { infoHash: a, left: 4 });
  const { complete, incomplete, peers } = target.membersOf(b, 9, 1000 * START);
  expect([
    target.recent(9),
    target.recent(1),
    [complete, incomplete],
    peers.map(({ port, left }) => [port, left]),
    target.membersOf(b, 1, 1000 * START).peers.length,
    target.membersOf(c, 9, 1000 * START),
  ]).toEqual([
    [a, b],
    [a],
    [1, 1],
    [
      [1, 7],
      [1, 0],
    ],
    1,
    { complete: 0, incomplete: 0, peers: [] },
  ]);
});

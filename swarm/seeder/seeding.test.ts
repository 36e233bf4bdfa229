/**
 * What the origin shows and sends: step by step, and in a model swarm whose links all
 * carry one block a step.
 */

import { describe, expect, test } from "bun:test";
import { Seeding } from "./seeding.ts";
import { TUNING } from "./tuning.ts";
import { BLOCK } from "./wire.ts";

const PIECE = 4 * BLOCK;

/** Blocks of a piece, as a peer asks for them. */
function blocksOf(piece: number, length = PIECE) {
  return Array.from({ length: Math.ceil(length / BLOCK) }, (_, i) => ({
    piece,
    start: i * BLOCK,
    length: Math.min(BLOCK, length - i * BLOCK),
  }));
}

function seedingOf(pieces: number): Seeding {
  return new Seeding({ length: pieces * PIECE, pieceLength: PIECE });
}

/** All that goes out now, as `peer:piece`, one for each block. */
function sendAll(seeding: Seeding, now: number, ready: (peer: number) => boolean = () => true) {
  const sent: string[] = [];
  for (let turn = seeding.next(now, ready); turn !== undefined; turn = seeding.next(now, ready)) {
    sent.push(`${turn.peer}:${turn.block.piece}`);
  }
  return sent;
}

function showAll(seeding: Seeding, now: number): string[] {
  return seeding.show(now).map(({ peer, piece }) => `${peer}:${piece}`);
}

function askAll(seeding: Seeding, peer: number, pieces: readonly number[]): string[] {
  return pieces.flatMap((piece) => blocksOf(piece).map((block) => seeding.request(peer, block)));
}

describe("What is shown", () => {
  test("Each piece to one peer", () => {
    const seeding = seedingOf(100);
    for (const peer of [1, 2, 3, 4]) seeding.join(peer, 0);
    expect(showAll(seeding, 0)).toEqual(["1:0", "2:1", "3:2", "4:3"]);
    expect(showAll(seeding, 1)).toEqual([]);
  });

  test("To one peer alone, more", () => {
    const seeding = seedingOf(100);
    seeding.join(1, 0);
    expect(showAll(seeding, 0)).toEqual(["1:0", "1:1", "1:2", "1:3"]);
  });

  test("The next when the last has been sent", () => {
    const seeding = seedingOf(100);
    for (const peer of [1, 2, 3, 4]) seeding.join(peer, 0);
    showAll(seeding, 0);
    askAll(seeding, 2, [1]);
    expect(sendAll(seeding, 0)).toEqual(["2:1", "2:1", "2:1", "2:1"]);
    expect(showAll(seeding, 0)).toEqual(["2:4"]);
  });

  test("No piece that a peer has; again those of a peer that left", () => {
    const seeding = seedingOf(3);
    seeding.join(1, 0);
    seeding.join(2, 0);
    seeding.gain(1, 0, 0);
    const before = showAll(seeding, 0);
    seeding.leave(1, 0);
    expect([before, showAll(seeding, 0)]).toEqual([
      ["1:1", "1:2", "2:0"],
      ["2:1", "2:2"],
    ]);
  });

  test.each<[string, number, string[]]>([
    ["half of it", 4, []],
    ["three quarters and more", 7, ["2:7"]],
  ])("A piece that one peer alone has, to a slow one that has %s", (_why, pieces, expected) => {
    const seeding = seedingOf(8);
    seeding.join(1, 0, true);
    for (let round = 0; round < 2; round++) {
      showAll(seeding, 0);
      askAll(seeding, 1, [0, 1, 2, 3, 4, 5, 6, 7]);
      sendAll(seeding, 0);
    }
    seeding.join(2, 0, true);
    for (let piece = 0; piece < pieces; piece++) seeding.gain(2, piece, 0);
    expect(showAll(seeding, 0)).toEqual(expected);
  });

  test("A piece that isn't requested, to another peer after a while", () => {
    const seeding = seedingOf(2);
    seeding.join(1, 0);
    showAll(seeding, 0);
    seeding.join(2, TUNING.release);
    const during = showAll(seeding, TUNING.release);
    const after = showAll(seeding, TUNING.release + 50);
    expect([during, after]).toEqual([[], ["2:1", "2:0"]]);
  });
});

describe("A bitfield of a peer that joins", () => {
  test("has pieces that aren't shown to it, but to others all the same", () => {
    const seeding = seedingOf(3);
    seeding.join(1, 0);
    seeding.join(2, 0);
    seeding.bring(1, Uint8Array.of(0b1100_0000), 0);
    expect(showAll(seeding, 0)).toEqual(["1:2", "2:0", "2:1"]);
  });

  test("takes back pieces that the peer was shown before", () => {
    const seeding = seedingOf(3);
    seeding.join(1, 0);
    const before = showAll(seeding, 0);
    seeding.bring(1, Uint8Array.of(0b1110_0000), 0);
    seeding.join(2, 0);
    expect([before, showAll(seeding, 0)]).toEqual([
      ["1:0", "1:1", "1:2"],
      ["2:2", "2:0"],
    ]);
  });

  test("makes the peer complete, whatever the bits after the last piece", () => {
    const seeding = seedingOf(3);
    for (const peer of [1, 2]) seeding.join(peer, 0);
    seeding.bring(1, Uint8Array.of(0xff), 0);
    seeding.bring(2, Uint8Array.of(0b0101_1111), 0);
    expect([seeding.isComplete(1), seeding.isComplete(2)]).toEqual([true, false]);
  });
});

describe("Requests", () => {
  test("Only for pieces that were shown, and 500 at a time", () => {
    const seeding = seedingOf(1000);
    seeding.join(1, 0);
    const before = seeding.request(1, { piece: 0, start: 0, length: BLOCK });
    showAll(seeding, 0);
    const other = seeding.request(1, { piece: 999, start: 0, length: BLOCK });
    const counts: Record<string, number> = {};
    for (let i = 0; i < 510; i++) {
      const answer = seeding.request(1, { piece: 0, start: 0, length: BLOCK });
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
    const stranger = seeding.request(9, { piece: 0, start: 0, length: BLOCK });
    expect([before, other, counts, stranger]).toEqual([
      "refused",
      "refused",
      { queued: 500, "too many": 10 },
      "refused",
    ]);
  });

  test("A cancelled one isn't answered", () => {
    const seeding = seedingOf(10);
    seeding.join(1, 0);
    showAll(seeding, 0);
    askAll(seeding, 1, [0, 1]);
    const answers = blocksOf(0).map((block) => seeding.cancel(1, block));
    const again = seeding.cancel(1, { piece: 0, start: 0, length: BLOCK });
    expect([answers, again, sendAll(seeding, 0)]).toEqual([
      [true, true, true, true],
      false,
      ["1:1", "1:1", "1:1", "1:1"],
    ]);
  });

  test("HAVE for a piece past the end is a fault", () => {
    const seeding = seedingOf(10);
    seeding.join(1, 0);
    expect([
      seeding.gain(1, 9, 0),
      seeding.gain(1, 10, 0),
      seeding.gain(1, 2 ** 32 - 1, 0),
    ]).toEqual([true, false, false]);
  });
});

describe("What is sent", () => {
  test("A begun piece before another, and few at a time", () => {
    const tuning = { ...TUNING, underWay: 2 };
    const seeding = new Seeding({ length: 100 * PIECE, pieceLength: PIECE }, tuning);
    for (const peer of [1, 2, 3, 4]) seeding.join(peer, 0);
    showAll(seeding, 0);
    for (const peer of [1, 2, 3, 4]) askAll(seeding, peer, [peer - 1]);
    // A socket takes one block at a time.
    const full = new Set<number>();
    const sent: string[] = [];
    for (let round = 0; round < 4; round++) {
      full.clear();
      sent.push(sendOne(seeding, full).join(" "));
    }
    expect(sent).toEqual(["1:0 2:1", "1:0 2:1", "1:0 2:1", "1:0 2:1 3:2 4:3"]);
  });

  test("Past a peer that doesn't read", () => {
    const tuning = { ...TUNING, underWay: 1 };
    const seeding = new Seeding({ length: 100 * PIECE, pieceLength: PIECE }, tuning);
    for (const peer of [1, 2]) seeding.join(peer, 0);
    showAll(seeding, 0);
    askAll(seeding, 1, [0]);
    askAll(seeding, 2, [2]);
    const first = sendOne(seeding, new Set(), 0);
    const stuck = (peer: number) => peer !== 1;
    const soon = sendAll(seeding, 99, stuck);
    const later = sendAll(seeding, 100, stuck);
    expect([first, soon, later]).toEqual([["1:0"], [], ["2:2", "2:2", "2:2", "2:2"]]);
  });

  test("First to the peer that passed on what it got", () => {
    const seeding = seedingOf(100);
    for (const peer of [1, 2, 3]) seeding.join(peer, 0);
    showAll(seeding, 0);
    for (const [peer, piece] of [
      [1, 0],
      [2, 2],
      [3, 4],
    ] as const)
      askAll(seeding, peer, [piece]);
    sendAll(seeding, 0);
    // What peer 2 got comes to peer 1.
    seeding.gain(1, 2, 5);
    for (const [peer, piece] of [
      [1, 1],
      [2, 3],
      [3, 5],
    ] as const)
      askAll(seeding, peer, [piece]);
    const order = [...new Set(sendAll(seeding, 10))];
    expect(order).toEqual(["2:3", "1:1", "3:5"]);
  });

  test("The last piece is shorter", () => {
    const seeding = new Seeding({ length: PIECE + 100, pieceLength: PIECE });
    seeding.join(1, 0);
    showAll(seeding, 0);
    askAll(seeding, 1, [0]);
    seeding.request(1, { piece: 1, start: 0, length: 100 });
    sendAll(seeding, 0);
    expect([seeding.sent, showAll(seeding, 20_000)]).toEqual([
      { bytes: PIECE + 100, repeated: 0 },
      [],
    ]);
  });
});

/** One block for each peer that is neither full nor waiting. */
function sendOne(seeding: Seeding, full: Set<number>, now = 0): string[] {
  const sent: string[] = [];
  for (;;) {
    const turn = seeding.next(now, (peer) => !full.has(peer));
    if (turn === undefined) return sent;
    full.add(turn.peer);
    sent.push(`${turn.peer}:${turn.block.piece}`);
  }
}

/** How the peers of a model swarm behave. */
interface Behaviour {
  readonly peers: number;
  readonly pieces?: number;
  /** Peers that nobody can reach. */
  readonly isolated?: readonly number[];
  /** Peers that give nothing to others. */
  readonly selfish?: readonly number[];
  /** Peers whose connection takes nothing after a first block. */
  readonly stuck?: readonly number[];
  /** Peers that never ask for anything. */
  readonly silent?: readonly number[];
  /** Peers that say they have everything, and give nothing. */
  readonly liars?: readonly number[];
  /** Peers that do so for a moment, every now and then. */
  readonly leavers?: readonly number[];
  /** Peers that leave and come again every now and then. */
  readonly returning?: readonly number[];
  /** Peers that ask but once a second, for all that they were shown by then. */
  readonly pulsing?: readonly number[];
  /** Peers that do as Transmission does: see {@link ROUND}. */
  readonly slow?: readonly number[];
  /** Step at which a peer comes, and at which it goes. */
  readonly comes?: Readonly<Record<number, number>>;
  readonly goes?: Readonly<Record<number, number>>;
}

/** Milliseconds: a block of 16 KiB at 20 Mbit/s. */
const STEP = 6.5;

/** Steps: a second, after which requests for what was shown meanwhile are there. */
const SECOND = Math.ceil(1000 / STEP);
/**
 * Steps: ten seconds. So often Transmission looks for who has what it wants, so it asks the
 * origin in its second such round and other peers in the third; and so long it waits with HAVE.
 */
const ROUND = 10 * SECOND;

/**
 * A swarm in which each peer passes whole pieces on, to peers and of pieces drawn at
 * random, and everyone's uplink carries one block a step.
 */
function runSwarm(behaviour: Behaviour) {
  const { peers, pieces = 200, comes = {}, goes = {} } = behaviour;
  const is = (list: readonly number[] | undefined, peer: number) => list?.includes(peer) ?? false;
  const seeding = seedingOf(pieces);
  const random = draws(peers);
  const has = Array.from({ length: peers }, () => new Set<number>());
  const got = Array.from({ length: peers }, () => new Map<number, number>());
  const shown = Array.from({ length: peers }, (): number[] => []);
  const uploads: ({ to: number; piece: number; left: number } | undefined)[] = [];
  const finished = new Map<number, number>();
  const here = new Set<number>();
  const untold = Array.from({ length: peers }, (): number[] => []);
  const honest = Array.from({ length: peers }, (_, peer) => peer).filter(
    (peer) =>
      !is(behaviour.stuck, peer) &&
      !is(behaviour.silent, peer) &&
      !is(behaviour.liars, peer) &&
      !is(behaviour.leavers, peer) &&
      goes[peer] === undefined,
  );
  const gain = (peer: number, piece: number, step: number) => {
    has[peer]?.add(piece);
    if (is(behaviour.slow, peer)) untold[peer]?.push(piece);
    else seeding.gain(peer, piece, step * STEP);
    if (has[peer]?.size === pieces) finished.set(peer, step);
  };
  const give = (from: number, step: number) => {
    const upload = uploads[from];
    if (upload !== undefined && --upload.left <= 0) {
      if (!has[upload.to]?.has(upload.piece) && here.has(upload.to))
        gain(upload.to, upload.piece, step);
      uploads[from] = undefined;
    }
    if (uploads[from] !== undefined || (is(behaviour.slow, from) && step < 2 * ROUND)) return;
    const { isolated, selfish, liars, leavers, stuck, silent } = behaviour;
    const cut = [isolated, selfish, liars, leavers, stuck, silent];
    if (cut.some((list) => is(list, from))) return;
    // Clients soon give to those alone that give (tit for tat).
    const to = [...here].filter(
      (peer) => peer !== from && (is(selfish, peer) || !cut.some((list) => is(list, peer))),
    );
    const receiver = to[random(to.length)];
    if (receiver === undefined) return;
    const coming = uploads.flatMap((other) => (other?.to === receiver ? [other.piece] : []));
    const wanted = [...(has[from] ?? [])].filter(
      (piece) => !has[receiver]?.has(piece) && !coming.includes(piece),
    );
    const piece = wanted[random(wanted.length)];
    if (piece !== undefined) uploads[from] = { to: receiver, piece, left: 4 };
  };
  let step = 0;
  for (; honest.some((peer) => !finished.has(peer)) && step < 40 * pieces; step++) {
    for (let peer = 0; peer < peers; peer++) {
      if ((comes[peer] ?? 0) === step) {
        here.add(peer);
        seeding.join(peer, step * STEP, is(behaviour.slow, peer));
        if (is(behaviour.liars, peer) || is(behaviour.leavers, peer)) {
          for (let piece = 0; piece < pieces; piece++) seeding.gain(peer, piece, step * STEP);
        }
      }
      const isBack = is(behaviour.leavers, peer) || is(behaviour.returning, peer);
      if (isBack && step % 200 === 199) {
        seeding.leave(peer, step * STEP);
        seeding.join(peer, step * STEP);
        shown[peer]?.splice(0);
        if (is(behaviour.leavers, peer)) {
          for (let piece = 0; piece < pieces; piece++) seeding.gain(peer, piece, step * STEP);
        }
      }
      if (goes[peer] === step) {
        here.delete(peer);
        seeding.leave(peer, step * STEP);
      }
    }
    for (const { peer, piece } of seeding.show(step * STEP)) shown[peer]?.push(piece);
    for (let peer = 0; peer < peers; peer++) {
      const isSlow = is(behaviour.slow, peer);
      if (isSlow && step % ROUND === 0) {
        for (const piece of untold[peer]?.splice(0) ?? []) seeding.gain(peer, piece, step * STEP);
      }
      if (is(behaviour.silent, peer) || (isSlow && step < ROUND)) continue;
      if ((isSlow || is(behaviour.pulsing, peer)) && step % SECOND > 0) continue;
      for (const piece of shown[peer]?.splice(0) ?? []) {
        if (has[peer]?.has(piece)) continue;
        for (const block of blocksOf(piece)) seeding.request(peer, block);
      }
    }
    const turn = seeding.next(step * STEP, (peer) => !is(behaviour.stuck, peer) || step === 0);
    if (turn !== undefined) {
      const { peer, block } = turn;
      const blocks = (got[peer]?.get(block.piece) ?? 0) + 1;
      got[peer]?.set(block.piece, blocks);
      if (blocks === 4) gain(peer, block.piece, step);
    }
    for (const peer of here) give(peer, step);
  }
  return {
    finished: honest.filter((peer) => finished.has(peer)).length,
    /** Copies of the file that the origin sent, and times that one download takes. */
    copies: seeding.sent.bytes / (pieces * PIECE),
    time: step / (4 * pieces),
  };
}

/** Numbers below a bound, the same in every run. */
function draws(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A figure, or what it should be at most. */
function atMost(figure: number, most: number): number {
  return figure <= most ? most : figure;
}

const HUNDRED = Array.from({ length: 100 }, (_, peer) => peer);

test("Peers that request pieces they have come after peers that lack theirs", () => {
  const seeding = seedingOf(100);
  for (const peer of [1, 2, 3]) seeding.join(peer, 0);
  showAll(seeding, 0);
  askAll(seeding, 1, [0]);
  askAll(seeding, 2, [2]);
  sendAll(seeding, 0);
  // Each says that it has what the other got, so that none of the two owes anything.
  seeding.gain(1, 2, 1);
  seeding.gain(2, 0, 1);
  showAll(seeding, 1);
  askAll(seeding, 3, [4]);
  sendAll(seeding, 1);
  const shown = showAll(seeding, 2);
  for (let n = 0; n < 20; n++) {
    askAll(seeding, 1, [0]);
    askAll(seeding, 2, [2]);
  }
  askAll(seeding, 3, [5]);
  const order = [...new Set(sendAll(seeding, 3))];
  expect([shown, order, seeding.sent.repeated]).toEqual([["3:8"], ["3:5", "1:0", "2:2"], 0]);
});

describe("A model swarm", () => {
  test.each<[string, Behaviour, { finished: number; copies: number; time: number }]>([
    ["one peer", { peers: 1 }, { finished: 1, copies: 1, time: 1 }],
    [
      "one that asks once a second",
      { peers: 1, pulsing: [0] },
      { finished: 1, copies: 1, time: 2.5 },
    ],
    [
      "eight that do",
      { peers: 8, pulsing: [0, 1, 2, 3, 4, 5, 6, 7] },
      { finished: 8, copies: 1.3, time: 5 },
    ],
    [
      "one that does as Transmission does",
      { peers: 1, slow: [0] },
      { finished: 1, copies: 1, time: 3.25 },
    ],
    [
      "eight that do",
      { peers: 8, slow: [0, 1, 2, 3, 4, 5, 6, 7] },
      { finished: 8, copies: 1.1, time: 5.2 },
    ],
    [
      "two that do and can't reach each other",
      { peers: 2, slow: [0, 1], isolated: [0, 1] },
      { finished: 2, copies: 2, time: 10 },
    ],
    [
      "eight, four of whom do",
      { peers: 8, slow: [0, 1, 2, 3] },
      { finished: 8, copies: 1.1, time: 2.5 },
    ],
    ["two peers", { peers: 2 }, { finished: 2, copies: 1.05, time: 1.05 }],
    ["eight", { peers: 8 }, { finished: 8, copies: 1.1, time: 1.1 }],
    ["32", { peers: 32 }, { finished: 32, copies: 1.15, time: 1.2 }],
    ["32, one piece", { peers: 32, pieces: 1 }, { finished: 32, copies: 6, time: 10 }],
    [
      "four that can't reach each other",
      { peers: 4, isolated: [0, 1, 2, 3] },
      { finished: 4, copies: 4, time: 4.05 },
    ],
    [
      "one of eight that can't be reached",
      { peers: 8, isolated: [3] },
      { finished: 8, copies: 2.05, time: 2.05 },
    ],
    [
      "eight, three of them selfish",
      { peers: 8, selfish: [0, 1, 2] },
      { finished: 8, copies: 1.2, time: 1.8 },
    ],
    ["all selfish", { peers: 4, selfish: [0, 1, 2, 3] }, { finished: 4, copies: 4, time: 4.05 }],
    [
      "eight, two of them stuck",
      { peers: 8, stuck: [0, 5] },
      { finished: 6, copies: 1.2, time: 3 },
    ],
    [
      "eight, two of them silent",
      { peers: 8, silent: [0, 5] },
      { finished: 6, copies: 1.2, time: 3 },
    ],
    ["four and a liar", { peers: 5, liars: [0] }, { finished: 4, copies: 1.2, time: 1.2 }],
    [
      "sixteen and three liars",
      { peers: 19, liars: [0, 1, 2] },
      { finished: 16, copies: 1.2, time: 1.2 },
    ],
    [
      "sixteen and one that says it has all, and leaves, again and again",
      { peers: 17, leavers: [0] },
      { finished: 16, copies: 1.2, time: 1.2 },
    ],
    [
      "four and a hundred liars",
      { peers: 104, liars: HUNDRED },
      { finished: 4, copies: 1.2, time: 1.2 },
    ],
    [
      "four and a hundred that say they have all, and leave, again and again",
      { peers: 104, leavers: HUNDRED },
      { finished: 4, copies: 1.2, time: 1.2 },
    ],
    [
      "four and a hundred that are silent",
      { peers: 104, silent: HUNDRED },
      { finished: 4, copies: 1.5, time: 2 },
    ],
    [
      "four and a hundred that are silent and come again",
      { peers: 104, silent: HUNDRED, returning: HUNDRED },
      { finished: 4, copies: 1.5, time: 2 },
    ],
    [
      "four and a hundred that read nothing",
      { peers: 104, stuck: HUNDRED },
      { finished: 4, copies: 1.5, time: 2 },
    ],
    [
      "four and a hundred that read nothing and come again",
      { peers: 104, stuck: HUNDRED, returning: HUNDRED },
      { finished: 4, copies: 2, time: 3 },
    ],
    [
      "eight, three of them leave",
      { peers: 8, goes: { 0: 200, 1: 300, 2: 400 } },
      { finished: 5, copies: 1.6, time: 1.8 },
    ],
    [
      "one comes when another leaves complete",
      { peers: 2, comes: { 1: 801 }, goes: { 0: 801 } },
      { finished: 1, copies: 2, time: 2.1 },
    ],
    [
      "eight, one after the other",
      { peers: 8, comes: { 1: 100, 2: 200, 3: 300, 4: 400, 5: 500, 6: 600, 7: 700 } },
      { finished: 8, copies: 1.5, time: 1.9 },
    ],
  ])("%s", (_why, behaviour, most) => {
    const { finished, copies, time } = runSwarm(behaviour);
    const observed = {
      finished,
      copies: atMost(copies, most.copies),
      time: atMost(time, most.time),
    };
    expect(observed).toEqual(most);
  });
});

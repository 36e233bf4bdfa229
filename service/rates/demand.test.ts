import { expect, test } from "bun:test";
import { burstAt, Demand, LEAST_PACE, type Look, paceFor } from "./demand.ts";

/** A look after 0.1 s at a connection that is held to 100 kB/s and sends 2 kB at once. */
function look(acknowledged: number, other: Partial<Look> = {}): Look {
  const usual = { elapsed: 0.1, withoutRoom: 0, sending: true, heldBack: false };
  return { ...usual, acknowledged, pace: 100_000, burst: 2_000, ...other };
}

test.each<[string, Look[], { hungry: boolean; taken: number }]>([
  ["nothing known", [], { hungry: true, taken: 0 }],
  ["all that is expected", [look(10_000), look(10_000)], { hungry: true, taken: 100_000 }],
  ["a burst less", [look(10_000), look(8_000)], { hungry: true, taken: 90_000 }],
  ["clearly less", [look(6_000), look(6_000)], { hungry: false, taken: 60_000 }],
  ["too little expected to judge", [look(0)], { hungry: true, taken: 0 }],
  [
    "held back by nothing but its pace",
    [look(0), look(0, { heldBack: true })],
    { hungry: true, taken: 0 },
  ],
  ["a client without room", [look(0, { withoutRoom: 0.1 })], { hungry: false, taken: 0 }],
  [
    "a client without room at times",
    [look(10_000, { withoutRoom: 0.02 })],
    { hungry: true, taken: 0 },
  ],
  ["nothing to send", [look(0, { sending: false })], { hungry: false, taken: 0 }],
  ["the end of a body", [look(3_000, { sending: false })], { hungry: true, taken: 0 }],
  [
    "long bursts",
    [look(0, { burst: 64_000 }), look(0, { burst: 64_000 })],
    { hungry: true, taken: 0 },
  ],
  ["no pace", [look(10_000, { pace: Infinity })], { hungry: true, taken: 100_000 }],
  [
    "a client that reads again",
    [look(0, { withoutRoom: 0.1 }), look(10_000), look(10_000)],
    { hungry: true, taken: 100_000 },
  ],
])("With %s", (_, looks, expected) => {
  const demand = new Demand();
  for (const one of looks) demand.see(one);
  const { hungry, taken } = demand;
  expect({ hungry, taken: Math.round(taken) }).toEqual(expected);
});

test("A stalled connection counts as hungry when a response begins on it", () => {
  const demand = new Demand();
  demand.see(look(0, { withoutRoom: 0.1 }));
  demand.begin();
  expect(demand.hungry).toBe(true);
});

test.each<[string, [hungry: boolean, taken: number, level: number, assured: number], number]>([
  ["hungry", [true, 0, 5_000, 2_000], 5_000],
  ["takes little", [false, 1_000, 5_000, 2_000], 2_000],
  ["takes some, and may take half as much again", [false, 3_000, 5_000, 2_000], 4_500],
  ["takes nearly all", [false, 4_900, 5_000, 2_000], 5_000],
  ["too many of them", [true, 0, 10, 10], LEAST_PACE],
])("One that %s", (_, [hungry, taken, level, assured], expected) => {
  expect(paceFor({ hungry, taken }, { level, assured })).toBe(expected);
});

test.each<[string, [pace: number, packet: number, roundTrip: number], number]>([
  ["far away", [20_000, 1448, 50_000], 2 * 1448],
  ["far away and fast", [20e6, 1448, 50_000], 20e6 / 1024],
  ["in this room", [20_000, 1448, 60], 2 * 1448 + 65_536],
  ["in this town", [20_000, 1448, 1_100], 2 * 1448 + 16_384],
  ["as fast as it goes", [Infinity, 1448, 50_000], 65_536],
])("Bursts %s", (_, [pace, packet, roundTrip], expected) => {
  expect(Math.round(burstAt(pace, packet, roundTrip))).toBe(Math.round(expected));
});

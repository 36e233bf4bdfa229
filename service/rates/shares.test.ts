/** Shares by tables, and what holds for all of them. */

import { expect, test } from "bun:test";
import { Demand, paceFor } from "./demand.ts";
import { type Share, shareOut, type Wanted, waterLevel } from "./shares.ts";

const NONE = Infinity;

test.each<[string, number, number[], number]>([
  ["enough for all", 10, [3, 3], NONE],
  ["just enough", 6, [3, 3], NONE],
  ["nobody", 6, [], NONE],
  ["all want more", 6, [NONE, NONE, NONE], 2],
  ["one wants less", 6, [1, NONE, NONE], 2.5],
  ["two want less", 12, [1, NONE, 2, NONE], 4.5],
  ["one wants more than the others", 6, [1, 2, 4], 3],
  ["no limit", NONE, [1, NONE], NONE],
])("The level with %s", (_, amount, wishes, expected) => {
  expect(waterLevel(amount, wishes)).toBe(expected);
});

function wanted(hungry: number, others: readonly number[] = [], limit = NONE): Wanted {
  const taken = others.reduce((sum, one) => sum + one, 0);
  return { limit, taken, hungry, connections: hungry + others.length };
}

function share(level: number, assured: number, scope?: Share["scope"]): Share {
  return { level, assured, scope };
}

test.each<[string, [total: number, connection: number], Wanted[], Share[]]>([
  ["no limit", [NONE, NONE], [wanted(2)], [share(NONE, NONE)]],
  ["one connection", [100, NONE], [wanted(1)], [share(100, 100, "total")]],
  [
    "two clients, one with more connections",
    [100, NONE],
    [wanted(1), wanted(4)],
    [share(50, 50, "total"), share(12.5, 12.5, "total")],
  ],
  [
    "a client that takes less",
    [100, NONE],
    [wanted(0, [10]), wanted(1)],
    [share(NONE, 50), share(90, 50, "total")],
  ],
  [
    "a connection of a client that takes less",
    [100, NONE],
    [wanted(1, [10])],
    [share(90, 50, "total")],
  ],
  [
    "stalled ones",
    [100, NONE],
    [wanted(0, [0, 0, 0, 0]), wanted(1)],
    [share(NONE, 12.5), share(100, 50, "total")],
  ],
  ["a limit a connection", [NONE, 5], [wanted(3)], [share(5, 5, "connection")]],
  [
    "a limit a connection below the fair share",
    [100, 5],
    [wanted(3), wanted(1)],
    [share(5, 5, "connection"), share(5, 5, "connection")],
  ],
  [
    "a limit a client",
    [NONE, NONE],
    [wanted(4, [], 20), wanted(1, [], 20)],
    [share(5, 5, "client"), share(20, 20, "client")],
  ],
  [
    "a limit a client that leaves some",
    [100, NONE],
    [wanted(1, [], 20), wanted(1)],
    [share(20, 20, "client"), share(80, 50, "total")],
  ],
  [
    "others that take more than there is now",
    [10, NONE],
    [wanted(0, [30, 30])],
    [share(5, 5, "total")],
  ],
  ["others that take nearly all", [10, NONE], [wanted(1, [9])], [share(5, 5, "total")]],
])("Shares with %s", (_, [total, connection], clients, expected) => {
  expect(shareOut({ total, connection }, clients)).toEqual(expected);
});

/** A small generator, so that a failure can be repeated. */
function numbers(seed: number) {
  return (most: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % most;
  };
}

test("What is shared out is never more than there is, and nobody who wants more gets less", () => {
  const next = numbers(7);
  const broken: unknown[] = [];
  for (let round = 0; round < 5000; round++) {
    const total = 1000 + next(100_000);
    const connection = next(2) === 0 ? NONE : 100 + next(50_000);
    const limit = next(2) === 0 ? NONE : 100 + next(50_000);
    const clients = Array.from({ length: 1 + next(8) }, () =>
      wanted(
        next(4),
        Array.from({ length: 1 + next(3) }, () => Math.min(connection, next(3000))),
        limit,
      ),
    );
    const shares = shareOut({ total, connection }, clients);
    const amounts = clients.map(({ hungry, taken, connections }, at) => {
      const { level } = shares[at]!;
      const others = Math.min(taken, level * (connections - hungry));
      return { hungry, sum: others + (hungry === 0 ? 0 : hungry * level) };
    });
    // One that is cut to its even part is counted with what it took before: at most once more.
    const sum = amounts.reduce((all, one) => all + one.sum, 0);
    const assured = clients.reduce(
      (all, one, at) => all + one.connections * shares[at]!.assured,
      0,
    );
    const levels = amounts.flatMap(({ hungry, sum: got }, at) =>
      hungry > 0 && shares[at]!.scope === "total" ? [got] : [],
    );
    const even = total / clients.length;
    const fair = levels.every((one) => one >= even * 0.999);
    if (assured > total * 1.001 || sum > 2 * total || !fair) {
      broken.push({ total, connection, limit, clients, shares });
    }
  }
  expect(broken).toEqual([]);
});

test("After three looks at what connections take, they have their fair shares", () => {
  const next = numbers(11);
  const broken: unknown[] = [];
  for (let round = 0; round < 300; round++) {
    const total = 1e7 + 1000 * next(100_000);
    const wishes = Array.from({ length: 1 + next(6) }, () =>
      Array.from({ length: 1 + next(4) }, () => (next(2) === 0 ? NONE : 1000 * next(20_000))),
    );
    const got = settle(total, wishes);
    const sums = wishes.map((one) => one.reduce((all, wish) => all + wish, 0));
    const level = waterLevel(total, sums);
    const exact = wishes.map((one, at) => {
      const within = waterLevel(Math.min(sums[at]!, level), one);
      return one.map((wish) => Math.min(wish, within));
    });
    const off = got
      .flat()
      .some((one, at) => Math.abs(one - exact.flat()[at]!) > 0.09 * exact.flat()[at]! + 1);
    if (off) broken.push(JSON.stringify([total, wishes, got, exact]));
  }
  expect(broken).toEqual([]);
});

/** What connections that want so much get after three looks. */
function settle(total: number, wishes: readonly (readonly number[])[]): number[][] {
  const all = wishes.map((one) =>
    one.map((wish) => ({ wish, demand: new Demand(), pace: total, gets: 0 })),
  );
  for (let look = 0; look < 3; look++) {
    const clients = all.map((one) => {
      const hungry = one.filter(({ demand }) => demand.hungry).length;
      const others = one.filter(({ demand }) => !demand.hungry);
      return wanted(
        hungry,
        others.map(({ demand }) => demand.taken),
      );
    });
    const shares = shareOut({ total, connection: NONE }, clients);
    for (const [at, one] of all.entries()) {
      for (const connection of one) {
        connection.pace = paceFor(connection.demand, shares[at]!);
        connection.gets = Math.min(connection.pace, connection.wish);
        const acknowledged = connection.gets * 0.1;
        const seen = {
          elapsed: 0.1,
          acknowledged,
          withoutRoom: 0,
          sending: connection.wish > 0,
          heldBack: false,
        };
        connection.demand.see({ ...seen, pace: connection.pace, burst: 1 });
      }
    }
  }
  return all.map((one) => one.map(({ gets }) => gets));
}

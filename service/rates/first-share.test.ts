import { expect, test } from "bun:test";
import { FirstShare } from "./first-share.ts";

const NONE = Infinity;
const RATES = { total: 120_000, client: NONE, connection: NONE };

/** Connections that were told of, and clients; then those that arrive. What each of these gets. */
test.each<[string, typeof RATES, Record<string, number>, string[], number[]]>([
  ["nobody else", RATES, {}, ["a"], [120_000]],
  ["two of a client", RATES, {}, ["a", "a"], [120_000, 60_000]],
  ["two clients", RATES, {}, ["a", "b", "b"], [120_000, 60_000, 30_000]],
  [
    "others that were there before",
    RATES,
    { a: 1, b: 2 },
    ["a", "b", "c"],
    [30_000, 20_000, 40_000],
  ],
  ["a rate for each client", { ...RATES, client: 30_000 }, { a: 2 }, ["a", "b"], [10_000, 30_000]],
  ["a rate for each connection", { ...RATES, connection: 5_000 }, {}, ["a", "a"], [5_000, 5_000]],
  ["too many", RATES, { a: 200 }, ["a"], [1_000]],
])("The first share with %s", (_, rates, told, arrive, expected) => {
  const first = new FirstShare();
  const clients = Object.entries(told).map(
    ([client, connections]) => [client, { connections }] as const,
  );
  first.tell(new Map(clients), clients.length);
  const shares = arrive.map((client) => {
    const share = first.of(client, rates);
    first.arrive(client);
    return share;
  });
  first.report();
  expect(shares).toEqual(expected);
});

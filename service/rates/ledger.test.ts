import { expect, test } from "bun:test";
import { Ledger, type Usage } from "./ledger.ts";
import type { Rates } from "./shares.ts";

const NONE = Infinity;

/** In megabytes, so that a burst is next to nothing. */
function usage(client: string, sent: number, hungry: number): Usage {
  return { client, sent: sent * 1e6, hungry, taken: 0, connections: hungry };
}

/** The levels that reports give, one after the other: [seconds, process, usage]. */
function levels(rates: Rates, reports: [number, number, Usage[]][]) {
  const ledger = new Ledger(() => rates);
  return reports.map(([now, process, all]) =>
    ledger.settle(process, all, now).shares.map(({ level }) => Math.round(level / 1e6)),
  );
}

test.each<[string, Rates, [number, number, Usage[]][], number[][]]>([
  [
    "A client at two processes has one share",
    { total: 100e6, client: NONE, connection: NONE },
    [
      [0, 1, [usage("a", 0, 1), usage("b", 0, 1)]],
      [0, 2, [usage("a", 0, 3)]],
      [0.1, 1, [usage("a", 0, 1), usage("b", 0, 1)]],
    ],
    [[50, 50], [13], [13, 50]],
  ],
  [
    "A process that has nothing to report any more, and one that is gone",
    { total: 100e6, client: NONE, connection: NONE },
    [
      [0, 1, [usage("a", 0, 1)]],
      [0, 2, [usage("b", 0, 1)]],
      [0, 3, [usage("c", 0, 2)]],
      [0.1, 2, []],
      [0.9, 1, [usage("a", 0, 1)]],
      [1.2, 1, [usage("a", 0, 1)]],
    ],
    [[100], [50], [17], [], [50], [100]],
  ],
  [
    "Who goes over the rate gets less until it is made up for, and no credit before",
    { total: 100e6, client: NONE, connection: NONE },
    [
      [0, 1, [usage("a", 0, 1)]],
      [10, 1, [usage("a", 0, 1)]],
      [10.5, 1, [usage("a", 125, 1)]],
      [11, 1, [usage("a", 100, 1)]],
      [11.5, 1, [usage("a", 25, 1)]],
      [12, 1, [usage("a", 1000, 1)]],
    ],
    [[100], [100], [50], [50], [50], [50]],
  ],
  [
    "Each client makes up for its own",
    { total: NONE, client: 100e6, connection: NONE },
    [
      [0, 1, [usage("a", 0, 1), usage("b", 0, 1)]],
      [1, 1, [usage("a", 175, 1), usage("b", 100, 1)]],
    ],
    [
      [100, 100],
      [50, 100],
    ],
  ],
])("%s", (_, rates, reports, expected) => {
  expect(levels(rates, reports)).toEqual(expected);
});

test("A client of small answers alone is overdrawn when it goes far over its rate, and is forgotten in time", () => {
  const ledger = new Ledger(() => ({ total: NONE, client: 100e6, connection: NONE }));
  const seen = [20, 60, 90, 0].map((sent, at) => {
    const { shares, clients } = ledger.settle(1, [usage("a", sent, 0)], at / 10);
    return [shares[0]?.overdrawn, clients];
  });
  expect(seen).toEqual([
    [false, 0],
    [false, 0],
    [true, 0],
    [true, 0],
  ]);
});

import { describe, expect, test } from "bun:test";
import { type Model, simulate } from "./simulation.ts";

const model: Model = {
  ...{ peers: 8, pieces: 64, slots: 4, originSlots: 4, turn: 64, arrival: 0 },
  ...{ named: 50, neighbours: 50, origin: "once", pick: "rarest" },
};

describe("simulate", () => {
  test("the same seed gives the same swarm, another one another", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => simulate(model, seed));
    expect([Bun.deepEquals(first, again), Bun.deepEquals(first, other)]).toEqual([true, false]);
  });

  test("one peer takes as long as a download, and the origin sends the file once", () => {
    const outcome = simulate({ ...model, peers: 1 }, 1);
    expect(outcome).toEqual({ finishes: [1], originSent: 1, wasted: 0 });
  });

  test("peers that may not send wait for the origin, one after the other", () => {
    const { finishes, originSent } = simulate({ ...model, slots: 0 }, 1);
    expect([finishes.at(-1), originSent].map((files = 0) => files.toFixed(1))).toEqual([
      "8.0",
      "8.0",
    ]);
  });

  const swarms: [string, Partial<Model>][] = [
    ["a piece once", {}],
    ["a piece when it is asked for", { origin: "asked" }],
    ["any piece", { pick: "random" }],
    ["one slot each", { slots: 1, originSlots: 1 }],
    ["few neighbours", { peers: 40, named: 5, neighbours: 8 }],
    ["peers that come late", { arrival: 128 }],
  ];
  test.each(swarms)("%s: everyone has the file, no link carries more than it can", (_, change) => {
    const swarm = { ...model, ...change };
    const { finishes, originSent, wasted } = simulate(swarm, 3);
    const last = finishes.at(-1) ?? NaN;
    const arrived = swarm.peers * (1 + wasted);
    expect({
      finished: finishes.length,
      inOrder: finishes.every((at, n) => at >= (finishes[n - 1] ?? 1)),
      once: originSent >= 1,
      // All that arrived was sent over links that were there.
      possible: originSent <= last && arrived <= last * (swarm.peers + 1),
    }).toEqual({ finished: swarm.peers, inOrder: true, once: true, possible: true });
  });

  test("pieces that go out once each are less for the origin than pieces that are asked for", () => {
    const sent = (["once", "asked"] as const).map(
      (origin) =>
        simulate({ ...model, peers: 16, pieces: 256, pick: "random", origin }, 1).originSent,
    );
    expect(sent.map((files) => files < 1.2)).toEqual([true, false]);
  });
});

import { expect, test } from "bun:test";
import { PlaceKeeper } from "./places.ts";

/** Asks for places one after the other; tells who has one, who is refused and who waits. */
function crowd(most: number, wait = 60_000) {
  const keeper = new PlaceKeeper(() => most, wait);
  const all: { controller: AbortController; state: string; over: Promise<void> }[] = [];
  function come(key: string): void {
    const controller = new AbortController();
    const taken = keeper.take(key, controller.signal);
    const one = {
      controller,
      state: String(taken instanceof Promise ? "waits" : taken),
      over: Promise.resolve(),
    };
    if (taken instanceof Promise)
      one.over = taken.then((granted) => void (one.state = String(granted)));
    all.push(one);
  }
  return {
    keeper,
    come,
    async leave(...which: number[]) {
      for (const at of which) all[at]?.controller.abort();
      await new Promise(setImmediate);
    },
    all: () => Promise.all(all.map(({ over }) => over)),
    states: () => all.map(({ state }) => state),
  };
}

test("Two places: the third waits until one is free, another key doesn't", async () => {
  const { come, leave, states, keeper } = crowd(2);
  for (const key of ["a", "a", "a", "b", "a"]) come(key);
  const before = states();
  await leave(0);
  const after = states();
  await leave(1, 3, 4);
  expect([before, after, states(), keeper.size]).toEqual([
    ["true", "true", "waits", "true", "waits"],
    ["true", "true", "true", "true", "waits"],
    ["true", "true", "true", "true", "true"],
    1,
  ]);
});

test("One who goes while waiting leaves the place to the next, and nothing is kept", async () => {
  const { come, leave, states, keeper } = crowd(1);
  for (const key of ["a", "a", "a"]) come(key);
  await leave(1);
  await leave(0);
  const seen = states();
  await leave(2);
  expect([seen, keeper.size]).toEqual([["true", "false", "true"], 0]);
});

test("Who waits too long is refused, and who comes when too many wait", async () => {
  const { come, states, all } = crowd(1, 0);
  for (let n = 0; n < 66; n++) come("a");
  const before = states();
  await all();
  const count = (list: string[], state: string) => list.filter((one) => one === state).length;
  expect([
    ["true", "waits", "false"].map((state) => count(before, state)),
    ["true", "waits", "false"].map((state) => count(states(), state)),
  ]).toEqual([
    [1, 64, 1],
    [1, 0, 65],
  ]);
});

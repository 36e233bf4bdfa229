/** What the reports of several processes become. */

import { expect, test } from "bun:test";
import { Hub } from "./hub.ts";
import { TABLE } from "./table.ts";

const { started, completed, swarmBytes } = TABLE.metrics;

function start() {
  const numbers = new Float64Array(TABLE.length);
  let clock = 0;
  const hub = new Hub({
    ...{ numbers, now: () => clock },
    sourceOf: (client) => client.replace(/:.*/, ""),
    isPeer: (client) => client === "net:2",
  });
  const file = { key: "a", length: 100 };
  function tell(from: number, client: string, ...part: number[]): void {
    hub.take({ from, clients: undefined, fetched: [{ client, file, numbers: part }] });
  }
  const seen = () => [numbers[started.at], numbers[completed.at], numbers[swarmBytes.at]];
  return { hub, tell, seen, later: (ms: number) => (clock += ms) };
}

test("Two processes and two addresses of one network: one download", () => {
  const { tell, seen } = start();
  tell(1, "net:1", ...[1, 0, 50, 50, 5, 9]);
  tell(2, "net:2", ...[0, 0, 0, 0, 6, 6], ...[1, 50, 100, 100, 6, 10]);
  expect(seen()).toEqual([1, 1, 50]);
});

test("A client at two processes is one, and those of a silent process are forgotten", () => {
  const { hub, later } = start();
  const seen = [hub.figures()["clients"]];
  hub.take({ from: 1, clients: ["a", "b"], fetched: [] });
  hub.take({ from: 2, clients: ["b", "c"], fetched: [] });
  seen.push(hub.figures()["clients"]);
  later(4_000);
  hub.take({ from: 2, clients: ["b"], fetched: [] });
  seen.push(hub.figures()["clients"]);
  later(4_000);
  seen.push(hub.figures()["clients"]);
  hub.take({ from: 2, clients: [], fetched: [] });
  seen.push(hub.figures()["clients"]);
  expect(seen).toEqual([0, 3, 2, 1, 0]);
});

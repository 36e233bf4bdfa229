/** What several processes and swarms report, as one state; and what strangers don't see of it. */

import { expect, test } from "bun:test";
import type { Download, ProcessReport } from "./reporter.ts";
import { type Gathered, makeSnapshot, renameClients } from "./snapshot.ts";

const NOW = 1_700_000_000_000;
const SECOND = NOW / 1000;

function download(id: string, client = "10.0.0.1"): Download {
  const rest = { method: "GET", path: "/data/a", kind: "full", status: 200, range: null };
  return { id, client, ...rest, owed: 10, acknowledged: 4, seconds: 1 };
}

function report(over: Partial<ProcessReport> = {}): ProcessReport {
  const none = { running: 0, transfers: [], ended: [], sent: 0, throughput: [], second: SECOND };
  return { ...none, ...over };
}

function file(over: Partial<Gathered["files"][number]> = {}): Gathered["files"][number] {
  const counts = { length: 100, seeds: 1, leechers: 2, connected: 3 };
  return { path: "/data/a", ...counts, peers: [], spread: [1, 2], sent: 0, received: 0, ...over };
}

function snapshot(over: Partial<Gathered>) {
  const none = { reports: [], files: [], seeded: 0, seederThroughput: [] };
  return makeSnapshot({ now: NOW, started: NOW - 5000, ...none, ...over });
}

test.each<[string, Partial<Gathered>, number | null]>([
  ["nothing was sent", {}, null],
  ["by HTTP alone", { reports: [report({ sent: 50 })] }, 1],
  ["to peers who pass nothing on", { files: [file({ sent: 100, received: 100 })], seeded: 100 }, 1],
  ["to peers who pass it on", { files: [file({ sent: 100, received: 400 })], seeded: 100 }, 0.25],
  [
    "by HTTP and to peers",
    { reports: [report({ sent: 50 })], files: [file({ received: 150 })], seeded: 50 },
    0.5,
  ],
  ["peers that say less than they were sent", { files: [file({ received: 1 })], seeded: 100 }, 1],
])("The origin's share: %s", (_why, gathered, expected) => {
  expect(snapshot(gathered).originShare).toBe(expected);
});

test("Processes add up, and the latest end comes first", () => {
  const seen = snapshot({
    reports: [
      report({
        running: 70,
        transfers: [download("1-1")],
        ended: [{ ...download("1-2"), at: 5 }],
        sent: 3,
        throughput: [1, 2],
      }),
      // It was asked just after the second had begun.
      report({
        running: 1,
        transfers: [download("2-1")],
        throughput: [10, 20, 30],
        second: SECOND + 1,
      }),
      report({ ended: [{ ...download("3-1"), at: 9 }], throughput: [], sent: 4 }),
    ],
  });
  expect({
    counts: [seen.workers, seen.running, seen.sent.http],
    transfers: seen.transfers.map(({ id }) => id),
    ended: seen.ended.map(({ id }) => id),
    last: seen.throughput.http.slice(-3),
    length: seen.throughput.http.length,
  }).toEqual({
    counts: [3, 71, 7],
    transfers: ["1-1", "2-1"],
    ended: ["3-1", "1-2"],
    last: [0, 11, 22],
    length: 180,
  });
});

test("Strangers see no address and no port", () => {
  const peers = [{ client: "10.0.0.7", port: 6881, completion: 0.5 }];
  const seen = snapshot({
    files: [file({ peers })],
    reports: [
      report({ transfers: [download("1-1", "10.0.0.8")], ended: [{ ...download("1-2"), at: 5 }] }),
    ],
  });
  const shown = renameClients(seen, (client) => `x${client.length}`);
  expect([
    JSON.stringify(shown).includes("10.0.0."),
    shown.files[0]?.peers,
    shown.transfers[0]?.client,
  ]).toEqual([false, [{ client: "x8", port: 0, completion: 0.5 }], "x8"]);
});

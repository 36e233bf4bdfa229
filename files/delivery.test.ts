/** How much of an answer has arrived and how it ended, by what is seen of its connection. */

import { expect, test } from "bun:test";
import type { ClientConnections } from "./client-connections.ts";
import { Delivery } from "./delivery.ts";
import { longestHeader, Transfer } from "./transfer.ts";

const MiB = 1024 * 1024;
const SERVER = { requestIP: () => null, timeout() {} };
const WATCHER = { watch() {}, made() {} };
const BEGAN = 1_000;

/** An answer of 10 MiB to `GET /f`, whose connection had carried `before` bytes. */
function begin(before: number | undefined) {
  const transfer = new Transfer(new Request("http://h/f"), SERVER, WATCHER, 0, BEGAN);
  transfer.owed = 10 * MiB;
  return { transfer, delivery: new Delivery(transfer, undefined, before, BEGAN) };
}

/** What was read from a connection, and written to it. */
function connection(read: number, written: number): ClientConnections {
  return { read, written } as Partial<ClientConnections> as ClientConnections;
}

const HEADER = longestHeader(begin(0).transfer.plan);
/** As long as the request may be, and more than two of its kind. */
const ONE = connection(30, 5 * MiB);
const TWO = connection(400, 5 * MiB);

test.each<[string, number | undefined, ClientConnections, number[], number]>([
  ["nothing yet", 0, ONE, [0], 0],
  ["the header alone", 0, ONE, [HEADER], 0],
  ["some of the body", 0, ONE, [HEADER + 7], 7],
  ["behind an earlier answer", 3 * MiB, TWO, [3 * MiB + HEADER + 7], 7],
  ["no more than is owed", 0, ONE, [20 * MiB], 10 * MiB],
  ["never less than before", 0, ONE, [HEADER + 7, HEADER + 5], 7],
  ["the first of a connection found late", undefined, ONE, [4 * MiB + HEADER], 4 * MiB],
  [
    "a later one: what is written by then doesn't count",
    undefined,
    TWO,
    [4 * MiB, 6 * MiB + HEADER],
    MiB,
  ],
])("Acknowledged: %s", (_why, before, connections, looks, expected) => {
  const { transfer, delivery } = begin(before);
  looks.forEach((seen, n) => delivery.see(seen, connections, BEGAN + 10 * (n + 1)));
  expect(transfer.acknowledged).toBe(expected);
});

test.each<[string, number, string]>([
  ["at once", 10, "aborted"],
  ["after a long pause", 200_000, "aborted"],
  ["after the longest pause", 255_000, "timed out"],
  ["a little before, as the runtime counts coarsely", 248_000, "timed out"],
])("Cut off %s", (_why, pause, outcome) => {
  const { delivery } = begin(0);
  delivery.see(MiB, ONE, BEGAN + 10);
  delivery.see(MiB, ONE, BEGAN + 20);
  expect(delivery.cutOff(BEGAN + 10 + pause)).toBe(outcome as "aborted");
});

test.each<[string, number | undefined, number, number, string | undefined, number]>([
  ["everything arrived", 0, MiB, 30, "complete", MiB - HEADER],
  ["the kernel still sends", 2 * MiB, MiB, 30, undefined, 8 * MiB],
  ["a slow client went away", undefined, MiB, 5_010, "aborted", MiB - HEADER],
  ["a fast one had taken the rest", undefined, 9 * MiB, 30, "complete", 9 * MiB - HEADER],
  ["one that was never seen", undefined, NaN, 5, "complete", NaN],
])("Closed: %s", (_why, left, seen, now, outcome, acknowledged) => {
  const { transfer, delivery } = begin(0);
  const looked = now > 1_000 ? now - 10 : 20;
  if (seen > 0) delivery.see(seen, ONE, BEGAN + looked);
  expect([delivery.closed(left, BEGAN + now), transfer.acknowledged ?? NaN]).toEqual([
    outcome as "complete" | undefined,
    acknowledged,
  ]);
});

/** Who looks, what is made for them, and what several processes tell over their lines. */

import { expect, test } from "bun:test";
import { Answerer, Asker, type ToAnswerer, type ToAsker } from "../os/line.ts";
import { Live } from "./live.ts";
import { Reporter, type StreamedTransfer } from "./reporter.ts";
import type { Snapshot } from "./snapshot.ts";
import { liveAnswers, type LiveTopics, RemoteLive } from "./topics.ts";

function start(files = (): [] => []) {
  let made = 0;
  const lines: string[] = [];
  const live = new Live({
    files() {
      made += 1;
      return files();
    },
    seeded: () => 0,
    log: (line) => void lines.push(line),
  });
  return { live, made: () => made, lines };
}

/** Transfers that go on. */
function running(...clients: readonly string[]): Set<StreamedTransfer> {
  const rest = { method: "GET", target: "/data/a?b", kind: "full", status: 200, range: null };
  return new Set(
    clients.map((client) => ({
      ...{ client, ...rest, owed: 10, acknowledged: 4, now: Date.now(), outcome: undefined },
    })),
  );
}

/** A worker's line to the process that `live` is in; `end` is its death. */
function connect(live: Live, transfers: Set<StreamedTransfer>) {
  const answerer: Answerer<LiveTopics> = new Answerer(liveAnswers(live), (message: ToAsker) =>
    queueMicrotask(() => asker.hear(message)),
  );
  const asker = new Asker<LiveTopics>((message: ToAnswerer) =>
    queueMicrotask(() => answerer.hear(message)),
  );
  const desk = new RemoteLive(asker, new Reporter(transfers));
  return { desk, end: () => answerer.close() };
}

async function parsed(json: Promise<string>): Promise<Snapshot> {
  return JSON.parse(await json) as Snapshot;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

test("A snapshot that fails is a line in the log, and the next one is told", async () => {
  let fails = true;
  const { live, lines } = start(() => {
    if (fails) throw new Error("no figures");
    return [];
  });
  const texts: string[] = [];
  const stop = live.watch(true, (json) => texts.push(json));
  await until(() => lines.length > 0);
  fails = false;
  await until(() => texts.length > 0);
  stop();
  expect(new Set(lines)).toEqual(new Set(["Cannot show what goes on: Error: no figures"]));
});

test("Nothing is made while nobody looks; all that look share what is made", async () => {
  const { live, made } = start();
  live.join(new Reporter(running("10.0.0.1")));
  const before = made();
  const [a, b] = await Promise.all([live.status(true), live.status(true)]);
  const texts: string[] = [];
  const stops = [1, 2, 3].map(() => live.watch(true, (json) => texts.push(json)));
  await until(() => texts.length >= 3);
  const during = made();
  for (const stop of stops) stop();
  expect({ before, same: a === b, texts: new Set(texts).size, during, watched: live.size }).toEqual(
    {
      before: 0,
      same: true,
      texts: 1,
      during: 2,
      watched: 0,
    },
  );
});

test("Those that may not see addresses see one name for each", async () => {
  const { live } = start();
  live.join(new Reporter(running("10.0.0.1", "10.0.0.2", "10.0.0.1")));
  const [shown, hidden, again] = await Promise.all([
    parsed(live.status(true)),
    parsed(live.status(false)),
    parsed(start().live.status(false)),
  ]);
  const names = hidden.transfers.map(({ client }) => client);
  expect([
    shown.transfers.map(({ client, path }) => `${client} ${path}`),
    new Set(names).size,
    names[0] === names[2],
    JSON.stringify(hidden).includes("10.0.0."),
    again.transfers,
  ]).toEqual([["10.0.0.1 /data/a", "10.0.0.2 /data/a", "10.0.0.1 /data/a"], 2, true, false, []]);
});

test("Workers report when one of them is asked, until they are gone", async () => {
  const { live } = start();
  const workers = [running("10.0.0.1"), running("10.0.0.2", "10.0.0.3")].map((transfers) =>
    connect(live, transfers),
  );
  await new Promise(setImmediate);
  const both = await parsed(workers[0]!.desk.status(true));
  const told: Snapshot[] = [];
  const stop = workers[1]!.desk.watch(true, (json) => told.push(JSON.parse(json) as Snapshot));
  await until(() => told.length > 0);
  workers[0]!.end();
  const seen = told.length;
  await until(() => told.length > seen + 1);
  stop();
  await until(() => live.size === 0);
  const clients = ({ transfers }: Snapshot) => transfers.map(({ client }) => client).sort();
  expect([both.workers, clients(both), clients(told[0]!), clients(told.at(-1)!)]).toEqual([
    2,
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
    ["10.0.0.2", "10.0.0.3"],
  ]);
});

test("A process that doesn't answer holds up nobody for long", async () => {
  const { live } = start();
  live.addSource(() => new Promise(() => {}));
  live.join(new Reporter(running("10.0.0.1")));
  const seen = await parsed(live.status(true));
  expect([seen.workers, seen.running]).toEqual([1, 1]);
});

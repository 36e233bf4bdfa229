/**
 * The live view, by the executable: what two workers and the swarms do as JSON, as events, in
 * a terminal and in a browser.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Snapshot } from "../live/snapshot.ts";
import { binary, type Running, startBinary } from "./binary.ts";
import { run } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const LENGTH = 64 * 1024 * 1024;

const directory = temporaryDirectory("/dev/shm");
let server: Running;

beforeAll(async () => {
  writeSettled(join(directory, "large"), offsetBytes(LENGTH));
  writeSettled(join(directory, "small"), "small");
  server = await startBinary(["--host", "127.0.0.1", "--workers", "2", directory]);
});

afterAll(async () => await server[Symbol.asyncDispose]());

async function status(fields: Record<string, string> = {}): Promise<Snapshot> {
  const { body } = await ask(server.port, "GET", "/-/status.json", fields);
  return JSON.parse(body.toString()) as Snapshot;
}

/** Looks until what is seen suits. */
async function until(suits: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  for (;;) {
    const seen = await status();
    if (suits(seen)) return seen;
  }
}

function acknowledgedIn({ transfers }: Snapshot): number {
  return Math.max(...transfers.map(({ acknowledged }) => acknowledged));
}

// Eight connections: the kernel hardly gives all of them to one worker.
test("Downloads at all workers are shown with what was acknowledged, and how they ended", async () => {
  const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.connect(server.port)));
  for (const [n, wire] of wires.entries()) {
    wire.request("GET", `/data/large?n=${n}&token=SECRET`);
    await wire.waitFor(1);
    wire.pause();
  }
  const begun = await until(({ transfers }) => transfers.length === 8);
  const before = acknowledgedIn(begun);
  wires[0]?.resume();
  await wires[0]?.waitFor(LENGTH / 2);
  wires[0]?.pause();
  // Exactly how much is known at the end alone: the first bytes may have come before the first look.
  const grown = await until((seen) => acknowledgedIn(seen) > before + LENGTH / 4);
  for (const wire of wires.slice(1)) wire.resume();
  await Promise.all(wires.slice(1).map((wire) => wire.response()));
  const after = await until(({ ended }) => ended.length === 7);
  wires[0]?.[Symbol.dispose]();
  const last = await until(({ ended }) => ended.length === 8);
  const [first] = begun.transfers;
  expect({
    workers: begun.workers,
    first: { ...first, id: "", acknowledged: 0, seconds: 0 },
    grown: [grown.running, acknowledgedIn(grown) < LENGTH],
    complete: after.ended.map(({ outcome, acknowledged }) => [outcome, acknowledged]),
    running: [after.running, last.running],
    last: last.ended[0]?.outcome,
    secret: JSON.stringify(last).includes("SECRET"),
    ids: new Set(last.ended.map(({ id }) => id)).size,
  }).toEqual({
    workers: 2,
    first: {
      id: "",
      ...{ client: "127.0.0.1", method: "GET", path: "/data/large", kind: "full", status: 200 },
      ...{ range: null, owed: LENGTH, acknowledged: 0, seconds: 0 },
    },
    grown: [8, true],
    complete: Array.from({ length: 7 }, () => ["complete", LENGTH]),
    running: [1, 0],
    last: "aborted",
    secret: false,
    ids: 8,
  });
  expect(last.sent.http).toBeGreaterThanOrEqual(7 * LENGTH);
});

test("A small answer is no download", async () => {
  const before = await status();
  await ask(server.port, "GET", "/data/small");
  const after = await until(({ now }) => now > before.now);
  expect([after.ended.length, after.sent]).toEqual([before.ended.length, before.sent]);
});

test("Behind a proxy no address is told, and one client has one name", async () => {
  using one = await Wire.connect(server.port);
  one.request("GET", "/data/large");
  await one.waitFor(1);
  one.pause();
  const open = await until(({ transfers }) => transfers.length === 1);
  const hidden = await status({ "X-Forwarded-For": "127.0.0.1" });
  const clients = [...hidden.transfers, ...hidden.ended].map(({ client }) => client);
  expect([
    open.transfers[0]?.client,
    JSON.stringify(hidden).includes("127.0.0.1"),
    new Set(clients).size,
    /^client-[0-9a-f]{6}$/.test(clients[0] ?? ""),
  ]).toEqual(["127.0.0.1", false, 1, true]);
});

test("Events come from every worker and end with it", async () => {
  await using other = await startBinary([
    ...["--host", "127.0.0.1", "--workers", "2", "--grace", "30", directory],
  ]);
  const wires = await Promise.all(Array.from({ length: 6 }, () => Wire.connect(other.port)));
  for (const wire of wires) wire.request("GET", "/-/events");
  const seen = await Promise.all(
    wires.map(async (wire) => {
      const head = await wire.readTo("\r\n\r\n");
      const times: number[] = [];
      for (let n = 0; n < 3; n++) {
        await wire.readTo("data: ");
        times.push((JSON.parse(await wire.readTo("\n\n")) as Snapshot).now);
      }
      const [, second = 0, third = 0] = times;
      return [/text\/event-stream/.test(head), third - second > 900];
    }),
  );
  other.process.kill("SIGTERM");
  const closed = await Promise.all(wires.map((wire) => wire.untilClosed()));
  const exitCode = await other.process.exited;
  expect([seen, closed.length, exitCode]).toEqual([seen.map(() => [true, true]), 6, 0]);
});

test.each<[string, string, number]>([
  ["HEAD of the events", "/-/events", 200],
  ["HEAD of the page", "/-/live", 200],
  ["HEAD of the status", "/-/status.json", 200],
])("%s", async (_why, target, expected) => {
  const response = await ask(server.port, "HEAD", target);
  expect([response.status, response.body.length]).toEqual([expected, 0]);
});

test("rangesrv top writes one snapshot when its output is no terminal", async () => {
  const { exitCode, stdout, stderr } = await run([await binary(), "top", server.origin]);
  const [first = "", second = ""] = stdout.split("\n");
  expect([
    exitCode,
    stderr,
    first.startsWith(server.origin),
    /^sent .* by HTTP/.test(second),
  ]).toEqual([0, "", true, true]);
  expect(/[\x00-\x09\x0b-\x1f\x7f]/.test(stdout)).toBe(false);
});

test.each<[string, string, number, string]>([
  ["nobody listens", "http://127.0.0.1:1", 1, "Cannot read http://127.0.0.1:1/-/status.json"],
  ["no URL", "localhost", 2, 'Cannot look at "localhost"'],
])("rangesrv top: %s", async (_why, url, code, line) => {
  const { exitCode, stdout, stderr } = await run([await binary(), "top", url]);
  expect([exitCode, stdout, stderr.trim().split("\n").length, stderr.includes(line)]).toEqual([
    code,
    "",
    1,
    true,
  ]);
});

test("rangesrv top draws in a terminal until q, and leaves it as it was", async () => {
  let drawn = "";
  let wake = () => {};
  const child = Bun.spawn([await binary(), "top", server.origin], {
    env: { ...process.env, TERM: "xterm" },
    terminal: {
      cols: 80,
      rows: 24,
      data(_terminal, bytes) {
        drawn += Buffer.from(bytes).toString();
        wake();
      },
    },
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
  };
  // Twice: it draws again after a second.
  await until(() => drawn.split("by HTTP").length > 2);
  child.terminal?.write("q");
  const exitCode = await child.exited;
  expect([exitCode, drawn.includes("\x1b[?1049h"), drawn.endsWith("\x1b[?25h\x1b[?1049l")]).toEqual(
    [0, true, true],
  );
});

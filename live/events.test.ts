/** Clients that watch: what each gets, which are dropped, and that without one nobody looks. */

import { expect, test } from "bun:test";
import { Wire } from "../test/wire.ts";
import { Events, MOST_LISTENERS } from "./events.ts";
import type { LiveDesk } from "./live.ts";

/** A desk by hand, and a server with its events. */
function start() {
  const watching = new Set<(json: string) => void>();
  const desk: LiveDesk = {
    status: (addresses) => Promise.resolve(addresses ? '"first, with addresses"' : '"first"'),
    watch(_addresses, tell) {
      watching.add(tell);
      return () => void watching.delete(tell);
    },
  };
  const leaving = { now: false };
  const events = new Events(desk, () => leaving.now);
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, listener) {
      listener.timeout(request, 0);
      const body = events.open(new URL(request.url).pathname === "/addresses");
      return new Response(body, { status: body === undefined ? 503 : 200 });
    },
  });
  const tell = (json: string) => watching.forEach((one) => one(json));
  const [port] = [server.port ?? 0];
  return { events, watching, tell, leaving, port, [Symbol.dispose]: () => void server.stop(true) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

test("All get the same text; each that may sees addresses; without a client nobody looks", async () => {
  using site = start();
  const before = site.watching.size;
  const wires = await Promise.all([1, 2, 3].map(() => Wire.connect(site.port)));
  for (const [n, wire] of wires.entries()) wire.request("GET", n === 0 ? "/addresses" : "/");
  const first = await Promise.all(wires.map((wire) => wire.readTo('"\n\n')));
  const during = site.watching.size;
  site.tell("1");
  const second = await Promise.all(wires.map((wire) => wire.readTo("data: 1\n\n")));
  for (const wire of wires) wire[Symbol.dispose]();
  await until(() => site.events.size === 0);
  expect([
    before,
    first.map((text) => /"first.*"/.exec(text)?.[0]),
    first.every((text) => text.includes("retry: 3000\n\n")),
    during,
    second.length,
    site.watching.size,
  ]).toEqual([0, ['"first, with addresses"', '"first"', '"first"'], true, 2, 3, 0]);
});

test("One more than may watch is refused", async () => {
  using site = start();
  const streams = Array.from({ length: MOST_LISTENERS }, () => site.events.open(false));
  const refused = site.events.open(true);
  await streams[0]?.cancel();
  const next = site.events.open(true);
  expect([streams.every((one) => one !== undefined), refused, next !== undefined]).toEqual([
    true,
    undefined,
    true,
  ]);
  await Promise.all([...streams.slice(1), next].map((one) => one?.cancel()));
  expect(site.watching.size).toBe(0);
});

test("A client that doesn't read is dropped, and the others go on", async () => {
  using site = start();
  using slow = await Wire.connect(site.port);
  using quick = await Wire.connect(site.port);
  for (const wire of [slow, quick]) wire.request("GET", "/");
  await Promise.all([slow.readTo("first"), quick.readTo("first")]);
  slow.pause();
  const large = JSON.stringify("x".repeat(64 * 1024));
  let sent = 0;
  while (site.events.size > 1 && sent < 1000) {
    site.tell(large);
    sent++;
    await quick.readTo("\n\n");
  }
  site.tell('"still"');
  const text = await quick.readTo('"still"');
  // The kernel holds some megabytes; the process holds the rest.
  expect([sent < 1000, site.events.size, text.includes('"still"')]).toEqual([true, 1, true]);
});

test("When the process is about to end, streams end", async () => {
  using site = start();
  using wire = await Wire.connect(site.port);
  wire.request("GET", "/");
  await wire.readTo("first");
  site.leaving.now = true;
  await wire.readTo("\r\n0\r\n\r\n");
  expect([site.events.size, site.watching.size, site.events.open(false)]).toEqual([
    0,
    0,
    undefined,
  ]);
});

/** How many connections are made at a time, to whom, and for how long. */

import { expect, test } from "bun:test";
import { makeSample, peerId } from "../../test/raw-peer.ts";
import { type Dial, Invitations } from "./invitations.ts";
import { Uploads } from "./uploads.ts";

const sample = makeSample(1000, 1000);
const { infoHash } = sample.torrent;

/** Invites as a tracker would. `hostnames` are those whose ports are silent. */
function inviting(silent: readonly string[], patience: number, fail = () => {}) {
  const dialed: string[] = [];
  const signals: AbortSignal[] = [];
  const dial: Dial = (_upload, { hostname, port }, signal) => {
    dialed.push(`${hostname} ${port}`);
    signals.push(signal);
    fail();
    return silent.includes(hostname) ? new Promise(() => {}) : Promise.resolve();
  };
  const library = {
    find: async () => ({
      kind: "seed" as const,
      seed: { torrent: sample.torrent, read: () => sample.bytes },
    }),
  };
  const uploads = new Uploads(library, () => {}, performance.now);
  const invitations = new Invitations(uploads, dial, patience);
  return {
    dialed,
    signals,
    forget: () => invitations.forget(),
    invite: (hostname: string, port: number) =>
      invitations.invite(infoHash, { hostname, port, peerId: peerId("1") }, () => true),
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, n) => 2000 + n);
}

test("Silent ports of one address don't delay connections to others", async () => {
  const { invite, dialed } = inviting(["192.0.2.1"], 60_000);
  for (const port of range(200)) void invite("192.0.2.1", port);
  await invite("192.0.2.2", 2000);
  expect(dialed).toEqual([...range(8).map((port) => `192.0.2.1 ${port}`), "192.0.2.2 2000"]);
});

test("An IPv6 network is one address", async () => {
  const { invite, dialed } = inviting(
    range(20).map((n) => `2001:db8::${n}`),
    60_000,
  );
  for (const n of range(20)) void invite(`2001:db8::${n}`, 2000);
  await invite("2001:db8:0:1::1", 2000);
  expect(dialed).toEqual([...range(8).map((n) => `2001:db8::${n} 2000`), "2001:db8:0:1::1 2000"]);
});

test("A connection that isn't made in time is given up, and there are no more to its address", async () => {
  const { invite, dialed, signals, forget } = inviting(["192.0.2.1"], 1);
  await Promise.all(range(50).map((port) => invite("192.0.2.1", port)));
  const first = [...dialed];
  await invite("192.0.2.1", 9000);
  const meanwhile = dialed.length;
  forget();
  await invite("192.0.2.1", 9001);
  expect([
    first,
    signals.map(({ aborted }) => aborted),
    meanwhile,
    dialed.slice(meanwhile),
  ]).toEqual([
    range(8).map((port) => `192.0.2.1 ${port}`),
    Array(9).fill(true),
    8,
    ["192.0.2.1 9001"],
  ]);
});

test("A dial that throws", async () => {
  const { invite, dialed } = inviting([], 60_000, () => {
    throw new RangeError("no port");
  });
  await invite("192.0.2.1", Number.NaN);
  await invite("192.0.2.1", 2000);
  expect(dialed).toEqual(["192.0.2.1 NaN", "192.0.2.1 2000"]);
});

test("Many peers of one address wait for each other", async () => {
  const { invite, dialed } = inviting([], 60_000);
  await Promise.all(range(200).map((port) => invite("192.0.2.1", port)));
  expect(dialed).toEqual(range(100).map((port) => `192.0.2.1 ${port}`));
});

test("Silent ports of many addresses take 200 connections at most", async () => {
  const hostnames = range(100).map((n) => `192.0.2.${n - 2000}`);
  const { invite, dialed } = inviting(hostnames, 60_000);
  for (const hostname of hostnames) void invite(hostname, 2000);
  await invite("198.51.100.1", 2000);
  expect(dialed).toEqual(hostnames.slice(0, 50).map((hostname) => `${hostname} 2000`));
});

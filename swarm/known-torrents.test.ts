/** Torrents are remembered, and so are unknown info hashes: the hasher is seldom asked. */

import { expect, test } from "bun:test";
import { KnownTorrents, type KnownTorrentsOptions, type TorrentLookup } from "./known-torrents.ts";
import type { NamedJob } from "./named-job.ts";

/** Milliseconds after the start. */
const MINUTE = 60_000;

function named(path: string, files = 1): NamedJob {
  const file = { path, inode: 1n, size: 1, modified: 1n, changed: 1n };
  const all = Array<typeof file>(files).fill(file);
  const job = { kind: "file", path, files: all, pieceLength: 65536 } as const;
  return { job, segments: [path.slice(1)], names: all.map(() => []) };
}

function hash(name: string | number): Uint8Array {
  return new TextEncoder().encode(String(name).padEnd(20, "."));
}

/** Torrents of which the hasher keeps `kept`; `down` as long as it says so. */
function start(
  kept: Readonly<Record<string, NamedJob>>,
  options: Partial<KnownTorrentsOptions> = {},
) {
  const asked: string[] = [];
  const state = { now: 0, down: false, silent: false };
  const torrents = new KnownTorrents({
    now: () => state.now,
    find: async (infoHash): Promise<TorrentLookup> => {
      const name = new TextDecoder().decode(infoHash).replaceAll(".", "");
      asked.push(name);
      if (state.silent) await new Promise(() => {});
      if (state.down) return { kind: "unavailable" };
      const found = kept[name];
      return found === undefined ? { kind: "unknown" } : { kind: "made-here", named: found };
    },
    ...options,
  });
  const find = async (name: string | number) => {
    const found = await torrents.find(hash(name));
    return found.kind === "made-here" ? found.named.job.path : found.kind;
  };
  return { torrents, find, state, asked };
}

test("A torrent that was found is not searched for again, even while the hasher is down", async () => {
  const { find, state, asked } = start({ a: named("/a") });
  const first = await find("a");
  state.down = true;
  expect([first, await find("a"), asked]).toEqual(["/a", "/a", ["a"]]);
});

test("An unknown info hash is searched for again after a minute", async () => {
  const { find, state, asked } = start({});
  const answers = [await find("a"), await find("a")];
  state.now = MINUTE - 1;
  answers.push(await find("a"));
  const before = asked.length;
  state.now = MINUTE;
  answers.push(await find("a"));
  expect([answers, before, asked.length]).toEqual([
    ["unknown", "unknown", "unknown", "unknown"],
    1,
    2,
  ]);
});

test("A torrent that is made meanwhile is known at once", async () => {
  const { torrents, find, asked } = start({});
  const before = await find("a");
  torrents.remember(hash("a"), named("/a"));
  const finding = find("b");
  torrents.remember(hash("b"), named("/b"));
  expect([before, await find("a"), await finding, asked]).toEqual([
    "unknown",
    "/a",
    "/b",
    ["a", "b"],
  ]);
});

test("While the hasher is down a torrent is unavailable, not unknown", async () => {
  const { find, state, asked } = start({ a: named("/a") });
  state.down = true;
  const during = [await find("a"), await find("x")];
  state.down = false;
  expect([during, await find("a"), await find("x"), asked]).toEqual([
    ["unavailable", "unavailable"],
    "/a",
    "unknown",
    ["a", "x", "a", "x"],
  ]);
});

test("A hasher that doesn't answer delays few announces, and not for long", async () => {
  const { find, state, asked } = start({}, { patience: 1 });
  state.silent = true;
  const names = Array.from({ length: 100 }, (_, n) => n % 50);
  const found = await Promise.all(names.map(find));
  expect([new Set(found), asked.length]).toEqual([new Set(["unavailable"]), 32]);
});

test("Searches for one info hash at the same time are one question", async () => {
  const { find, asked } = start({ a: named("/a") });
  expect([await Promise.all([find("a"), find("a"), find("a")]), asked]).toEqual([
    ["/a", "/a", "/a"],
    ["a"],
  ]);
});

test("Memory is bounded, and the torrents asked for last stay", async () => {
  const { torrents, find, asked } = start({}, { files: 10, missed: 2 });
  for (const name of ["a", "b"]) torrents.remember(hash(name), named(name, 4));
  await find("a");
  torrents.remember(hash("c"), named("c", 4));
  torrents.remember(hash("c"), named("c", 5));
  const made = [await find("a"), await find("b"), await find("c")];
  for (const name of ["x", "y", "b"]) await find(name);
  expect([made, asked]).toEqual([
    ["a", "unknown", "c"],
    ["b", "x", "y", "b"],
  ]);
});

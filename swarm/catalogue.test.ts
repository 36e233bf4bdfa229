/** Torrents by the names that were asked for, of real files, found again after a restart. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { HasherChild } from "../digests/hasher-child.ts";
import { DigestKeeper } from "../digests/keeper.ts";
import { openRoot } from "../files/locate.ts";
import { temporaryDirectory, writeSettled } from "../test/site.ts";
import { Catalogue } from "./catalogue.ts";

setDefaultTimeout(30_000);

const HASHER = [process.execPath, join(import.meta.dir, "..", "test", "hasher.ts")];

function start(directory: string, state: string | undefined) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const hasher = new HasherChild({ command: HASHER, directory: state, log });
  const keeper = new DigestKeeper({ hasher, kept: state !== undefined, tell: log });
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  const catalogue = new Catalogue(root, keeper);
  return { catalogue, keeper, lines, [Symbol.dispose]: () => keeper[Symbol.dispose]() };
}

/** The torrent of a place, as soon as there is one. */
async function torrentAt(catalogue: Catalogue, ...segments: string[]) {
  for (;;) {
    const named = await catalogue.jobAt(segments);
    const made = "kind" in named ? named : await catalogue.makeSubject(named);
    if (made.kind === "pending") continue;
    if (made.kind !== "subject" || made.subject.torrent.kind !== "torrent") {
      throw new Error(JSON.stringify(made));
    }
    return made.subject.torrent.torrent;
  }
}

/** The name and bytes of a torrent, as a peer gets them by its info hash. */
async function given(catalogue: Catalogue, infoHash: Uint8Array): Promise<string> {
  const found = await catalogue.find(infoHash);
  if (found.kind !== "seed") return found.kind;
  const { seed } = found;
  try {
    const bytes = await seed.read(0, seed.torrent.length);
    return `${seed.torrent.name} ${Buffer.from(bytes).toString()}`;
  } catch (error) {
    return error instanceof Error ? error.constructor.name : "";
  }
}

/** A folder v1, and links to it and to its file. */
function makeTree(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "v1"));
  writeSettled(join(directory, "v1/a.iso"), "content");
  writeSettled(join(directory, "v1/b"), "more");
  symlinkSync("v1/a.iso", join(directory, "latest.iso"));
  symlinkSync("v1", join(directory, "latest"));
  symlinkSync(".", join(directory, "mirror"));
  return directory;
}

test("A link's torrent has the link's name, and is served after a restart while it leads there", async () => {
  const directory = makeTree();
  const state = temporaryDirectory();
  const hashes: Uint8Array[] = [];
  const seen: unknown[] = [];
  {
    using first = start(directory, state);
    for (const place of [["latest.iso"], ["v1", "a.iso"], ["mirror", "latest"], ["v1"]]) {
      const { infoHash, name } = await torrentAt(first.catalogue, ...place);
      hashes.push(infoHash);
      seen.push(name);
    }
    // The questions of one process are answered in order.
    await first.keeper.find(new Uint8Array(20));
  }
  using second = start(directory, state);
  for (const infoHash of hashes) seen.push(await given(second.catalogue, infoHash));
  // A link that leads elsewhere, to a file of the same size and date.
  rmSync(join(directory, "latest.iso"));
  writeSettled(join(directory, "v1/c.iso"), "CONTENT");
  symlinkSync("v1/c.iso", join(directory, "latest.iso"));
  seen.push(await given(second.catalogue, hashes[0] ?? new Uint8Array()));
  using third = start(directory, state);
  for (const infoHash of hashes) seen.push(await given(third.catalogue, infoHash));
  expect({ seen, knows: await third.catalogue.knows(hashes[0] ?? new Uint8Array()) }).toEqual({
    seen: [
      ...["latest.iso", "a.iso", "latest", "v1"],
      ...["latest.iso content", "a.iso content", "latest contentmore", "v1 contentmore"],
      "FileChanged",
      ...["unknown", "a.iso content", "unknown", "unknown"],
    ],
    knows: "unknown",
  });
});

test("Without a state directory torrents are known until the end, and the hasher isn't asked", async () => {
  const directory = makeTree();
  using started = start(directory, undefined);
  const { infoHash } = await torrentAt(started.catalogue, "latest.iso");
  expect([
    await given(started.catalogue, infoHash),
    await started.catalogue.knows(new Uint8Array(20)),
    await started.catalogue.jobAt(["nothing"]),
    started.lines,
  ]).toEqual(["latest.iso content", "unknown", { kind: "absent" }, []]);
});

test("While too many folders wait for their walk, the torrent of a folder is unavailable", async () => {
  const directory = makeTree();
  mkdirSync(join(directory, "many"));
  for (let n = 0; n < 1000; n++) writeSettled(join(directory, "many", `${n}`), "x");
  for (let n = 0; n < 120; n++) mkdirSync(join(directory, `d${n}`));
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  // What a hasher says that keeps the torrent of v1.
  const place = { key: new Uint8Array(32), segments: ["v1"] };
  const never = () => Promise.reject(new Error("This isn't asked here"));
  const hasher = {
    ...{
      wait: 0,
      bytesRead: 0,
      hash: never,
      look: never,
      name: never,
      crawl: never,
      [Symbol.dispose]() {},
    },
    find: () => Promise.resolve({ kind: "place", place } as const),
  };
  const catalogue = new Catalogue(root, new DigestKeeper({ hasher, kept: true, tell() {} }));
  const looks = ["many", ...Array.from({ length: 120 }, (_, n) => `d${n}`)].map((name) =>
    catalogue.jobAt([name]),
  );
  const during = await catalogue.knows(new Uint8Array(20));
  await Promise.all(looks);
  expect([during, await catalogue.knows(new Uint8Array(20))]).toEqual(["unavailable", "unknown"]);
});

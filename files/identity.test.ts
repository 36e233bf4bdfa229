/** Which change of a file each use of it takes for another file or version. */

import { expect, test } from "bun:test";
import { mkdirSync, openSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { represent } from "../http/representation.ts";
import { temporaryDirectory, writeSettled } from "../test/site.ts";
import { COMPARED, type Facts, type Identity, isSame } from "./identity.ts";
import { OpenFile } from "./open-file.ts";

const SEEN: Facts & Identity = {
  path: "/srv/file",
  device: 7n,
  inode: 2n ** 63n,
  size: 100,
  modified: 1_000_000_000_123_456_789n,
  changed: 1_600_000_000_123_456_789n,
  blocks: 8n,
};

const CHANGES: readonly [string, Partial<Facts & Identity>][] = [
  ["nothing", {}],
  ["replaced by another of its size and date", { inode: 1n, changed: 5n }],
  ["deleted, and its inode used for another of its size and date", { changed: 5n }],
  ["written to, and its date put back", { changed: 5n }],
  ["written to", { modified: 5n, changed: 5n }],
  ["made longer, and its date put back", { size: 101, changed: 5n }],
  ["a hole filled, and its date put back", { blocks: 16n, changed: 5n }],
  ["renamed", { path: "/srv/other", changed: 5n }],
  ["another name of it deleted", { changed: 5n }],
  ["a directory above it renamed", { path: "/other/file" }],
  ["the machine started again", { device: 8n }],
];

test("What each use takes for a change", () => {
  const uses = ["remembered", "digests", "read", "inFlight", "entityTag"] as const;
  const seen = CHANGES.map(([what, change]) => {
    const now = { ...SEEN, ...change };
    return [what, uses.filter((use) => !isSame(use, SEEN, now)).join(" ")];
  });
  expect(seen).toEqual([
    ["nothing", ""],
    ["replaced by another of its size and date", "remembered digests"],
    ["deleted, and its inode used for another of its size and date", "remembered digests"],
    ["written to, and its date put back", "remembered digests"],
    ["written to", "remembered digests read inFlight entityTag"],
    ["made longer, and its date put back", "remembered digests read inFlight entityTag"],
    ["a hole filled, and its date put back", "remembered digests inFlight"],
    ["renamed", "remembered digests"],
    ["another name of it deleted", "remembered digests"],
    ["a directory above it renamed", "digests"],
    ["the machine started again", "remembered"],
  ]);
});

test("The entity tag is made of what the table says", () => {
  const tag = (facts: Facts & Identity) => represent({ ...facts, name: "" }, 2e15).entityTag;
  const changes = {
    path: "/",
    device: 1n,
    inode: 1n,
    size: 1,
    modified: 1n,
    changed: 1n,
    blocks: 1n,
  };
  const names = Object.entries(changes)
    .filter(([name, value]) => tag({ ...SEEN, [name]: value }) !== tag(SEEN))
    .map(([name]) => name);
  expect(names).toEqual([...COMPARED.entityTag]);
});

test("A file's path is the real one, whatever links lead to it, and follows a renamed directory", () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "v1"));
  writeSettled(join(directory, "v1/file"), "x");
  symlinkSync("v1", join(directory, "latest"));
  symlinkSync(".", join(directory, "mirror"));
  const path = join(directory, "mirror/mirror/latest/file");
  using file = new OpenFile(openSync(path, "r"), path, "file");
  const before = file.identity.path;
  renameSync(join(directory, "v1"), join(directory, "v2"));
  const after = process.platform === "linux" ? [file.identity.path] : [join(directory, "v2/file")];
  expect([before, ...after]).toEqual([join(directory, "v1/file"), join(directory, "v2/file")]);
});

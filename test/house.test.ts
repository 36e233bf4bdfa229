/**
 * The rules of the house: imports point one way, range.ts and http/ decide and do
 * nothing else, and only os/, files/ and digests/ name the disk. deploy/, test/ and
 * bench/ are not part of the program.
 */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Every room, and the rooms that it may import from besides itself. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  "range.ts": [],
  http: ["range.ts"],
  os: [],
  access: ["files", "os", "http", "range.ts"],
  files: ["os", "http", "range.ts"],
  digests: ["files", "os", "http", "range.ts"],
  "swarm/bittorrent": ["digests", "http"],
  "swarm/documents": ["swarm/bittorrent", "digests", "http"],
  "swarm/tracker": ["swarm/bittorrent"],
  "swarm/seeder": ["swarm/bittorrent", "os"],
  swarm: [
    ...["swarm/bittorrent", "swarm/documents", "swarm/tracker", "swarm/seeder"],
    ...["digests", "files", "access", "os", "http", "range.ts"],
  ],
  "service/metrics": ["files", "os", "http", "range.ts", "package.json"],
  service: ["service/metrics", "files", "os", "http", "package.json"],
  request: [
    ...["live", "web", "service", "service/metrics", "swarm", "swarm/documents"],
    ...["digests", "files", "access", "http"],
  ],
  "server.ts": [
    ...["request", "live", "service", "service/metrics", "swarm"],
    ...["digests", "files", "access"],
  ],
  web: ["live", "files", "http"],
  live: ["files", "os", "http"],
};

/** The rooms whose files name the disk. */
const DISK_ROOMS = ["os", "files", "digests"];

/** The most particular room that a path is in: its own name at the top level. */
function roomOf(path: string): string {
  const [first = "", second = "", ...rest] = path.split("/");
  const inner = `${first}/${second}`;
  return rest.length > 0 && inner in ROOMS ? inner : first;
}

const IMPORTED = /\b(?:from|import|require)\s*\(?\s*["'`]([^"'`]+)/g;
const IMPURE =
  /\b(?:Date\.now|Date\(\s*\)|new Date\b(?!\()|Math\.random|(?:performance|crypto|Bun|process)\.\w+)/g;
const DISK = /\bnode:fs\b|["'`]fs\b|\bBun\.file\b/g;

/** What the source `text` at `path` has that it must not have. */
function violations(path: string, text: string): string[] {
  const room = roomOf(path);
  const rooms = [room, ...(ROOMS[room] ?? [])];
  const isPure = room === "range.ts" || room === "http";
  const imports = [...text.matchAll(IMPORTED)].map(([, name = ""]) => name);
  const outside = imports.filter((name) => {
    if (!name.startsWith(".")) return isPure;
    return !rooms.includes(roomOf(posix.join(posix.dirname(path), name)));
  });
  const impure = isPure ? [...text.matchAll(IMPURE)].map(([name]) => name) : [];
  const disk = DISK_ROOMS.includes(room) ? [] : [...text.matchAll(DISK)].map(([name]) => name);
  return [...outside, ...impure, ...disk];
}

test.each<[string, string, string, string[]]>([
  // range.ts and http/ import nothing but themselves
  ["range.ts", "http/a.ts", 'import { parseRange } from "../range.ts";', []],
  ["a neighbour", "http/a.ts", 'import type { B } from "./b.ts";', []],
  ["http/ from range.ts", "range.ts", 'import { a } from "./http/a.ts";', ["./http/a.ts"]],
  ["bun", "http/a.ts", 'import { serve } from "bun";', ["bun"]],
  ["a part of bun", "http/a.ts", 'import "bun:sqlite";', ["bun:sqlite"]],
  ["node", "http/a.ts", "import { join } from 'node:path';", ["node:path"]],
  ["node, when called", "range.ts", 'await import("node:os")', ["node:os"]],
  ["node, the old way", "range.ts", 'require("os")', ["os"]],
  ["files/", "http/a.ts", 'export * from "../files/a.ts";', ["../files/a.ts"]],
  ["server.ts", "range.ts", 'import {\n  a,\n} from "./server.ts";', ["./server.ts"]],
  [
    "another range.ts",
    "http/a.ts",
    'import { a } from "../files/range.ts";',
    ["../files/range.ts"],
  ],
  ["a folder like http/", "range.ts", 'import { a } from "./https/a.ts";', ["./https/a.ts"]],
  // Imports point one way
  ["files/ from digests/", "digests/a.ts", 'import { a } from "../files/a.ts";', []],
  ["digests/ from files/", "files/a.ts", 'import "../digests/a.ts";', ["../digests/a.ts"]],
  ["swarm/ from files/", "files/a.ts", 'import "../swarm/a.ts";', ["../swarm/a.ts"]],
  ["files/ from os/", "os/a.ts", 'import "../files/a.ts";', ["../files/a.ts"]],
  ["a room in swarm/ from swarm/", "swarm/a.ts", 'import "./tracker/b.ts";', []],
  ["swarm/ from a room in it", "swarm/seeder/a.ts", 'import "../b.ts";', ["../b.ts"]],
  ["tracker/ from seeder/", "swarm/seeder/a.ts", 'import "../tracker/b.ts";', ["../tracker/b.ts"]],
  ["bittorrent/ from seeder/", "swarm/seeder/a.ts", 'import "../bittorrent/b.ts";', []],
  [
    "service/ from swarm/",
    "swarm/a.ts",
    'import type { A } from "../service/a.ts";',
    ["../service/a.ts"],
  ],
  ["service/ from server.ts", "server.ts", 'import { a } from "./service/a.ts";', []],
  // They read no clock, draw no random number, ask no runtime
  ["a clock", "http/a.ts", "const now = Date.now();", ["Date.now"]],
  ["a date of now", "http/a.ts", "new Date()", ["Date()"]],
  ["a date of now without brackets", "http/a.ts", "const now = new Date;", ["new Date"]],
  ["a date of then", "http/a.ts", "new Date(0)", []],
  ["another clock", "range.ts", "performance.now()", ["performance.now"]],
  ["a random number", "http/a.ts", "Math.random()", ["Math.random"]],
  ["a random identifier", "http/a.ts", "crypto.randomUUID()", ["crypto.randomUUID"]],
  ["the runtime", "http/a.ts", "Bun.version", ["Bun.version"]],
  ["the process", "http/a.ts", "process.env", ["process.env"]],
  ["all of these elsewhere", "service/a.ts", "Date.now(Bun.version, process.env)", []],
  // Only os/, files/ and digests/ name the disk
  ["the disk in files/", "files/a.ts", 'import "node:fs"; Bun.file("a")', []],
  ["the disk", "server.ts", 'import { openSync } from "node:fs";', ["node:fs"]],
  ["the disk by promise", "web/a.ts", 'import "node:fs/promises";', ["node:fs"]],
  ["the disk without its scheme", "service/a.ts", 'import { statSync } from "fs";', ['"fs']],
  ["a file of the runtime", "swarm/a.ts", 'Bun.file("a")', ["Bun.file"]],
])("%s", (_why, path, text, expected) => {
  expect(violations(path, text)).toEqual(expected);
});

test("The program keeps the rules", () => {
  const root = join(import.meta.dir, "..");
  const sources = [...new Bun.Glob("**/*.ts").scanSync(root)]
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => !/^(?:node_modules|dist|deploy|test|bench)\/|\.test\.ts$/.test(path));
  expect(sources).toContain("range.ts");
  expect(sources).toContain("http/plan.ts");
  expect([...new Set(sources.map(roomOf))].sort()).toEqual(Object.keys(ROOMS).sort());
  const found = sources.flatMap((path) =>
    violations(path, readFileSync(join(root, path), "utf8")).map((what) => `${path}: ${what}`),
  );
  expect(found).toEqual([]);
});

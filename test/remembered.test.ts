/**
 * What is remembered makes answers sooner, and never makes others. Two servers of one
 * tree, one of which remembers no file, are asked the same while the tree changes: every
 * answer is the same, byte for byte.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import type { Identity } from "../files/identity.ts";
import { InFlight } from "../files/in-flight.ts";
import { openRoot } from "../files/locate.ts";
import { OpenFiles } from "../files/open-file.ts";
import { Transfers } from "../files/transfers.ts";
import type { Digests } from "../http/digest.ts";
import { serve, type Site } from "../request/serve.ts";
import { Routes } from "../service/routes.ts";
import { SwarmAnswers } from "../swarm/answers.ts";
import type { SwarmDesk } from "../swarm/origin.ts";
import { randomNumbers } from "./changing.ts";
import { offsetBytes, settle, SETTLED, temporaryDirectory } from "./site.ts";
import { Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const REQUESTS = 6_000;
/** Changes of the tree are so many times as rare as requests. */
const CHANGE = 0.03;

const KiB = 1024;
/** Bytes that are read before the answer begins. */
const AT_ONCE = 256 * KiB;
const PIECE = 64 * KiB;

/** Names of files below the root, as a path has them. One of them is in a folder, and one is its page. */
const NAMES = ["a", "b.html", "c d", "é.txt", "folder/file", "folder/index.html", "large"];

const random = randomNumbers(10);
const below = (limit: number) => Math.floor(random() * limit);
function oneOf<T>(values: readonly [T, ...T[]]): T {
  return values[below(values.length)] ?? values[0];
}

/** Counts what was recalled. */
class Counting extends OpenFiles {
  recalled = 0;

  override recall(url: string, now: number) {
    const found = super.recall(url, now);
    if (found !== undefined) this.recalled += 1;
    return found;
  }
}

/** Nobody has hashed the files whose names begin with an a. */
function digestsOf(file: Identity): Digests | undefined {
  return basename(file.path).startsWith("a") ? undefined : digest(file);
}

/** Answers at once, so that both servers know the same at any time. */
const DESK: SwarmDesk = {
  knownDigests: digestsOf,
  digestsOf,
  document: async ({ kind, segments }) => ({ kind: "refused", reason: `${kind} ${segments}` }),
  track: async () => new Uint8Array([1, 2]),
};

/** Who knows digests keeps them. */
const known = new Map<string, Digests>();

/** Digests that nobody checks, other ones for every version. */
function digest({ path, size, modified, inode }: Identity): Digests {
  const version = `${path} ${size} ${modified} ${inode}`;
  const kept = known.get(version) ?? makeDigests(version, size);
  known.set(version, kept);
  return kept;
}

function makeDigests(version: string, size: number): Digests {
  const pieces = Math.ceil(size / PIECE);
  return {
    completeLength: size,
    sha256: new Uint8Array(new Bun.CryptoHasher("sha256").update(version).digest()),
    sha1Pieces: new Uint8Array(),
    pieceLength: PIECE,
    sha256Pieces: Uint8Array.from({ length: 32 * pieces }, (_, at) => at + size),
    sha256PieceLength: PIECE,
  };
}

/** A server of `directory` that remembers as many files as `openFiles` has room for. */
function open(directory: string, openFiles: OpenFiles, log: (line: string) => void) {
  const root = { ...openRoot(directory, { symlinks: "inside", dotfiles: false }), openFiles };
  const swarm = new SwarmAnswers({
    ...{ desk: DESK, root, url: undefined, negotiate: true },
    mirrors: ["http://mirror.example/"],
  });
  const transfers = new Transfers();
  const lastCalls = { called: false, draining: false };
  const site: Site = {
    ...{ root, prefix: "/data/", swarm, log, lastCalls, transfers, routes: new Routes() },
    ...{ trusted: [], cors: undefined, mostAnswers: undefined },
    pages: { root, prefix: "/data/", url: undefined, documentsOf: () => [] },
    inFlight: new InFlight(() => server.port ?? 0, log, transfers),
  };
  const server = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1", development: false },
    fetch: (request, listener) => serve(site, request, listener),
  });
  return server;
}

/** A tree that changes, always in a way that its dates or its inodes show. */
class Tree {
  #seconds = SETTLED;

  constructor(readonly directory: string) {
    mkdirSync(join(directory, "folder"));
    for (const name of NAMES) this.#write(this.#path(name));
  }

  #path(name: string): string {
    return join(this.directory, name);
  }

  #write(path: string): void {
    const size = oneOf([0, 1, below(5 * KiB), PIECE, AT_ONCE, AT_ONCE + 1, below(900 * KiB)]);
    writeFileSync(path, offsetBytes(size + 16, String(below(10))).subarray(0, size));
    this.#date(path);
  }

  /** A new date: of long ago, or of a future that never settles. */
  #date(path: string): void {
    this.#seconds += 1;
    settle(path, random() < 0.1 ? this.#seconds + 3_000_000_000 : this.#seconds);
  }

  change(): void {
    const path = this.#path(oneOf(["a", "b.html", "c d", "folder/file", "folder/index.html"]));
    const other = this.#path(oneOf(["é.txt", "large"]));
    rmSync(this.#path("spare"), { force: true });
    rmSync(path, { force: true, recursive: true });
    switch (below(9)) {
      case 0:
        return;
      case 1:
        return mkdirSync(path);
      case 2:
        return renameSync(this.#made(other), path);
      case 3:
        return linkSync(this.#made(other), path);
      case 4:
        return symlinkSync(this.#made(other), path);
      case 5:
        // Out of the root.
        return symlinkSync("/etc/passwd", path);
      case 6:
        truncateSync(this.#made(other), below(100));
        return this.#date(other);
      case 7:
        appendFileSync(this.#made(other), "more");
        return this.#date(other);
      default:
        this.#write(this.#path("spare"));
        return renameSync(this.#path("spare"), path);
    }
  }

  /** A path where a file is, from now on. */
  #made(path: string): string {
    rmSync(path, { force: true, recursive: true });
    this.#write(path);
    return path;
  }
}

const TARGETS = [
  ...["/data/a", "/data/b.html", "/data/c%20d", "/data/%C3%A9.txt", "/data/large"],
  ...["/data/folder/file", "/data/folder/", "/data/folder", "/data/folder/index.html"],
  ...["/data//a", "/data/./a", "/data/a/", "/data/none", "/data/a%2fb", "/data", "/data/", "/"],
  ...["/data/a.meta4", "/data/.hidden", "/-/scrape"],
] as const;

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly fields: Record<string, string>;
}

function ask(tags: readonly string[]): Asked {
  const target = oneOf(random() < 0.8 ? (TARGETS.slice(0, 7) as [string]) : TARGETS);
  const query = random() < 0.8 ? "" : oneOf(["?download", "?download=1", "?x", "?x&download", "?"]);
  const method = random() < 0.85 ? "GET" : oneOf(["HEAD", "OPTIONS", "PUT", "DELETE"]);
  const fields: Record<string, string> = {};
  if (random() < 0.05)
    fields["Host"] = oneOf(["other:80", "TEST", "a b", "a, b", "", "[::1]", "é"]);
  if (random() < 0.8) fields["Range"] = range();
  if (random() < 0.3) fields[oneOf(CONDITIONS)] = condition(tags);
  if (random() < 0.1) fields[oneOf(CONDITIONS)] = condition(tags);
  if (random() < 0.1) fields[oneOf(WANTED)] = oneOf(["sha-256=5", "sha-256=0", "md5=1", "SHA-256"]);
  if (random() < 0.1) fields["Accept"] = oneOf(["*/*", "application/metalink4+xml", "text/html"]);
  if (random() < 0.2) fields["User-Agent"] = "test";
  return { method, target: target + query, fields };
}

const CONDITIONS = [
  ...(["If-Match", "If-None-Match", "If-Modified-Since"] as const),
  ...(["If-Unmodified-Since", "If-Range"] as const),
] as const;
const WANTED = ["Want-Repr-Digest", "Want-Content-Digest", "Want-Digest"] as const;

function condition(tags: readonly string[]): string {
  const tag = tags.at(-1 - below(4)) ?? '"none"';
  const date = new Date((SETTLED + below(50)) * 1000).toUTCString();
  return oneOf([tag, tag, `W/${tag}`, `"x", ${tag}`, '"x"', "*", date, date, "never", ""]);
}

/** One range or several, of all sizes, and what is none. */
function range(): string {
  const size = oneOf([1, 16, KiB, 16 * KiB, PIECE, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 500 * KiB]);
  const first = random() < 0.5 ? size * below(8) : below(900 * KiB);
  const window = `${first}-${first + size - 1}`;
  if (random() < 0.75) return `bytes=${window}`;
  return oneOf([
    ...([`bytes=${first}-`, `bytes=-${size}`, "bytes=0-0", "bytes=-0", "bytes=0-"] as const),
    ...([`bytes=0-9,${window}`, `bytes=0-9, 5-20,30-`, "bytes=0-1,2-3"] as const),
    ...([`bytes= ${window} ,`, `Bytes=${window}`, `items=${window}`, "bytes=5-4"] as const),
    ...([
      "bytes=a-b",
      "bytes=",
      "",
      window,
      `bytes=${window}-`,
      "bytes=0-99999999999999999",
    ] as const),
  ]);
}

/** What came back, without what differs from one request to the next. */
async function answer(wire: Wire, { method, target, fields }: Asked) {
  wire.request(method, target, fields);
  const { status, fields: all, body, complete } = await wire.response(method);
  const { date: _, ...others }: Record<string, string> = all;
  const [, boundary] = /boundary=(.*)/.exec(others["content-type"] ?? "") ?? [];
  if (boundary === undefined) return { status, fields: others, body, complete };
  others["content-type"] = "multipart/byteranges";
  const parts = Buffer.from(body.toString("latin1").replaceAll(boundary, "X"), "latin1");
  return { status, fields: others, body: parts, complete };
}

test("An answer from what is remembered is the answer of a server that remembers nothing", async () => {
  const directory = temporaryDirectory();
  const tree = new Tree(directory);
  const lines: string[] = [];
  const remembered = new Counting();
  using remembering = open(directory, remembered, (line) => void lines.push(line));
  using forgetful = open(directory, new OpenFiles(0), (line) => void lines.push(line));
  using one = await Wire.connect(remembering.port ?? 0);
  using other = await Wire.connect(forgetful.port ?? 0);
  const statuses = new Map<number, number>();
  const tags: string[] = [];
  for (let n = 0; n < REQUESTS; n++) {
    if (random() < CHANGE) tree.change();
    const asked = ask(tags);
    const [given, due] = [await answer(one, asked), await answer(other, asked)];
    const isSame = given.body.equals(due.body);
    expect({ asked, ...given, body: isSame }).toEqual({ asked, ...due, body: true });
    statuses.set(given.status, (statuses.get(given.status) ?? 0) + 1);
    const { etag } = given.fields;
    if (etag !== undefined && etag !== tags.at(-1)) tags.push(etag);
  }
  const rare = [...statuses].filter(([, count]) => count < 10);
  expect({ rare, statuses: [...statuses.keys()].sort(), lines }).toEqual({
    rare: [],
    statuses: [200, 204, 206, 304, 307, 308, 400, 404, 405, 412, 416],
    lines: [],
  });
  expect(remembered.recalled).toBeGreaterThan(REQUESTS / 4);
});

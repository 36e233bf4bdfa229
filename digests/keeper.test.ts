/** The keeper with a real hasher's process. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, openSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Identity } from "../files/identity.ts";
import { OpenFile } from "../files/open-file.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "../test/site.ts";
import { isRunning, WatchedHasher } from "../test/watched-hasher.ts";
import type { HasherOptions } from "./hasher-child.ts";
import { fileJob, type Job, keyOf } from "./job.ts";
import { DigestKeeper, type KeeperOptions } from "./keeper.ts";

setDefaultTimeout(30_000);

function startKeeper(options: Partial<KeeperOptions & HasherOptions> = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const hasher = new WatchedHasher({ directory: undefined, log, ...options });
  const kept = options.directory !== undefined;
  const keeper = new DigestKeeper({ hasher, kept, tell: log, ...options });
  return { keeper, hasher, lines, [Symbol.dispose]: () => keeper[Symbol.dispose]() };
}

function open(path: string): OpenFile {
  const descriptor = openSync(path, "r");
  return new OpenFile(descriptor, path, "name");
}

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString("hex");
}

function folderJob(path: string, files: readonly Identity[], pieceLength: number): Job {
  return { kind: "folder", path, files, pieceLength };
}

/** A sparse file that takes longer to hash than a test runs. */
function writeSparse(path: string, length = 2 ** 39): OpenFile {
  writeFileSync(path, "");
  truncateSync(path, length);
  settle(path);
  return open(path);
}

/** Asks until there is an answer. */
async function wait<T extends { kind: string }>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const obtained = await ask();
    if (obtained.kind !== "pending") return obtained;
    await new Promise(setImmediate);
  }
}

test("A file's digests are obtained, then known, and found again by its info hash", async () => {
  const path = join(temporaryDirectory(), "file");
  const directory = temporaryDirectory();
  const bytes = offsetBytes(200_000);
  writeSettled(path, bytes);
  using file = open(path);
  using first = startKeeper({ directory });
  const before = first.keeper.known(file.identity);
  const obtained = await wait(() => first.keeper.obtain(fileJob(file.identity)));
  const known = first.keeper.known(file.identity);
  if (known === undefined) throw new Error("Nothing is known");
  using second = startKeeper({ directory });
  const infoHash = new Uint8Array(20).fill(1);
  const place = { key: keyOf(fileJob(file.identity)), segments: ["file"] };
  first.keeper.name(infoHash, place);
  // The questions of one process are answered in order.
  await first.keeper.find(infoHash);
  expect({
    before,
    obtained,
    known: hex(known.sha256),
    pieces: [known.pieceLength, known.sha1Pieces.length, known.sha256Pieces.length],
    place: await second.keeper.find(infoHash),
    nobody: await second.keeper.find(new Uint8Array(20)),
    lines: [...first.lines, ...second.lines],
  }).toEqual({
    before: undefined,
    obtained: { kind: "known", digests: known },
    known: sha256(bytes),
    pieces: [65536, 80, 32],
    place: { kind: "place", place },
    nobody: { kind: "none" },
    lines: [],
  });
});

test("A folder's pieces are obtained", async () => {
  const path = temporaryDirectory();
  writeSettled(join(path, "a"), offsetBytes(70_000));
  writeSettled(join(path, "b"), offsetBytes(70_000, "b"));
  using a = open(join(path, "a"));
  using b = open(join(path, "b"));
  using started = startKeeper({ memory: 0 });
  const obtained = await wait(() =>
    started.keeper.obtain(folderJob(path, [a.identity, b.identity], 131072)),
  );
  const all = Buffer.concat([offsetBytes(70_000), offsetBytes(70_000, "b")]);
  const sha1 = (piece: Uint8Array) => new Bun.CryptoHasher("sha1").update(piece).digest("hex");
  expect(obtained.kind === "known" ? hex(obtained.digests.sha1Pieces) : obtained).toEqual(
    sha1(all.subarray(0, 131072)) + sha1(all.subarray(131072)),
  );
});

test.each<[string, (path: string) => void]>([
  ["written to in place", (path) => writeSettled(path, "NEW")],
  ["grown", (path) => appendFileSync(path, "more")],
  ["touched", (path) => settle(path, 1_000_000_001)],
  [
    "replaced by one of the same size and date",
    (path) => {
      writeSettled(`${path}.new`, "NEW");
      renameSync(`${path}.new`, path);
    },
  ],
])("Nothing is known of a file that was %s", async (what, change) => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  if (what.startsWith("written")) settle(path, 999_999_999);
  using file = open(path);
  const old = file.identity;
  using started = startKeeper();
  await wait(() => started.keeper.obtain(fileJob(old)));
  change(path);
  using changed = open(path);
  expect({
    changed: started.keeper.known(changed.identity),
    old: hex(started.keeper.known(old)?.sha256),
  }).toEqual({ changed: undefined, old: sha256(Buffer.from("OLD")) });
});

test("A file that changed after it was opened has no digests, and the new version has", async () => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  settle(path, 999_999_999);
  using old = open(path);
  writeSettled(path, "NEW");
  using changed = open(path);
  using started = startKeeper();
  let obtained = await started.keeper.obtain(fileJob(old.identity));
  // Retry-After is 1 until the hasher, which is being started, has looked.
  while (obtained.kind === "pending" && obtained.retryAfter === 1) {
    obtained = await started.keeper.obtain(fileJob(old.identity));
  }
  const after = await wait(() => started.keeper.obtain(fileJob(changed.identity)));
  expect([
    obtained,
    started.keeper.known(old.identity),
    after.kind,
    hex(started.keeper.known(changed.identity)?.sha256),
  ]).toEqual([
    { kind: "pending", percent: 0, retryAfter: 2 },
    undefined,
    "known",
    sha256(Buffer.from("NEW")),
  ]);
});

test("begin hashes settled files in the background; a date in the future never settles", async () => {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "file"), "OLD");
  writeFileSync(join(directory, "fresh"), "NEW");
  settle(join(directory, "fresh"), 10_000_000_000);
  using file = open(join(directory, "file"));
  using fresh = open(join(directory, "fresh"));
  using started = startKeeper();
  started.keeper.begin(fresh.identity);
  const unasked = started.hasher.pid;
  started.keeper.begin(file.identity);
  while (started.keeper.known(file.identity) === undefined) await new Promise(setImmediate);
  expect({
    unasked,
    known: hex(started.keeper.known(file.identity)?.sha256),
    fresh: await started.keeper.obtain(fileJob(fresh.identity)),
    folder: await started.keeper.obtain(
      folderJob(directory, [file.identity, fresh.identity], 65536),
    ),
  }).toEqual({
    unasked: undefined,
    known: sha256(Buffer.from("OLD")),
    fresh: { kind: "pending", percent: 0, retryAfter: 2 },
    folder: { kind: "pending", percent: 0, retryAfter: 2 },
  });
});

test("Files too large, and folders of too many, have none and are not read", async () => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  using file = open(path);
  const large: Identity = { ...file.identity, size: 1024 ** 4 + 1 };
  using started = startKeeper();
  started.keeper.begin(large);
  expect([
    await started.keeper.obtain(fileJob(large)),
    await started.keeper.obtain(
      folderJob(
        "/",
        Array.from({ length: 10_001 }, () => file.identity),
        65536,
      ),
    ),
    started.hasher.pid,
  ]).toEqual([{ kind: "too-large" }, { kind: "too-large" }, undefined]);
});

test("A failure of the disk is reported, and the file isn't tried again at once", async () => {
  const path = `${temporaryDirectory()}/${"x".repeat(300)}`;
  const file = { path, inode: 1n, size: 5, modified: 1n, changed: 1n };
  using started = startKeeper();
  const first = await wait(() => started.keeper.obtain(fileJob(file)));
  started.keeper.begin(file);
  expect([first, await started.keeper.obtain(fileJob(file)), started.keeper.known(file)]).toEqual([
    expect.objectContaining({ kind: "unreadable", code: "ENAMETOOLONG" }),
    expect.objectContaining({ kind: "unreadable", code: "ENAMETOOLONG" }),
    undefined,
  ]);
});

test("A log that is written every four seconds is read twice, and then when it is left alone", async () => {
  const read: number[] = [];
  let seconds = 1e9;
  using keeper = new DigestKeeper({
    hasher: {
      wait: 0,
      bytesRead: 0,
      hash() {
        read.push(seconds - 1e9);
        return Promise.resolve({ kind: "changed" });
      },
      find: () => Promise.resolve({ kind: "none" }),
      look: () => Promise.resolve(undefined),
      name: () => Promise.resolve(),
      crawl: () => Promise.resolve(undefined),
      [Symbol.dispose]() {},
    },
    kept: false,
    tell() {},
    now: () => seconds * 1000,
  });
  /** Asks every second for the log's version of that second. */
  async function ask(written: (second: number) => number, until: number): Promise<number[]> {
    const said = new Set<number>();
    for (; seconds < 1e9 + until; seconds++) {
      const modified = BigInt(written(seconds)) * 1_000_000_000n;
      const file = { path: "/log", inode: 1n, size: seconds, modified, changed: modified };
      const obtained = await keeper.obtain(fileJob(file));
      if (obtained.kind === "pending") said.add(obtained.retryAfter);
    }
    return [...said].sort();
  }
  const written = await ask((second) => second - (second % 4), 300);
  const during = read.splice(0);
  await ask(() => 1e9 + 296, 302);
  expect({ during, written, after: read }).toEqual({
    during: [3, 7],
    // Until it has settled, and then until it has stayed unchanged for 4 s.
    written: [1, 2, 4],
    after: [300],
  });
});

test("While a long file is pending, with its percent, others are answered", async () => {
  const directory = temporaryDirectory();
  using long = writeSparse(join(directory, "long"));
  writeSettled(join(directory, "short"), "SHORT");
  using short = open(join(directory, "short"));
  using started = startKeeper();
  started.keeper.begin(long.identity);
  while (!started.hasher.begun.has(long.path)) await new Promise(setImmediate);
  const obtained = await wait(() => started.keeper.obtain(fileJob(short.identity)));
  expect([obtained.kind, await started.keeper.obtain(fileJob(long.identity))]).toEqual([
    "known",
    { kind: "pending", percent: 0, retryAfter: 60 },
  ]);
});

test("A hasher that dies is a log line; its questions are pending or lost, and another is started", async () => {
  const directory = temporaryDirectory();
  using long = writeSparse(join(directory, "long"));
  writeSettled(join(directory, "short"), "SHORT");
  using short = open(join(directory, "short"));
  using started = startKeeper({ delay: 50, directory: temporaryDirectory() });
  const { keeper, hasher, lines } = started;
  keeper.begin(long.identity);
  while (!hasher.begun.has(long.path)) await new Promise(setImmediate);
  const waiting = keeper.obtain(fileJob(long.identity));
  const finding = keeper.find(new Uint8Array(20));
  const pid = hasher.pid ?? 0;
  process.kill(pid, "SIGKILL");
  const lost = [await waiting, await finding];
  while (lines.length === 0) await new Promise(setImmediate);
  const during = (await keeper.obtain(fileJob(short.identity))).kind;
  const after = await wait(() => keeper.obtain(fileJob(short.identity)));
  expect({ lost, during, after: after.kind, another: hasher.pid !== pid, lines }).toEqual({
    lost: [{ kind: "pending", percent: 0, retryAfter: 2 }, { kind: "lost" }],
    during: "pending",
    after: "known",
    another: true,
    lines: [`hasher ${pid} ended with SIGKILL; starting none for 0.05 s`],
  });
});

test("A hasher that can't be started is a log line, and all files are pending", async () => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  using file = open(path);
  using started = startKeeper({ command: ["/nonexistent"] });
  started.keeper.begin(file.identity);
  expect([await started.keeper.obtain(fileJob(file.identity)), started.lines]).toEqual([
    { kind: "pending", percent: 0, retryAfter: 1 },
    [expect.stringMatching(/^cannot start a hasher \(.*\); starting none for 1 s$/)],
  ]);
});

test("At the backlog no file is begun in the background; one that a client waits for is", async () => {
  const directory = temporaryDirectory();
  using long = writeSparse(join(directory, "long"));
  const files = Array.from({ length: 6 }, (_, n) => {
    writeSettled(join(directory, `${n}`), `${n}`);
    return open(join(directory, `${n}`));
  });
  using started = startKeeper({ backlog: 3 });
  const { keeper, hasher } = started;
  keeper.begin(long.identity);
  for (const file of files) keeper.begin(file.identity);
  keeper.begin(long.identity);
  // An urgent job goes before those in the background.
  const last = files.at(-1);
  const obtained = last && (await wait(() => keeper.obtain(fileJob(last.identity))));
  expect({ obtained: obtained?.kind, asked: hasher.asked }).toEqual({
    obtained: "known",
    asked: [
      ...[`${long.path} background`, `${files[0]?.path} background`],
      ...[`${files[1]?.path} background`, `${last?.path} urgent`],
    ],
  });
  for (const file of files) file.release();
});

test("An idle hasher is ended, and another started when there is something to do", async () => {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "OLD");
  using file = open(path);
  using started = startKeeper({ idle: 0 });
  const { keeper, hasher, lines } = started;
  await wait(() => keeper.obtain(fileJob(file.identity)));
  const { pid = 0 } = hasher;
  while (isRunning(pid)) await new Promise(setImmediate);
  expect([await keeper.find(new Uint8Array(20)), lines]).toEqual([{ kind: "none" }, []]);
});

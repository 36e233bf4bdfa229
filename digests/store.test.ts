import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type FileFacts } from "../files/identity.ts";
import { run, testWith } from "../test/clients.ts";
import { temporaryDirectory } from "../test/site.ts";
import { type Digested, fileJob, type Job } from "./job.ts";
/** What is kept, for how long, and what becomes of a database that isn't right. */
import { sha256PieceLengthFor } from "./piece-length.ts";
import { DigestStore, type StoreOptions } from "./store.ts";

const FACTS: FileFacts = {
  path: "/srv/file",
  device: 7n,
  inode: 2n ** 63n + 1n,
  size: 100_000,
  modified: 1_000_000_000_123_456_789n,
};
const JOB = fileJob(FACTS);

/** Digests that are `n` in every byte. */
function digested(job: Job, n: number): Digested {
  const { pieceLength, files } = job;
  const completeLength = files.reduce((length, { size }) => length + size, 0);
  const count = Math.ceil(completeLength / pieceLength);
  const sha1Pieces = new Uint8Array(count * 20).fill(n);
  if (job.kind === "folder") return { kind: "folder", sha1Pieces };
  const sha256 = new Uint8Array(32).fill(n);
  const sha256PieceLength = sha256PieceLengthFor(completeLength);
  const sha256Pieces = new Uint8Array(Math.ceil(completeLength / sha256PieceLength) * 32).fill(n);
  const pieces = { sha1Pieces, pieceLength, sha256Pieces, sha256PieceLength };
  return { kind: "file", digests: { completeLength, sha256, ...pieces } };
}

/** An info hash that follows from the pieces; none when they begin with 0. */
function infoHashOf(_: Job, sha1Pieces: Uint8Array): Uint8Array | undefined {
  return sha1Pieces[0] === 0 ? undefined : new Uint8Array(20).fill(sha1Pieces[0] ?? 255);
}

function openStore(directory: string | undefined, options: Partial<StoreOptions> = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  return { store: new DigestStore({ directory, infoHashOf, log, ...options }), lines };
}

test.each<[string, boolean, boolean]>([
  ["on disk", true, false],
  ["on disk, by another process", true, true],
  ["in memory", false, false],
])("What is kept %s is found by its very version", (_, onDisk, again) => {
  const directory = onDisk ? join(temporaryDirectory(), "new", "state") : undefined;
  const first = openStore(directory);
  const folder: Job = { kind: "folder", path: "/srv", files: [FACTS, FACTS], pieceLength: 65536 };
  const kept = [
    first.store.keep(JOB, digested(JOB, 1)),
    first.store.keep(folder, digested(folder, 2)),
  ];
  using store = again ? openStore(directory).store : first.store;
  const other = (change: Partial<FileFacts>) => store.find(fileJob({ ...FACTS, ...change }));
  expect({
    kept,
    found: store.find(JOB),
    folder: store.find(folder),
    path: other({ path: "/srv/other" }),
    size: other({ size: 100_001 }),
    modified: other({ modified: FACTS.modified + 1n }),
    inode: other({ inode: 1n }),
    device: other({ device: 8n }),
    pieceLength: store.find({ ...JOB, pieceLength: 131072 }),
    part: store.find({ ...folder, files: [FACTS] }),
    lines: first.lines,
  }).toEqual({
    kept: [onDisk, onDisk],
    found: digested(JOB, 1),
    folder: digested(folder, 2),
    path: undefined,
    size: undefined,
    modified: undefined,
    inode: undefined,
    device: digested(JOB, 1),
    pieceLength: undefined,
    part: undefined,
    lines: [],
  });
});

test("An info hash leads to its job, until another version of the path is kept", () => {
  const directory = temporaryDirectory();
  using store = openStore(directory).store;
  const newer = fileJob({ ...FACTS, modified: 5n });
  store.keep(JOB, digested(JOB, 1));
  const before = store.findInfoHash(new Uint8Array(20).fill(1));
  store.keep(newer, digested(newer, 2));
  expect({
    before,
    after: store.findInfoHash(new Uint8Array(20).fill(1)),
    newer: store.findInfoHash(new Uint8Array(20).fill(2)),
    older: store.find(JOB),
    none: store.findInfoHash(new Uint8Array(20)),
  }).toEqual({
    before: JOB,
    after: undefined,
    newer,
    older: undefined,
    none: undefined,
  });
});

test("No info hash is kept of what no torrent is made of", () => {
  using store = openStore(temporaryDirectory()).store;
  const empty = fileJob({ ...FACTS, size: 1 });
  store.keep(empty, digested(empty, 0));
  expect([store.find(empty), store.findInfoHash(new Uint8Array(20))]).toEqual([
    digested(empty, 0),
    undefined,
  ]);
});

test.each([["on disk"], ["in memory"]])(
  "Beyond the bound %s the rows used least recently go first",
  (where) => {
    const hour = 3_600_000;
    let now = 0;
    const directory = where === "on disk" ? temporaryDirectory() : undefined;
    // In memory the bound is the constant; these rows are large enough for it to matter.
    const size = directory === undefined ? 3 * 2 ** 39 : 2 ** 24;
    using store = openStore(directory, { limit: 128 * 1024, now: () => (now += hour) }).store;
    const jobs = Array.from({ length: 30 }, (_, n) => fileJob({ ...FACTS, path: `/${n}`, size }));
    const [first = JOB, ...rest] = jobs;
    store.keep(first, digested(first, 1));
    for (const job of rest) {
      store.keep(job, digested(job, 1));
      store.find(first);
    }
    const left = jobs.map((job) => store.find(job) !== undefined);
    const path = directory === undefined ? undefined : join(directory, "digests.sqlite");
    const length = path === undefined ? 0 : readFileSync(path).length;
    expect({
      first: left[0],
      lastGone: left.lastIndexOf(false) < 29 && left.lastIndexOf(false) > 5,
      inOrder: left.slice(1).toSorted().join() === left.slice(1).join(),
      small: length < 200 * 1024,
    }).toEqual({ first: true, lastGone: true, inOrder: true, small: true });
  },
);

/** The names in a state directory, stamps aside. */
function names(directory: string): string[] {
  const stamped = readdirSync(directory).filter((name) => !/-(?:wal|shm)$/.test(name));
  return stamped.map((name) => name.replace(/\d{8}T\d{9}Z/, "STAMP")).sort();
}

const ASIDE = ["digests.sqlite", "digests.sqlite.damaged-STAMP"];

test.each<[string, (path: string) => void, string]>([
  [
    "no database",
    (path) => writeFileSync(path, "no database".repeat(999)),
    "file is not a database",
  ],
  [
    "of another program",
    (path) => {
      using other = new Database(path);
      other.run("CREATE TABLE precious (thing)");
    },
    "made by another program, or another version of this one",
  ],
  [
    "of another version",
    (path) => {
      openStore(join(path, "..")).store[Symbol.dispose]();
      using later = new Database(path);
      later.run("PRAGMA user_version = 99");
    },
    "made by another program, or another version of this one",
  ],
])("A file that is %s is set aside with a line, and kept", (_, make, reason) => {
  const directory = temporaryDirectory();
  const path = join(directory, "digests.sqlite");
  make(path);
  const before = readFileSync(path);
  const { store, lines } = openStore(directory);
  const kept = store.keep(JOB, digested(JOB, 1));
  store[Symbol.dispose]();
  using again = openStore(directory).store;
  const aside = readdirSync(directory).find((name) => /damaged-[^-]*$/.test(name)) ?? "";
  expect({
    kept,
    names: names(directory),
    same: readFileSync(join(directory, aside)).equals(before),
    lines,
    found: again.find(JOB),
  }).toEqual({
    kept: true,
    names: ASIDE,
    same: true,
    lines: [`${path} is damaged (${reason}); it is now ${join(directory, aside)}`],
    found: digested(JOB, 1),
  });
});

test("An empty file, as a crash leaves one, becomes a database", () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "digests.sqlite"), "");
  const { store, lines } = openStore(directory);
  using opened = store;
  expect([opened.keep(JOB, digested(JOB, 1)), lines]).toEqual([true, []]);
});

/** Changes bytes of the database, as a disk does, where `find` first stands after the first page. */
function overwrite(path: string, find: Uint8Array): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(find, 4096);
  if (at === -1) throw new Error("Nothing to overwrite");
  bytes.fill(0x99, at, at + find.length);
  writeFileSync(path, bytes);
}

test.each<[string, (path: string) => void]>([
  ["a digest", (path) => overwrite(path, new Uint8Array(20).fill(1))],
  ["the job", (path) => overwrite(path, Buffer.from('"pieceLength":65536'))],
  [
    "every page but the first",
    (path) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0x99, 4096));
    },
  ],
])("Damage that is found later on, of %s, gives no digest and a new database", (_, damage) => {
  const directory = temporaryDirectory();
  const path = join(directory, "digests.sqlite");
  const first = openStore(directory);
  first.store.keep(JOB, digested(JOB, 1));
  first.store[Symbol.dispose]();
  damage(path);
  const { store, lines } = openStore(directory);
  using opened = store;
  const found = opened.find(JOB);
  const kept = opened.keep(JOB, digested(JOB, 2));
  expect({
    found,
    kept,
    again: opened.find(JOB),
    names: names(directory),
    lines: lines.length,
  }).toEqual({ found: undefined, kept: true, again: digested(JOB, 2), names: ASIDE, lines: 1 });
});

test("A database that is damaged again and again is given up, not piled up", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "digests.sqlite");
  const { store, lines } = openStore(directory);
  using opened = store;
  const found = [1, 2, 3, 4, 5].map((n) => {
    opened.keep(JOB, digested(JOB, n));
    using other = new Database(path);
    other.run("UPDATE digest SET seal = x'00'");
    return opened.find(JOB)?.kind;
  });
  expect({ found, aside: names(directory).length, lines: lines.length }).toEqual({
    found: [undefined, undefined, undefined, undefined, "file"],
    aside: 4,
    lines: 4,
  });
});

test.each<[string, (directory: string) => void, RegExp]>([
  [
    "below a file",
    (directory) => writeFileSync(join(directory, "state"), ""),
    /^cannot keep digests in .*digests\.sqlite \((?:EEXIST|ENOTDIR)\); keeping them in memory$/,
  ],
  [
    "where a directory has its name",
    (directory) => mkdirSync(join(directory, "state", "digests.sqlite"), { recursive: true }),
    /^cannot keep digests in .*digests\.sqlite \(SQLITE_CANTOPEN\); keeping them in memory$/,
  ],
])(
  "A state directory that can't be used, %s, is a line; all goes on in memory",
  (_, make, line) => {
    const directory = temporaryDirectory();
    make(directory);
    const { store, lines } = openStore(join(directory, "state"));
    using opened = store;
    const kept = opened.keep(JOB, digested(JOB, 1));
    const found = [opened.find(JOB), opened.findInfoHash(new Uint8Array(20).fill(1))];
    expect({ kept, found, lines: lines.map((text) => line.test(text)) }).toEqual({
      kept: false,
      found: [digested(JOB, 1), JOB],
      lines: [true],
    });
  },
);

test("A database that takes no more still gives what it has; the rest stays in memory", () => {
  const directory = temporaryDirectory();
  const { store, lines } = openStore(directory);
  using opened = store;
  opened.keep(JOB, digested(JOB, 1));
  const other = new Database(join(directory, "digests.sqlite"));
  other.run("CREATE TRIGGER full BEFORE INSERT ON digest BEGIN SELECT RAISE(ABORT, 'full'); END");
  const second = fileJob({ ...FACTS, path: "/second" });
  const third = fileJob({ ...FACTS, path: "/third" });
  const kept = [opened.keep(second, digested(second, 2)), opened.keep(third, digested(third, 3))];
  const found = [opened.find(JOB), opened.find(second), opened.find(third)];
  other.run("DROP TRIGGER full");
  other.close();
  const path = join(directory, "digests.sqlite");
  expect({ kept, found, later: opened.keep(third, digested(third, 3)), lines }).toEqual({
    kept: [false, false],
    found: [digested(JOB, 1), digested(second, 2), digested(third, 3)],
    later: true,
    lines: [`cannot keep digests in ${path} (SQLITE_CONSTRAINT_TRIGGER); keeping them in memory`],
  });
});

const FULL = `
  mount -t tmpfs -o size=96k none "$1" && cd "$1" && exec "$2" "$3" "$1"
`;

const isRoot = process.getuid?.() === 0;
(isRoot ? testWith("unshare", "mount") : test.skip)(
  "A full disk is a line, and all goes on in memory",
  async () => {
    const directory = temporaryDirectory();
    const script = join(import.meta.dir, "..", "test", "full-disk.ts");
    const { exitCode, stdout, stderr } = await run([
      "unshare",
      "-m",
      "sh",
      "-c",
      FULL,
      "sh",
      directory,
      process.execPath,
      script,
    ]);
    const { kept, found, lines } = JSON.parse(stdout || stderr);
    expect({ exitCode, all: found, some: kept > 0 && kept < 40, lines }).toEqual({
      exitCode: 0,
      all: 40,
      some: true,
      lines: [
        `cannot keep digests in ${directory}/digests.sqlite (SQLITE_FULL); keeping them in memory`,
      ],
    });
  },
);

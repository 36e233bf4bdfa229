/** What the store finds, what it removes when it is full, and damaged databases. */

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Identity } from "../files/identity.ts";
import { run, testWith } from "../test/clients.ts";
import { temporaryDirectory } from "../test/site.ts";
import { type Digested, fileJob, type Job, keyOf } from "./job.ts";
import { sha256PieceLengthFor } from "./piece-length.ts";
import { DigestStore, type StoreOptions } from "./store.ts";

const FACTS: Identity = {
  path: "/srv/file",
  inode: 2n ** 63n + 1n,
  size: 100_000,
  modified: 1_000_000_000_123_456_789n,
  changed: 1_600_000_000_123_456_789n,
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

function openStore(directory: string | undefined, options: Partial<StoreOptions> = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  return { store: new DigestStore({ directory, log, ...options }), lines };
}

test.each([[false], [true]])("What is kept is found by its very version; reopened: %s", (again) => {
  const directory = join(temporaryDirectory(), "new", "state");
  const first = openStore(directory);
  const folder: Job = { kind: "folder", path: "/srv", files: [FACTS, FACTS], pieceLength: 65536 };
  const kept = [
    first.store.keep(JOB, digested(JOB, 1)),
    first.store.keep(folder, digested(folder, 2)),
  ];
  using store = again ? openStore(directory).store : first.store;
  const other = (change: Partial<Identity>) => store.find(fileJob({ ...FACTS, ...change }));
  expect({
    kept,
    found: store.find(JOB),
    folder: store.find(folder),
    path: other({ path: "/srv/other" }),
    size: other({ size: 100_001 }),
    modified: other({ modified: FACTS.modified + 1n }),
    changed: other({ changed: FACTS.changed + 1n }),
    inode: other({ inode: 1n }),
    pieceLength: store.find({ ...JOB, pieceLength: 131072 }),
    part: store.find({ ...folder, files: [FACTS] }),
    lines: first.lines,
  }).toEqual({
    kept: [true, true],
    found: digested(JOB, 1),
    folder: digested(folder, 2),
    path: undefined,
    size: undefined,
    modified: undefined,
    changed: undefined,
    inode: undefined,
    pieceLength: undefined,
    part: undefined,
    lines: [],
  });
});

test("Without a directory nothing is kept", () => {
  const { store, lines } = openStore(undefined);
  expect([store.keep(JOB, digested(JOB, 1)), store.find(JOB), lines]).toEqual([
    false,
    undefined,
    [],
  ]);
});

const HASH = new Uint8Array(20).fill(1);
const OTHER_HASH = new Uint8Array(20).fill(2);

test("Two names of one file are two info hashes of one row, and are removed with it", () => {
  using store = openStore(temporaryDirectory()).store;
  const key = keyOf(JOB);
  const [v1, latest] = [
    { key, segments: ["v1.iso"] },
    { key, segments: ["a", "latest.iso"] },
  ];
  store.name(HASH, v1);
  const before = store.findInfoHash(HASH);
  store.keep(JOB, digested(JOB, 1));
  store.name(HASH, v1);
  store.name(OTHER_HASH, latest);
  const during = [store.findInfoHash(HASH), store.findInfoHash(OTHER_HASH)];
  const named = [store.isNamed(v1), store.isNamed({ key, segments: ["v2.iso"] })];
  const newer = fileJob({ ...FACTS, modified: 5n });
  store.keep(newer, digested(newer, 2));
  const after = [store.findInfoHash(HASH), store.findInfoHash(OTHER_HASH)];
  expect({ before, during, named, after }).toEqual({
    before: undefined,
    during: [v1, latest],
    named: [true, false],
    after: [undefined, undefined],
  });
});

test("A full store removes what a crawl made first, then what was asked for least recently", () => {
  const hour = 3_600_000;
  let now = 0;
  const directory = temporaryDirectory();
  const path = (n: number) => ({ ...FACTS, path: `/${n}`, size: 2 ** 24 });
  using store = openStore(directory, { limit: 192 * 1024, now: () => (now += hour) }).store;
  const jobs = Array.from({ length: 30 }, (_, n) => fileJob(path(n)));
  const [first = JOB, ahead = JOB, ...rest] = jobs;
  store.keep(first, digested(first, 1));
  store.keep(ahead, digested(ahead, 1), "beforehand");
  const begun = store.has(ahead);
  for (const job of rest) {
    store.keep(job, digested(job, 1));
    store.find(first);
  }
  const left = jobs.map((job) => store.has(job));
  const { length } = readFileSync(join(directory, "digests.sqlite"));
  expect({
    first: left[0],
    ahead: [begun, left[1]],
    lastGone: left.lastIndexOf(false) < 29 && left.lastIndexOf(false) > 1,
    inOrder: left.slice(1).toSorted().join() === left.slice(1).join(),
    small: length < 256 * 1024,
  }).toEqual({ first: true, ahead: [true, false], lastGone: true, inOrder: true, small: true });
});

const OF_ANOTHER = "of another program, or of another version of this one";

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
    OF_ANOTHER,
  ],
  [
    "of another version",
    (path) => {
      openStore(join(path, "..")).store[Symbol.dispose]();
      using later = new Database(path);
      later.run("ALTER TABLE digest ADD COLUMN more");
    },
    OF_ANOTHER,
  ],
  [
    "ours with a trigger in it",
    (path) => {
      openStore(join(path, "..")).store[Symbol.dispose]();
      using other = new Database(path);
      other.run("CREATE TRIGGER t AFTER INSERT ON digest BEGIN DELETE FROM torrent; END");
    },
    OF_ANOTHER,
  ],
  ["a link to a file", (path) => symlinkSync(join(path, "..", "victim"), path), "a link"],
  ["a link to nowhere", (path) => symlinkSync(join(path, "..", "nowhere"), path), "a link"],
  ["a FIFO", (path) => void Bun.spawnSync(["mkfifo", path]), "no file"],
])("A database that is %s is begun anew, with a line", (_, make, reason) => {
  const directory = temporaryDirectory();
  const path = join(directory, "digests.sqlite");
  writeFileSync(join(directory, "victim"), "");
  make(path);
  const { store, lines } = openStore(directory);
  const kept = store.keep(JOB, digested(JOB, 1));
  store[Symbol.dispose]();
  using again = openStore(directory).store;
  expect({
    kept,
    victim: readFileSync(join(directory, "victim"), "utf8"),
    lines,
    found: again.find(JOB),
  }).toEqual({
    kept: true,
    victim: "",
    lines: [`${path} is ${reason}; beginning a new one`],
    found: digested(JOB, 1),
  });
});

test("Other users can't open the database or the directory that it makes, whatever the umask", () => {
  const before = process.umask(0);
  try {
    const directory = join(temporaryDirectory(), "state");
    const old = temporaryDirectory();
    for (const suffix of ["", "-wal", "-shm"]) writeFileSync(`${old}/digests.sqlite${suffix}`, "");
    using store = openStore(directory).store;
    using other = openStore(old).store;
    for (const one of [store, other]) one.keep(JOB, digested(JOB, 1));
    const modes = [directory, old].flatMap((at) =>
      readdirSync(at)
        .sort()
        .map((name) => `${name} ${(statSync(join(at, name)).mode & 0o777).toString(8)}`),
    );
    const files = ["digests.sqlite 600", "digests.sqlite-shm 600", "digests.sqlite-wal 600"];
    expect([(statSync(directory).mode & 0o777).toString(8), ...modes]).toEqual([
      "700",
      ...files,
      ...files,
    ]);
  } finally {
    process.umask(before);
  }
});

test("A state directory that everybody can write is a log line", () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o777);
  const { store, lines } = openStore(directory);
  store[Symbol.dispose]();
  expect(lines).toEqual([`everybody can replace the digests in ${directory}`]);
});

test.each<[string, string]>([
  ["a huge value", "UPDATE digest SET sha1_pieces = zeroblob(30000000)"],
  ["a short one", "UPDATE digest SET sha256 = x'00'"],
  ["text in place of bytes", "UPDATE digest SET seal = '12345678901234567890123456789012'"],
  ["a number in place of bytes", "UPDATE digest SET sha256_pieces = 5"],
  ["a place that leaves the root", `UPDATE torrent SET segments = '["..","secret"]'`],
  ["a place of no names", "UPDATE torrent SET segments = '[]'"],
  ["a place of numbers", "UPDATE torrent SET segments = '[1]'"],
  ["a huge place", "UPDATE torrent SET segments = '[\"' || hex(zeroblob(5000000)) || '\"]'"],
  ["a place that is no JSON", "UPDATE torrent SET segments = 'x'"],
])("A row with %s is none", (_, change) => {
  const directory = temporaryDirectory();
  const { store, lines } = openStore(directory);
  using opened = store;
  opened.keep(JOB, digested(JOB, 1));
  opened.name(HASH, { key: keyOf(JOB), segments: ["a"] });
  {
    using other = new Database(join(directory, "digests.sqlite"));
    other.run(change);
  }
  const found = change.includes("torrent") ? opened.findInfoHash(HASH) : opened.find(JOB);
  const kept = opened.keep(JOB, digested(JOB, 2));
  expect({ found, kept, again: opened.find(JOB), lines }).toEqual({
    found: undefined,
    kept: true,
    again: digested(JOB, 2),
    lines: [],
  });
});

test("An empty file, as a crash leaves one, becomes a database", () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "digests.sqlite"), "");
  const { store, lines } = openStore(directory);
  using opened = store;
  expect([opened.keep(JOB, digested(JOB, 1)), lines]).toEqual([true, []]);
});

test("A sweep ends, also with foreign row numbers and keys", async () => {
  const directory = temporaryDirectory();
  using opened = openStore(directory, { limit: 128 * 1024 }).store;
  opened.keep(JOB, digested(JOB, 1));
  {
    using other = new Database(join(directory, "digests.sqlite"));
    for (const [row, key] of [
      [-5, "9007199254740993"],
      ["9007199254740993", "zeroblob(32)"],
      ["9223372036854775807", "x'00'"],
    ]) {
      other.run(`INSERT INTO digest (rowid, key, path, sha256, sha1_pieces, sha256_pieces, seal, used)
        VALUES (${row}, ${key}, '/nowhere', zeroblob(99), zeroblob(60000), x'', x'', 0)`);
    }
  }
  const job = fileJob({ ...FACTS, path: "/other" });
  const kept = [opened.keep(job, digested(job, 2)), opened.has(job)];
  await opened.sweep(() => Promise.resolve());
  // There is no such file.
  expect([...kept, opened.has(job)]).toEqual([true, true, false]);
});

/** Overwrites the first `find` after the first page, as a failing disk would. */
function overwrite(path: string, find: Uint8Array): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(find, 4096);
  if (at === -1) throw new Error("Nothing to overwrite");
  bytes.fill(0x99, at, at + find.length);
  writeFileSync(path, bytes);
}

test.each<[string, (path: string) => void]>([
  ["a digest", (path) => overwrite(path, new Uint8Array(20).fill(1))],
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
    lines: lines.length,
  }).toEqual({ found: undefined, kept: true, again: digested(JOB, 2), lines: 1 });
});

test("A database that another process has begun anew is used, not deleted", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "digests.sqlite");
  const { store, lines } = openStore(directory);
  using opened = store;
  opened.keep(JOB, digested(JOB, 1));
  {
    using other = new Database(path);
    other.run("UPDATE digest SET seal = zeroblob(32)");
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  using second = openStore(directory).store;
  second.keep(JOB, digested(JOB, 2));
  expect([opened.find(JOB), lines]).toEqual([digested(JOB, 2), []]);
});

test.each<[string, (directory: string) => void, RegExp]>([
  [
    "below a file",
    (directory) => writeFileSync(join(directory, "state"), ""),
    /^cannot keep digests in .*digests\.sqlite \((?:EEXIST|ENOTDIR)\)$/,
  ],
  [
    "where a directory has its name",
    (directory) => mkdirSync(join(directory, "state", "digests.sqlite"), { recursive: true }),
    /^cannot keep digests in .*digests\.sqlite \(EISDIR\)$/,
  ],
])("A state directory that can't be used, %s, is a line; nothing is kept", (_, make, line) => {
  const directory = temporaryDirectory();
  make(directory);
  const { store, lines } = openStore(join(directory, "state"));
  using opened = store;
  const kept = opened.keep(JOB, digested(JOB, 1));
  const found = [opened.find(JOB), opened.findInfoHash(HASH)];
  expect({ kept, found, lines: lines.map((text) => line.test(text)) }).toEqual({
    kept: false,
    found: [undefined, undefined],
    lines: [true],
  });
});

test("A database that takes no more rows still finds those it has", () => {
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
    found: [digested(JOB, 1), undefined, undefined],
    later: true,
    lines: [`cannot keep digests in ${path} (SQLITE_CONSTRAINT_TRIGGER)`],
  });
});

const FULL = `
  mount -t tmpfs -o size=96k none "$1" && cd "$1" && exec "$2" "$3" "$1"
`;

const isRoot = process.getuid?.() === 0;
(isRoot ? testWith("unshare", "mount") : test.skip)(
  "A full disk is a line, and what is kept is found",
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
    expect({ exitCode, all: found === kept, some: kept > 0 && kept < 40, lines }).toEqual({
      exitCode: 0,
      all: true,
      some: true,
      lines: [`cannot keep digests in ${directory}/digests.sqlite (SQLITE_FULL)`],
    });
  },
);

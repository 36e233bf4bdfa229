/**
 * Attacks on digests by the tree and by requests: a file that looks like the one before
 * it, links in a circle, and files that would take hours to read.
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { binary, type Running, startBinary } from "../binary.ts";
import { run } from "../clients.ts";
import { settle, temporaryDirectory, writeSettled } from "../site.ts";
import { processesOf, UNHARMED, withstand as withstandBy } from "./withstand.ts";

setDefaultTimeout(60_000);

/** MiB. Asking again and again until digests are there takes memory for a while. */
const SLACK = 96;

function withstand(running: Running, path: string, attack: () => Promise<void>, slack = SLACK) {
  return withstandBy(running, path, attack, slack);
}

const MIB = 1024 * 1024;
/** MiB that a server may grow by when it starts to hash. */
const HASHER = 112;

const FEW_DESCRIPTORS = ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh"];

/** Asks for a document until it is there. */
async function documentOf({ origin }: Running, path: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${origin}/data/${path}`);
    const text = await response.text();
    if (response.status === 200) return text;
    if (response.status !== 503) throw new Error(`${response.status} ${text}`);
  }
}

/** Asks for a file with `fields` until the answer has a Repr-Digest. */
async function digestOf({ origin }: Running, path: string, headers = {}): Promise<string> {
  for (;;) {
    const response = await fetch(`${origin}/data/${path}`, {
      method: "HEAD",
      headers,
    });
    const digest = response.headers.get("repr-digest");
    if (digest !== null) return digest;
  }
}

function sha256(content: string | Uint8Array, encoding: "hex" | "base64"): string {
  return new Bun.CryptoHasher("sha256").update(content).digest(encoding);
}

/** Bytes that the server's processes have read. */
function bytesRead({ process: { pid } }: Running): number {
  return processesOf(pid)
    .map((one) => Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${one}/io`, "latin1"))?.[1]))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** A file of so many bytes that takes no space. */
function writeSparse(path: string, length: number): void {
  writeFileSync(path, "");
  truncateSync(path, length);
  settle(path);
}

/** Replaces a file by another, with the same inode number if the file system gives it out again. */
function replace(path: string, content: string): void {
  const { ino } = statSync(path);
  unlinkSync(path);
  for (let n = 0; n < 50; n++) {
    writeFileSync(path, content);
    if (statSync(path).ino === ino) break;
    unlinkSync(path);
  }
  writeSettled(path, content);
}

/** Writes into a file and restores its date. */
function rewrite(path: string, content: string): void {
  writeSettled(path, content);
}

test.each<[string, (path: string, content: string) => void]>([
  ["is another of the same inode, size and date", replace],
  ["was written to and has its date back", rewrite],
])("A file that %s has digests of its own, at once and after a restart", async (_, change) => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  const path = join(directory, "file");
  writeSettled(path, "OLD");
  writeSettled(join(directory, "small"), "small");
  const seen: unknown[] = [];
  const ask = async (running: Running) => {
    seen.push((await documentOf(running, "file.sha256")).slice(0, 64));
    seen.push(await digestOf(running, "file", { "want-repr-digest": "sha-256=10" }));
    const torrent = await documentOf(running, "file.torrent");
    seen.push(torrent.includes(Buffer.from(sha1("NEW")).toString()) ? "NEW" : "OLD");
  };
  const expected = (content: string) => [
    sha256(content, "hex"),
    `sha-256=:${sha256(content, "base64")}:`,
    content,
  ];
  const stamp = statSync(path, { bigint: true }).ctimeNs;
  {
    const others = Array.from({ length: 40 }, (_, n) => `other${n}`);
    for (const other of others) writeSettled(join(directory, other), other);
    await using running = await startBinary([directory, "--state", state], FEW_DESCRIPTORS);
    const attack = async () => {
      await ask(running);
      // More files than the server keeps open: it closes the first, whose inode becomes free.
      for (const other of others) await fetch(`${running.origin}/data/${other}`);
      // The clock of a file system ticks every few milliseconds.
      do change(path, "NEW");
      while (statSync(path, { bigint: true }).ctimeNs === stamp);
      await ask(running);
    };
    // The server's first torrent takes memory that it keeps.
    expect(await withstand(running, "small", attack)).toEqual(UNHARMED);
  }
  await using running = await startBinary([directory, "--state", state]);
  await ask(running);
  expect(seen).toEqual([...expected("OLD"), ...expected("NEW"), ...expected("NEW")]);
});

function sha1(content: string): Uint8Array {
  return new Bun.CryptoHasher("sha1").update(content).digest();
}

test("Links in a circle give a file endless names, and it is read once", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  writeSparse(join(directory, "large"), 64 * MIB);
  writeSettled(join(directory, "small"), "small");
  symlinkSync(".", join(directory, "mirror"));
  symlinkSync("large", join(directory, "latest"));
  await using running = await startBinary([directory, "--state", state]);
  const names = [
    "large",
    "latest",
    ...Array.from({ length: 20 }, (_, n) => `${"mirror/".repeat(n)}large`),
  ];
  // The hasher reads its executable when it starts; that isn't counted.
  await documentOf(running, "small.sha256");
  const documents = new Set<string>();
  let read = 0;
  const outcome = await withstand(running, "small", async () => {
    const before = bytesRead(running);
    for (const name of names)
      documents.add((await documentOf(running, `${name}.sha256`)).slice(0, 64));
    const latest = await documentOf(running, "latest.torrent");
    documents.add(/4:name(\d+:[a-z]+)/.exec(latest)?.[1] ?? "");
    read = bytesRead(running) - before;
  });
  expect({
    outcome,
    documents: documents.size,
    name: documents.has("6:latest"),
    once: read < 96 * MIB,
  }).toEqual({
    outcome: UNHARMED,
    documents: 2,
    name: true,
    once: true,
  });
});

test("A tree with links in it is hashed beforehand file by file", async () => {
  const directory = temporaryDirectory();
  const state = join(temporaryDirectory(), "state");
  mkdirSync(join(directory, "v1"));
  writeSettled(join(directory, "v1/file"), "content");
  for (const name of ["latest", "stable"]) symlinkSync("v1", join(directory, name));
  symlinkSync("v1/file", join(directory, "newest"));
  symlinkSync("..", join(directory, "v1/mirror"));
  const hash = [await binary(), "hash", "--state", state, directory];
  const [first, second] = [await run(hash), await run(hash)];
  expect([first.stderr, second.stderr, statSync(state).mode & 0o777]).toEqual([
    "rangesrv: hashed 1 files, 7 bytes, besides 1 that were kept before\n",
    "rangesrv: hashed 0 files, 0 bytes, besides 2 that were kept before\n",
    0o700,
  ]);
});

test("A name with escape sequences and line feeds is one log line, with both escaped", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  writeSparse(join(directory, "a\x1b]0;title\x07\x9b2J\nrangesrv: b"), 1024 ** 4 + 1);
  const { stderr } = await run([await binary(), "hash", "--state", state, directory]);
  expect(stderr.split("\n")).toEqual([
    `rangesrv: ${directory}/a\\x1b]0;title\\x07\\x9b2J\\nrangesrv: b is too large to have digests`,
    "rangesrv: hashed 0 files, 0 bytes",
    "",
  ]);
});

test("A byte of a file of 1 TiB is answered without reading more, and without another process", async () => {
  const directory = temporaryDirectory();
  writeSparse(join(directory, "huge"), 1024 ** 4);
  writeSettled(join(directory, "small"), "small");
  await using running = await startBinary([directory]);
  const range = { range: "bytes=0-0" };
  let read = 0;
  const statuses = new Set<number>();
  const outcome = await withstand(running, "small", async () => {
    const before = bytesRead(running);
    for (const [method, headers] of [
      ["GET", range],
      ["HEAD", {}],
      ["GET", { ...range, "want-digest": "md5" }],
    ] as const) {
      const response = await fetch(`${running.origin}/data/huge`, { method, headers });
      await response.arrayBuffer();
      statuses.add(response.status);
    }
    read = bytesRead(running) - before;
  });
  const processes = processesOf(running.process.pid).length;
  expect({ outcome, statuses: [...statuses], processes, little: read < MIB }).toEqual({
    outcome: UNHARMED,
    statuses: [206, 200],
    processes: 1,
    little: true,
  });
});

test("With a state directory the store is asked for its digests, and the file isn't read either", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  writeSparse(join(directory, "huge"), 1024 ** 4);
  writeSettled(join(directory, "small"), "small");
  const others = Array.from({ length: 40 }, (_, n) => `other${n}`);
  for (const other of others) writeSettled(join(directory, other), other);
  await using running = await startBinary([directory, "--state", state]);
  await documentOf(running, "small.sha256");
  let read = 0;
  const outcome = await withstand(running, "small", async () => {
    const headers = { range: "bytes=0-0" };
    await (await fetch(`${running.origin}/data/huge`, { headers })).arrayBuffer();
    const before = bytesRead(running);
    // If the hasher were to read the large file, it would have begun before it reads these.
    for (const other of others) await documentOf(running, `${other}.sha256`);
    read = bytesRead(running) - before;
  });
  expect({ outcome, little: read < 4 * MIB }).toEqual({ outcome: UNHARMED, little: true });
});

test("Plain answers carry digests from the store, and no file is read for them", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  writeSparse(join(directory, "large"), 512 * MIB);
  writeSettled(join(directory, "small"), "small");
  const hashed = await run([await binary(), "hash", "--state", state, directory]);
  await using running = await startBinary([directory, "--state", state]);
  let [kept, read] = ["", 0];
  const outcome = await withstand(running, "small", async () => {
    kept = await digestOf(running, "large");
    read = bytesRead(running);
  });
  expect({
    hashed: hashed.exitCode,
    outcome,
    digest: kept.length,
    little: read < 256 * MIB,
  }).toEqual({
    hashed: 0,
    outcome: UNHARMED,
    digest: 54,
    little: true,
  });
});

test("--hash hashes a tree at the start, and later files when they are asked for", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  for (const name of ["a", "b"]) writeSettled(join(directory, name), name);
  await using running = await startBinary(["--hash", "--state", state, directory]);
  await running.printed("hashed 2 files, 2 bytes");
  writeSettled(join(directory, "c"), "c");
  const digests: string[] = [];
  const outcome = await withstand(running, "a", async () => {
    for (const name of ["a", "b", "c"]) digests.push(await digestOf(running, name));
  });
  expect([outcome, digests]).toEqual([
    UNHARMED,
    ["a", "b", "c"].map((content) => `sha-256=:${sha256(content, "base64")}:`),
  ]);
});

test("A tree 1000 directories deep, with 1000 directories in the last, is hashed", async () => {
  const directory = temporaryDirectory();
  const state = temporaryDirectory();
  const deep = `${directory}${"/d".repeat(1000)}`;
  mkdirSync(deep, { recursive: true });
  for (let n = 0; n < 1_000; n++) mkdirSync(`${deep}/${n}`);
  writeSettled(`${deep}/file`, "content");
  writeSettled(join(directory, "small"), "small");
  await using running = await startBinary(["--hash", "--state", state, directory]);
  const outcome = await withstand(
    running,
    "small",
    async () => {
      await running.printed("rangesrv: hashed ");
      await documentOf(running, `${"d/".repeat(1000)}file.sha256`);
    },
    HASHER,
  );
  // rm is much faster than the runtime, which resolves each path from the root.
  await run(["rm", "-rf", join(directory, "d")]);
  expect(outcome).toEqual(UNHARMED);
});

test("Other users can neither read nor write the store, whatever the umask", async () => {
  const directory = temporaryDirectory();
  const state = join(temporaryDirectory(), "state");
  writeSettled(join(directory, "small"), "small");
  const umask = ["sh", "-c", 'umask 0 && exec "$@"', "sh"];
  await using running = await startBinary([directory, "--state", state], umask);
  await documentOf(running, "small.sha256");
  const modes = ["", "/digests.sqlite", "/digests.sqlite-wal", "/digests.sqlite-shm"].map((name) =>
    (statSync(state + name).mode & 0o777).toString(8),
  );
  expect(modes).toEqual(["700", "600", "600", "600"]);
});

/**
 * Digests against a tree that changes under them: files that look like those before
 * them, links in a circle, and files that take hours to read for whoever asks a byte.
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
import { processesOf, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
/** MiB that a server may grow by when it starts to hash. */
const HASHER = 112;

const FEW_DESCRIPTORS = ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh"];

/** Content of a document about `path`, as soon as there is one. */
async function documentOf({ origin }: Running, path: string): Promise<string> {
  for (;;) {
    const response = await fetch(`${origin}/data/${path}`);
    const text = await response.text();
    if (response.status === 200) return text;
    if (response.status !== 503) throw new Error(`${response.status} ${text}`);
  }
}

/** Repr-Digest of a file, as soon as it is told to a client that asks as `fields` say. */
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

/** Bytes that a server's processes have read. */
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

/** Puts another file in its place, with its inode where the file system gives it out again. */
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

/** Writes within a file and puts its date back. */
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
      // More than it keeps open: it lets go of the file, whose inode is free then.
      for (const other of others) await fetch(`${running.origin}/data/${other}`);
      // The clock of a file system may stand for some milliseconds.
      do change(path, "NEW");
      while (statSync(path, { bigint: true }).ctimeNs === stamp);
      await ask(running);
    };
    // A first torrent takes memory for good, and this is about the digests.
    expect(await withstand(running, "small", attack, 96)).toEqual(UNHARMED);
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
  // The process that hashes reads what it is made of when it starts.
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

test("A name with escape sequences and lines in it is one line that a terminal obeys nothing in", async () => {
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

test("With a state directory it is looked for there, and not read either", async () => {
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
    // What the process that hashes was asked before these, it has begun.
    for (const other of others) await documentOf(running, `${other}.sha256`);
    read = bytesRead(running) - before;
  });
  expect({ outcome, little: read < 4 * MIB }).toEqual({ outcome: UNHARMED, little: true });
});

test("Plain answers carry digests that are kept, for which no file is read", async () => {
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

test("--hash hashes a tree from the start on, and what comes later when it is asked for", async () => {
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

test("A directory a thousand deep, and a thousand beside each other there, are gone through", async () => {
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
  // Much faster than by the runtime, which names each from the root on.
  await run(["rm", "-rf", join(directory, "d")]);
  expect(outcome).toEqual(UNHARMED);
});

test("What is kept is for nobody else to read or write, whatever the umask", async () => {
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

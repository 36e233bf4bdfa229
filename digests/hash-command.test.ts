/** `rangesrv hash`: its lines, its exit codes, and what the store has afterwards. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../files/locate.ts";
import { run, testWith } from "../test/clients.ts";
import { identityAt, offsetBytes, settle, temporaryDirectory, writeSettled } from "../test/site.ts";
import { formatLength } from "./format-length.ts";
import { hashTree } from "./hash-command.ts";
import { hashJob } from "./hashing.ts";
import { fileJob, type Job } from "./job.ts";
import { Meter } from "./progress-bar.ts";
import { DigestStore } from "./store.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const HASH_TREE = join(import.meta.dir, "..", "test", "hash-tree.ts");

function makeTree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeSettled(join(directory, name), content);
  }
  return directory;
}

interface Hooks {
  /** Bytes that the store may take. */
  readonly limit?: number;
  /** Called when a file's digests are stored. */
  readonly hashed?: (path: string) => void;
  /** Called with what the meter prints. */
  readonly shown?: () => void;
  readonly signal?: AbortSignal;
}

/** Hashes a tree. Returns the exit code, the log lines and the names of files that were hashed. */
async function hash(directory: string, state: string | undefined, hooks: Hooks = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line.replaceAll(`${directory}/`, ""));
  const hashed: string[] = [];
  const { limit } = hooks;
  using store = new DigestStore({ directory: state, log, ...(limit ? { limit } : {}) });
  function infoHashOf({ path }: Job, segments: readonly string[]): Uint8Array {
    hashed.push(path.slice(directory.length + 1));
    hooks.hashed?.(path);
    return new Bun.CryptoHasher("sha1").update(segments.join("/")).digest();
  }
  const meter = new Meter(() => hooks.shown?.(), 80, -Infinity);
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  const { signal = new AbortController().signal } = hooks;
  const code = await hashTree(root, store, { infoHashOf, log, meter, signal, settling: 0 });
  return { code, lines, hashed };
}

test("Files without digests are hashed, once", async () => {
  const directory = makeTree({ b: "12345", "a/c": offsetBytes(2 * MIB), empty: "", ".hidden": "" });
  const state = temporaryDirectory();
  const first = await hash(directory, state);
  writeSettled(join(directory, "b"), "123456");
  const second = await hash(directory, state);
  const third = await hash(directory, state);
  expect([first, second, third]).toEqual([
    { code: 0, lines: ["hashed 3 files, 2.0 MiB"], hashed: ["b", "a/c"] },
    { code: 0, lines: ["hashed 1 files, 6 bytes, besides 2 that were kept before"], hashed: ["b"] },
    { code: 0, lines: ["hashed 0 files, 0 bytes, besides 3 that were kept before"], hashed: [] },
  ]);
});

test("A hasher finds what the command stored", async () => {
  const directory = makeTree({ "dir/file": "12345" });
  const state = temporaryDirectory();
  await hash(directory, state);
  using store = new DigestStore({ directory: state, log() {} });
  const found = store.find(fileJob(identityAt(join(directory, "dir/file"))));
  expect(found?.kind === "file" && Buffer.from(found.digests.sha256).toString("hex")).toBe(
    new Bun.CryptoHasher("sha256").update("12345").digest("hex"),
  );
});

test.each<[string, (directory: string) => void, string]>([
  [
    "is too large",
    (directory) => {
      writeFileSync(join(directory, "b"), "");
      truncateSync(join(directory, "b"), 1024 ** 4 + 1);
      settle(join(directory, "b"));
    },
    "b is too large to have digests",
  ],
  [
    "has a date in the future",
    (directory) => {
      writeFileSync(join(directory, "b"), "B");
      settle(join(directory, "b"), 10_000_000_000);
    },
    "b was written in the future",
  ],
])("A file that %s is a line and exit code 1; the others are hashed", async (_, make, line) => {
  const directory = makeTree({ a: "A", c: "C" });
  make(directory);
  expect(await hash(directory, temporaryDirectory())).toEqual({
    code: 1,
    lines: [line, "hashed 2 files, 2 bytes"],
    hashed: ["a", "c"],
  });
});

test("A file that changes while it is read is a line and exit code 1", async () => {
  const directory = makeTree({ a: offsetBytes(3 * MIB), b: "B" });
  const path = join(directory, "a");
  const shown = () => settle(path, 1_000_000_001);
  expect(await hash(directory, temporaryDirectory(), { shown })).toEqual({
    code: 1,
    lines: ["a changed while it was hashed", "hashed 1 files, 1 bytes"],
    hashed: ["b"],
  });
});

const UNPRIVILEGED = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : [];

testWith(...UNPRIVILEGED.slice(0, 1))(
  "What may not be read is a line each and exit code 1; the rest is hashed",
  async () => {
    const directory = makeTree({ a: "A", b: "B", "dir/c": "C" });
    const state = temporaryDirectory();
    chmodSync(directory, 0o755);
    chmodSync(state, 0o1777);
    chmodSync(join(directory, "a"), 0);
    chmodSync(join(directory, "dir"), 0);
    const command = [...UNPRIVILEGED, process.execPath, HASH_TREE, directory, state];
    const { exitCode, stderr } = await run(command, directory);
    chmodSync(join(directory, "dir"), 0o755);
    // A slow machine shows a bar before a line.
    const lines = stderr.split("\n").map((line) => line.split("\r\x1b[K").at(-1));
    expect({ exitCode, lines }).toEqual({
      exitCode: 1,
      lines: [
        `rangesrv: cannot read ${directory}/a: EACCES`,
        `rangesrv: cannot read ${directory}/dir: EACCES`,
        "rangesrv: hashed 1 files, 1 bytes",
        "",
      ],
    });
  },
);

test("A store that can't keep is exit code 1", async () => {
  const directory = makeTree({ a: "A" });
  const state = join(makeTree({ file: "" }), "file");
  const { code, lines } = await hash(directory, state);
  expect([code, lines]).toEqual([
    1,
    [
      expect.stringMatching(/^cannot keep digests in /),
      `hashed 0 files, 0 bytes; no more fits into ${state}/digests.sqlite, at most 0 bytes`,
    ],
  ]);
});

/** Files of 16 MiB, whose digests take 6 KiB each, that take no space. */
function makeSparse(directory: string, names: readonly string[]): void {
  for (const name of names) {
    writeFileSync(join(directory, name), "");
    truncateSync(join(directory, name), 16 * MIB);
    settle(join(directory, name));
  }
}

test("A tree that doesn't fit is hashed until the store is full; what a request asked for stays", async () => {
  const directory = makeTree({});
  const names = [..."abcdefghijkl"];
  makeSparse(directory, names);
  const state = temporaryDirectory();
  const limit = 90_000;
  const first = await hash(directory, state, { limit });
  const [, before = ""] = first.hashed;
  // A request asks for a file that didn't fit: digests made by the command are removed for it.
  const asked = names.find((name) => !first.hashed.includes(name)) ?? "";
  const job = fileJob(identityAt(join(directory, asked)));
  const outcome = await hashJob(job, () => Promise.resolve());
  if (outcome.kind !== "digested") throw new Error(outcome.kind);
  {
    using store = new DigestStore({ directory: state, log() {}, limit });
    store.keep(job, outcome.digested);
  }
  const second = await hash(directory, state, { limit });
  using store = new DigestStore({ directory: state, log() {}, limit });
  const full = `no more fits into ${state}/digests.sqlite, at most ${formatLength(limit)}`;
  expect({
    first: [first.code, first.lines.length, first.lines[0]?.endsWith(full)],
    some: first.hashed.length > 1 && before !== "",
    second: [second.code, second.lines.at(-1)?.startsWith("hashed 0 files"), second.lines.length],
    kept: store.has(job),
  }).toEqual({ first: [1, 1, true], some: true, second: [1, true, 1], kept: true });
});

test("In a full store digests of deleted files are removed for others", async () => {
  const directory = makeTree({});
  makeSparse(directory, [..."abcdefghijkl"]);
  const state = temporaryDirectory();
  const limit = 90_000;
  const first = await hash(directory, state, { limit });
  for (const name of first.hashed) rmSync(join(directory, name));
  const second = await hash(directory, state, { limit });
  expect([first.code, second.hashed.length > 0]).toEqual([1, true]);
});

test("An interrupt loses the file that is being read and no other", async () => {
  const directory = makeTree({ a: "A", b: offsetBytes(3 * MIB), c: "C" });
  const state = temporaryDirectory();
  const controller = new AbortController();
  const { signal } = controller;
  const first = await hash(directory, state, { signal, hashed: () => controller.abort() });
  const second = await hash(directory, state);
  expect([first, second]).toEqual([
    { code: 130, lines: ["interrupted; hashed 1 files, 1 bytes, which are kept"], hashed: ["a"] },
    {
      code: 0,
      lines: ["hashed 2 files, 3.0 MiB, besides 1 that were kept before"],
      hashed: ["b", "c"],
    },
  ]);
});

test.each([["SIGINT"], ["SIGTERM"]] as const)("%s ends it with 130 and a line", async (signal) => {
  const directory = makeTree({ a: "A", b: "" });
  truncateSync(join(directory, "b"), 2 ** 39);
  settle(join(directory, "b"));
  await using child = Bun.spawn([process.execPath, HASH_TREE, directory, temporaryDirectory()], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  let signalled = false;
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    // Once: a second signal would end it without a line.
    if (!signalled && text.includes("MB/s")) child.kill(signal);
    signalled ||= text.includes("MB/s");
  }
  expect([await child.exited, text.split("\r\x1b[K").at(-1)]).toEqual([
    130,
    "rangesrv: interrupted; hashed 1 files, 1 bytes, which are kept\n",
  ]);
});

/** A tree hashed beforehand: what is said, what is kept, how it ends. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../files/locate.ts";
import { run, testWith } from "../test/clients.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "../test/site.ts";
import { hashTree } from "./hash.ts";
import { fileJob } from "./job.ts";
import { Meter } from "./progress.ts";
import { DigestStore } from "./store.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const HASH_TREE = join(import.meta.dir, "..", "test", "hash-tree.ts");

function factsAt(path: string) {
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  return { path, device: dev, inode: ino, size: Number(size), modified: mtimeNs };
}

function makeTree(files: Readonly<Record<string, string | Uint8Array>>): string {
  const directory = temporaryDirectory();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeSettled(join(directory, name), content);
  }
  return directory;
}

interface Hooks {
  /** Called when a file was hashed, before it is kept. */
  readonly hashed?: (path: string) => void;
  /** Called with what the meter prints. */
  readonly shown?: () => void;
  readonly signal?: AbortSignal;
}

/** Hashes a tree: the exit code, what was logged, and the names that are kept. */
async function hash(directory: string, state: string | undefined, hooks: Hooks = {}) {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line.replaceAll(`${directory}/`, ""));
  const hashed: string[] = [];
  using store = new DigestStore({
    directory: state,
    log,
    infoHashOf: ({ path }) => {
      hashed.push(path.slice(directory.length + 1));
      hooks.hashed?.(path);
      return undefined;
    },
  });
  const meter = new Meter(() => hooks.shown?.(), 80, -Infinity);
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  const { signal = new AbortController().signal } = hooks;
  const code = await hashTree(root, store, { log, meter, signal, settling: 0 });
  return { code, lines, hashed };
}

test("What a tree lacks is hashed, once", async () => {
  const directory = makeTree({ b: "12345", "a/c": offsetBytes(2 * MIB), empty: "", ".hidden": "" });
  const state = temporaryDirectory();
  const first = await hash(directory, state);
  writeSettled(join(directory, "b"), "123456");
  const second = await hash(directory, state);
  const third = await hash(directory, state);
  expect([first, second, third]).toEqual([
    { code: 0, lines: ["hashed 3 files, 2.0 MiB"], hashed: ["b", "empty", "a/c"] },
    { code: 0, lines: ["hashed 1 files, 6 bytes, besides 2 that were kept before"], hashed: ["b"] },
    { code: 0, lines: ["hashed 0 files, 0 bytes, besides 3 that were kept before"], hashed: [] },
  ]);
});

test("What is kept is what a hasher finds", async () => {
  const directory = makeTree({ "dir/file": "12345" });
  const state = temporaryDirectory();
  await hash(directory, state);
  using store = new DigestStore({ directory: state, log() {}, infoHashOf: () => undefined });
  const found = store.find(fileJob(factsAt(join(directory, "dir/file"))));
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
    chmodSync(state, 0o777);
    chmodSync(join(directory, "a"), 0);
    chmodSync(join(directory, "dir"), 0);
    const command = [...UNPRIVILEGED, process.execPath, HASH_TREE, directory, state];
    const { exitCode, stderr } = await run(command, directory);
    chmodSync(join(directory, "dir"), 0o755);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: [
        `rangesrv: cannot read ${directory}/a: EACCES\n`,
        `rangesrv: cannot read ${directory}/dir: EACCES\n`,
        "rangesrv: hashed 1 files, 1 bytes\n",
      ].join(""),
    });
  },
);

test("A store that can't keep is exit code 1", async () => {
  const directory = makeTree({ a: "A" });
  const state = join(makeTree({ file: "" }), "file");
  const { code, lines } = await hash(directory, state);
  expect([code, lines.length, lines.at(-1)]).toEqual([1, 2, "hashed 1 files, 1 bytes"]);
});

test("An interrupt loses the file in hand and no more", async () => {
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
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("MB/s")) child.kill(signal);
  }
  expect([await child.exited, text.split("\r\x1b[K").at(-1)]).toEqual([
    130,
    "rangesrv: interrupted; hashed 1 files, 1 bytes, which are kept\n",
  ]);
});

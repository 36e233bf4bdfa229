/** The order in which the hasher reads, with jobs whose chunks are 1 MiB and take no time. */

import { expect, test } from "bun:test";
import { type Digested, fileJob, type Job, lengthOf, type Outcome } from "./job.ts";
import { HashQueue, type Reading } from "./queue.ts";

const CHUNK = 1024 * 1024;
const DIGESTED: Digested = { kind: "folder", sha1Pieces: new Uint8Array() };

/** A file of so many chunks. */
function jobOf(path: string, chunks: number): Job {
  return fileJob({ path, inode: 1n, size: chunks * CHUNK, modified: 1n, changed: 1n });
}

/** A queue whose store keeps what was digested, and whose chunks take 10 ms each. */
function startQueue(after: (chunks: number) => void = () => {}) {
  /** Names of the jobs whose chunks were read, one letter each, and how jobs ended. */
  const read: string[] = [];
  const ends: string[] = [];
  const open = new Set<string>();
  let mostOpen = 0;
  let chunks = 0;
  const kept = new Set<string>();
  const store = {
    find: (job: Job) => (kept.has(job.path) ? DIGESTED : undefined),
    keep: (job: Job) => Boolean(kept.add(job.path)),
  };
  const failing = new Map<string, Outcome | Error>();
  function start({ path, files }: Job): Reading {
    let done = 0;
    return {
      get done() {
        return done;
      },
      advance() {
        open.add(path);
        mostOpen = Math.max(mostOpen, open.size);
        const failure = failing.get(path);
        if (failure instanceof Error) throw failure;
        if (failure !== undefined) return failure;
        if (done === lengthOf({ files })) return { kind: "digested", digested: DIGESTED };
        done += CHUNK;
        chunks += 1;
        read.push(path);
        return undefined;
      },
      pause: () => void open.delete(path),
      [Symbol.dispose]: () => void open.delete(path),
    };
  }
  const queue = new HashQueue({
    store,
    read: start,
    rest: async () => after(chunks),
    now: () => 10 * chunks,
  });
  const asked: Promise<unknown>[] = [];
  const progress: string[] = [];
  /** Asks for a job of so many chunks; a capital is urgent. Returns a function that withdraws it. */
  function ask(path: string, length: number, urgent = path === path.toUpperCase()): () => void {
    const controller = new AbortController();
    const { signal } = controller;
    const tell = ({ done, rate }: { done: number; rate: number | undefined }) =>
      void progress.push(`${path} ${done / CHUNK} ${rate === undefined ? "?" : rate / CHUNK}`);
    const outcome = queue.hash(jobOf(path, length), urgent, { progress: tell, signal });
    const ended = Promise.resolve(outcome).then(
      ({ kind }) => ends.push(`${path} ${kind}`),
      (error: Error) => ends.push(`${path}: ${error.message}`),
    );
    asked.push(ended);
    return () => controller.abort();
  }
  async function idle(): Promise<void> {
    for (let settled = 0; settled < asked.length;) {
      settled = asked.length;
      await Promise.all(asked);
    }
  }
  const opened = () => ({ mostOpen, stillOpen: [...open] });
  return { ask, idle, read, ends, progress, kept, failing, opened };
}

/** Runs of equal names: `A8 b2`. */
function runs(read: readonly string[]): string {
  return read
    .join("")
    .replaceAll(/(.)\1*/gs, (run) => ` ${run[0]}${run.length}`)
    .trim();
}

test.each<[string, [string, number][], string]>([
  [
    "the shorter first",
    [
      ["a", 3],
      ["b", 2],
    ],
    "b2 a3",
  ],
  [
    "what somebody waits for first, however long",
    [
      ["a", 1],
      ["B", 3],
    ],
    "B3 a1",
  ],
  [
    "every fourth slice to the one that had none for longest",
    [
      ["B", 40],
      ["A", 60],
    ],
    "B24 A8 B16 A52",
  ],
  [
    "a long one among short ones",
    [
      ["L", 40],
      ["A", 9],
      ["B", 9],
      ["C", 9],
    ],
    "A9 B8 L8 B1 C9 L32",
  ],
])("Order of reading: %s", async (_why, jobs, expected) => {
  const { ask, idle, read, opened } = startQueue();
  for (const [name, chunks] of jobs) ask(name, chunks);
  await idle();
  expect([runs(read), opened()]).toEqual([expected, { mostOpen: 1, stillOpen: [] }]);
});

type Started = ReturnType<typeof startQueue>;

/** What happens after some chunks of `a10`, and of what is asked for then. */
test.each<[string, (started: Started, withdraw: () => void) => void, string, string[]]>([
  ["nothing", () => {}, "a10", ["a digested"]],
  [
    "somebody asks for another: its turn is at once",
    ({ ask }) => ask("B", 2),
    "a3 B2 a7",
    ["B digested", "a digested"],
  ],
  [
    "somebody waits for what is in hand: it goes before another in the background",
    ({ ask }) => [ask("c", 1), ask("a", 10, true)],
    "a10 c1",
    ["a digested", "a digested", "c digested"],
  ],
  ["it is withdrawn", (_, withdraw) => withdraw(), "a3", ["a: It was withdrawn"]],
  [
    "it is withdrawn by one of two",
    ({ ask }, withdraw) => [ask("a", 10), withdraw()],
    "a10",
    ["a: It was withdrawn", "a digested"],
  ],
  [
    "it is withdrawn, and asked for again: it begins anew",
    ({ ask }, withdraw) => [withdraw(), ask("a", 10)],
    "a13",
    ["a: It was withdrawn", "a digested"],
  ],
  [
    "what waits is withdrawn",
    ({ ask }) => ask("B", 2)(),
    "a10",
    ["B: It was withdrawn", "a digested"],
  ],
  [
    "another process hashed what waits",
    ({ ask, kept }) => [ask("b", 2), kept.add("b")],
    "a10",
    ["a digested", "b digested"],
  ],
  [
    "what is kept is asked for",
    ({ ask, kept }) => [kept.add("b"), ask("b", 2)],
    "a10",
    ["b digested", "a digested"],
  ],
  [
    "the file changes",
    ({ ask, failing }) => [ask("b", 1), failing.set("a", { kind: "changed" })],
    "a3 b1",
    ["a changed", "b digested"],
  ],
  [
    "reading throws",
    ({ ask, failing }) => [ask("b", 1), failing.set("a", new Error("no memory"))],
    "a3 b1",
    ["a: no memory", "b digested"],
  ],
])("After three of ten chunks %s", async (_why, act, expected, ends) => {
  const started = startQueue((chunks) => {
    if (chunks !== 3 || acted) return;
    acted = true;
    act(started, withdraw);
  });
  let acted = false;
  const withdraw = started.ask("a", 10);
  await started.idle();
  expect({
    read: runs(started.read),
    ends: started.ends,
    open: started.opened().stillOpen,
  }).toEqual({
    read: expected,
    ends,
    open: [],
  });
});

test("Progress is told when a job is begun, every quarter of a second, and when it is left", async () => {
  const { ask, idle, progress } = startQueue();
  ask("A", 40);
  ask("B", 60);
  await idle();
  // 10 ms for a chunk of 1 MiB: 100 MiB a second, and a message after 25 chunks at most.
  expect(progress).toEqual([
    ...["A 0 ?", "A 24 100", "B 0 100", "B 8 100", "A 24 100"],
    ...["B 8 100", "B 33 100", "B 58 100"],
  ]);
});

/**
 * The hasher's process: the same executable, started by hasher-child.ts with one
 * environment variable. It owns the store and the queue of jobs, and answers the
 * questions of hasher-questions.ts. Serving processes read no file for a digest.
 */

import { setPriority } from "node:os";
import { openRoot } from "../files/locate.ts";
import { errorCode } from "../os/error-code.ts";
import { type AnswerContext, Answerer, type ToAnswerer, type ToAsker } from "../os/line.ts";
import { crawl, type InfoHashOf } from "./crawl.ts";
import type { Answer, BytesRead, HasherTopics, Tree } from "./hasher-questions.ts";
import { hasherDirectory } from "./hasher-role.ts";
import type { Job } from "./job.ts";
import { HashQueue } from "./queue.ts";
import { DigestStore } from "./store.ts";

/** Niceness: serving processes go first. */
const NICE = 10;

/** Answers until its parent closes the channel or is gone; then it ends the process. */
export async function runHasher(options: {
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
}): Promise<void> {
  beNice();
  // Ctrl-C goes to the whole process group. The parent may still need digests while it drains.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const { infoHashOf, log } = options;
  const store = new DigestStore({ log, directory: hasherDirectory() });
  const queue = new HashQueue({ store, counted: tellBytesRead });
  const answerer = new Answerer<HasherTopics>(
    {
      hash: ({ job, urgent }, exchange) => queue.hash(job, urgent, exchange),
      find: (infoHash) => store.findInfoHash(infoHash),
      look: (job) => store.find(job),
      name: ({ infoHash, place }) => void store.name(infoHash, place),
      crawl: (tree, exchange) => crawlTree(tree, { store, queue, infoHashOf, log }, exchange),
    },
    send,
  );
  process.on("message", (message: ToAnswerer) => answerer.hear(message));
  await new Promise((resolve) => process.on("disconnect", resolve));
  store[Symbol.dispose]();
  process.exit(0);
}

/** Milliseconds between two signs of life of a crawl. */
const ALIVE_EVERY = 1_000;

/** Hashes a tree when no other job waits. Resolves with a log line. */
async function crawlTree(
  { directory, ...policy }: Tree,
  {
    store,
    queue,
    infoHashOf,
    log,
  }: {
    readonly store: DigestStore;
    readonly queue: HashQueue;
    readonly infoHashOf: InfoHashOf;
    readonly log: (line: string) => void;
  },
  { signal, progress }: AnswerContext<undefined>,
): Promise<string> {
  let told = performance.now();
  function alive(): void {
    if (performance.now() - told < ALIVE_EVERY) return;
    told = performance.now();
    progress(undefined);
  }
  async function hash(job: Job): Promise<Answer> {
    try {
      return await queue.hash(job, false, { signal, progress: alive }, "beforehand");
    } catch (error) {
      if (signal.aborted) return { kind: "lost" };
      return { kind: "unreadable", path: job.path, code: String(error) };
    }
  }
  const root = openRoot(directory, policy);
  const options = { infoHashOf, hash, fail: log, show() {}, rested: alive, signal };
  return (await crawl(root, store, options)).summary;
}

/** Milliseconds between two messages about what was read. */
const TELL_EVERY = 250;
let untold = 0;

function tellBytesRead(bytes: number): void {
  if (untold === 0 && bytes > 0) {
    setTimeout(() => {
      send({ kind: "read", bytes: untold });
      untold = 0;
    }, TELL_EVERY);
  }
  untold += bytes;
}

function send(message: ToAsker | BytesRead): void {
  if (process.connected) process.send?.(message);
}

function beNice(): void {
  try {
    setPriority(NICE);
  } catch (error) {
    // Some containers don't allow it. It works without.
    if (errorCode(error) === undefined) throw error;
  }
}

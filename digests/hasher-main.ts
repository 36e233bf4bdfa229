/**
 * The process that hashes: this same program, started by a serving process with one
 * environment variable, so that requests never wait for a disk or a digest.
 */

import { setPriority } from "node:os";
import { openRoot } from "../files/locate.ts";
import { errorCode } from "../os/error-code.ts";
import { environmentFor, startedAs } from "../os/itself.ts";
import { Answerer, type Exchange, type ToAnswerer, type ToAsker } from "../os/line.ts";
import { crawl, type InfoHashOf } from "./crawl.ts";
import { full } from "./hash-command.ts";
import type { Answer, HasherTopics, Tree } from "./hasher.ts";
import type { Job } from "./job.ts";
import { HashQueue } from "./queue.ts";
import { DigestStore } from "./store.ts";

/** Set in the hasher: the state directory, or nothing when there is none. */
const HASHER = "RANGESRV_HASHER";

/** How nice it is: serving comes first. */
const NICE = 10;

/** Whether this process is a hasher. */
export function isHasher(): boolean {
  return startedAs(HASHER) !== undefined;
}

/** The environment that makes a hasher of a new process. */
export function hasherEnvironment(directory: string | undefined): Record<string, string> {
  return environmentFor(HASHER, directory ?? "");
}

/** Hashes until the process that started it lets go of it, or is gone. */
export async function runHasher(options: {
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
}): Promise<void> {
  beNice();
  // A signal to the whole group is for the one that serves: it may still need this one.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const { infoHashOf, log } = options;
  const store = new DigestStore({ log, directory: process.env[HASHER] || undefined });
  const queue = new HashQueue({ store });
  const answerer = new Answerer<HasherTopics>(
    {
      hash: ({ job, urgent }, exchange) => queue.hash(job, urgent, exchange),
      find: (infoHash) => store.findInfoHash(infoHash),
      look: (job) => store.find(job),
      name: ({ infoHash, place }) => void store.name(infoHash, place),
      crawl: (tree, exchange) => crawlTree(tree, { store, queue, infoHashOf, log }, exchange),
    },
    tell,
  );
  process.on("message", (message: ToAnswerer) => answerer.hear(message));
  await new Promise((resolve) => process.on("disconnect", resolve));
  store[Symbol.dispose]();
  process.exit(0);
}

/** Milliseconds between two signs of life. */
const ALIVE_EVERY = 1_000;

/** Hashes a tree behind everything that is asked for; what is to be said of it at the end. */
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
  { signal, progress }: Exchange<undefined>,
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
  const { ended, summary } = await crawl(root, store, options);
  return ended === "full" ? `${summary}; ${full(store)}` : summary;
}

function tell(message: ToAsker): void {
  if (process.connected) process.send?.(message);
}

function beNice(): void {
  try {
    setPriority(NICE);
  } catch (error) {
    // Some containers don't allow it, and it is only manners.
    if (errorCode(error) === undefined) throw error;
  }
}

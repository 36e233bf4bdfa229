/**
 * The process that hashes: this same program, started by a serving process with one
 * environment variable, so that requests never wait for a disk or a digest.
 */
import { setPriority } from "node:os";
import { environmentFor, startedAs } from "../os/itself.ts";
import { Answerer, type ToAnswerer, type ToAsker } from "../os/line.ts";
import type { InfoHashOf } from "./job.ts";
import type { HasherTopics } from "./questions.ts";
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
  const store = new DigestStore({ ...options, directory: process.env[HASHER] || undefined });
  const queue = new HashQueue({ store });
  const answerer = new Answerer<HasherTopics>(
    {
      hash: ({ job, urgent }, exchange) => queue.hash(job, urgent, exchange),
      find: (infoHash) => store.findInfoHash(infoHash),
    },
    tell,
  );
  process.on("message", (message: ToAnswerer) => answerer.hear(message));
  await new Promise((resolve) => process.on("disconnect", resolve));
  store[Symbol.dispose]();
  process.exit(0);
}

function tell(message: ToAsker): void {
  if (process.connected) process.send?.(message);
}

function beNice(): void {
  try {
    setPriority(NICE);
  } catch (error) {
    // Some containers don't allow it, and it is only manners.
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}

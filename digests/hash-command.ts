/**
 * The command `rangesrv hash DIR`: crawls a tree in the foreground, with a progress bar
 * on a terminal, and ends with an exit code.
 */

import { openRoot, type Root, type SymlinkPolicy } from "../files/locate.ts";
import { INTERRUPTED } from "../os/exit-code.ts";
import { crawl, type InfoHashOf } from "./crawl.ts";
import { hashJob } from "./hashing.ts";
import { Meter } from "./progress-bar.ts";
import { DigestStore } from "./store.ts";

export interface HashTreeOptions {
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
  readonly meter: Meter;
  /** Aborted to end early. */
  readonly signal: AbortSignal;
  /** Milliseconds that files get to settle; for tests. */
  readonly settling?: number;
}

/**
 * Hashes the files below the root that have no digests in the store. Resolves with the
 * exit code: 0 when all have digests now; 1 when one couldn't be read or stored, changed
 * meanwhile or is too large, with a log line; 130 when it was interrupted.
 */
export async function hashTree(
  root: Root,
  store: DigestStore,
  { meter, log, ...options }: HashTreeOptions,
): Promise<number> {
  const began = performance.now();
  function say(line: string): void {
    meter.clear();
    log(line);
  }
  const { ended, failed, summary } = await crawl(root, store, {
    ...options,
    hash: hashJob,
    fail: say,
    show(done, total) {
      const now = performance.now();
      meter.show({ done, total, seconds: (now - began) / 1000 }, now);
    },
  });
  switch (ended) {
    case "complete":
      say(summary);
      return failed ? 1 : 0;
    case "full":
      say(summary);
      return 1;
    case "interrupted":
      say(`interrupted; ${summary}, which are kept`);
      return INTERRUPTED;
  }
}

/** What the program gives the command. */
export interface HashOutput {
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
  /** Writes the bar. */
  readonly print: (text: string) => void;
}

/** Runs the command and ends the process. */
export async function hash(
  options: {
    readonly directory: string;
    readonly dotfiles: boolean;
    readonly symlinks: SymlinkPolicy;
    /** The state directory. */
    readonly state: string;
  },
  { infoHashOf, log, print }: HashOutput,
): Promise<void> {
  const root = openRoot(options.directory, options);
  const store = new DigestStore({ directory: options.state, log });
  const meter = new Meter(
    print,
    process.stderr.isTTY ? process.stderr.columns : undefined,
    performance.now(),
  );
  const signal = signalOfOperator();
  process.exitCode = await hashTree(root, store, { infoHashOf, log, meter, signal });
  store[Symbol.dispose]();
  process.exit();
}

/** Aborted by SIGINT and SIGTERM. A second one ends the process at once. */
export function signalOfOperator(): AbortSignal {
  const controller = new AbortController();
  function stop(): void {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
  }
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}

/**
 * `rangesrv hash DIR`: the digests of a tree, made before anyone asks for them, with
 * a bar on a terminal and an exit code.
 */

import { openRoot, type Root, type SymlinkPolicy } from "../files/locate.ts";
import { INTERRUPTED } from "../os/exit-code.ts";
import { crawl, type InfoHashOf } from "./crawl.ts";
import { formatLength } from "./hashing-log.ts";
import { hashJob } from "./hashing.ts";
import { Meter } from "./progress-bar.ts";
import { DigestStore } from "./store.ts";

export interface HashOptions {
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
  readonly meter: Meter;
  /** Aborted when it is to end early. */
  readonly signal: AbortSignal;
  /** Milliseconds that files get to settle; tests have no time. */
  readonly settling?: number;
}

/**
 * Hashes what the store lacks of the files below the root. Resolves with the exit
 * code: 0 when all are kept now; 1 when some couldn't be read or kept, changed meanwhile
 * or are too large, with a line in the log; 130 when it was interrupted.
 */
export async function hashTree(
  root: Root,
  store: DigestStore,
  { meter, log, ...options }: HashOptions,
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
      say(`${summary}; ${full(store)}`);
      return 1;
    case "interrupted":
      say(`interrupted; ${summary}, which are kept`);
      return INTERRUPTED;
  }
}

/** Why a crawl ended before the last file. */
export function full(store: DigestStore): string {
  return `no more fits into ${store.path}, at most ${formatLength(store.limit)}`;
}

/** What the command needs of the program. */
export interface HashOutput {
  readonly infoHashOf: InfoHashOf;
  /** For lines. */
  readonly log: (line: string) => void;
  /** For the bar. */
  readonly print: (text: string) => void;
}

/** The command: opens what the options name, and ends the process with an exit code. */
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

/** An AbortSignal that the operator's signals abort; a second one ends the process at once. */
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

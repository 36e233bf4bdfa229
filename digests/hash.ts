/**
 * `rangesrv hash DIR`: the digests of a tree, made before anyone asks for them. Each
 * file is kept when it is finished, so an interrupt loses the file in hand at most.
 *
 *   1. Count what the store lacks, to know how much there is to do.
 *   2. Hash it, file by file.
 *   3. Files that had just changed come last, when they had time to settle.
 */
import { type FileFacts } from "../files/identity.ts";
import { openRoot, type Root, type SymlinkPolicy } from "../files/locate.ts";
import { walk, type Walked } from "../files/walk.ts";
import { INTERRUPTED } from "../os/exit-code.ts";
import { formatLength } from "./hashing-log.ts";
import { hashJob } from "./hashing.ts";
import { fileJob, type InfoHashOf, isSettled, isTooLarge } from "./job.ts";
import { Meter } from "./progress.ts";
import { DigestStore } from "./store.ts";

export interface HashOptions {
  readonly log: (line: string) => void;
  readonly meter: Meter;
  /** Aborted when it is to end early. */
  readonly signal: AbortSignal;
  /** Milliseconds that files get to settle; tests have no time. */
  readonly settling?: number;
}

/** The coarsest time stamp (see representation.ts), and some more. */
const SETTLING = 2_100;
/** Entries looked at in one go: a signal is heard in between. */
const BATCH = 100;

class Interrupted extends Error {}

/**
 * Hashes what the store lacks of the files below the root. Resolves with the exit
 * code: 0 when all are kept now; 1 when some couldn't be read or kept, changed meanwhile
 * or are too large, with a line in the log; 130 when it was interrupted.
 */
export async function hashTree(
  root: Root,
  store: DigestStore,
  options: HashOptions,
): Promise<number> {
  const task = new Task(store, options);
  try {
    await task.forEach(walk(root), (found) => task.count(found));
    const late: FileFacts[] = [];
    await task.forEach(walk(root), async (found) => {
      if (found.kind === "unreadable") return task.fail(`cannot read ${found.path}: ${found.code}`);
      if (isSettled(found.file, Date.now())) return await task.hash(found.file);
      late.push(found.file);
    });
    if (late.length > 0) await Bun.sleep(options.settling ?? SETTLING);
    await task.forEach(late, (file) => task.hash(file));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    task.say(`interrupted; ${task.summary()}, which are kept`);
    return INTERRUPTED;
  }
  task.say(task.summary());
  return task.failed ? 1 : 0;
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
  const store = new DigestStore({ directory: options.state, infoHashOf, log });
  const meter = new Meter(
    print,
    process.stderr.isTTY ? process.stderr.columns : undefined,
    performance.now(),
  );
  const signal = signalOfOperator();
  process.exitCode = await hashTree(root, store, { log, meter, signal });
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

class Task {
  failed = false;
  readonly #began = performance.now();
  /** Bytes: to be hashed, and of those the ones read so far. */
  #total = 0;
  #done = 0;
  #hashed = 0;
  #hashedBytes = 0;
  #kept = 0;

  constructor(
    readonly store: DigestStore,
    readonly options: HashOptions,
  ) {}

  /** Throws Interrupted when it is to end. */
  async forEach<T>(things: Iterable<T>, act: (thing: T) => void | Promise<void>): Promise<void> {
    let n = 0;
    for (const thing of things) {
      if (n++ % BATCH === 0) await this.#rest();
      await act(thing);
    }
    await this.#rest();
  }

  count(found: Walked): void {
    if (found.kind === "unreadable") return;
    const job = fileJob(found.file);
    if (!isTooLarge(job) && this.store.find(job) === undefined) this.#total += found.file.size;
  }

  async hash(file: FileFacts): Promise<void> {
    const job = fileJob(file);
    if (isTooLarge(job)) return this.fail(`${file.path} is too large to have digests`);
    if (this.store.find(job) !== undefined) {
      this.#kept += 1;
      return;
    }
    if (!isSettled(file, Date.now())) return this.fail(`${file.path} was written in the future`);
    const before = this.#done;
    const outcome = await hashJob(job, async (done) => {
      this.#done = before + done;
      this.#show();
      await this.#rest();
    });
    this.#done = before + file.size;
    switch (outcome.kind) {
      case "digested":
        // The store has said why when it couldn't.
        if (!this.store.keep(job, outcome.digested)) this.failed = true;
        this.#hashed += 1;
        this.#hashedBytes += file.size;
        return;
      case "changed":
        return this.fail(`${file.path} changed while it was hashed`);
      case "unreadable":
        return this.fail(`cannot read ${outcome.path}: ${outcome.code}`);
    }
  }

  fail(line: string): void {
    this.failed = true;
    this.say(line);
  }

  say(line: string): void {
    this.options.meter.clear();
    this.options.log(line);
  }

  /** `hashed 3 files, 1.5 GiB, besides 10 that were kept before` */
  summary(): string {
    const hashed = `hashed ${this.#hashed} files, ${formatLength(this.#hashedBytes)}`;
    return this.#kept === 0 ? hashed : `${hashed}, besides ${this.#kept} that were kept before`;
  }

  #show(): void {
    const now = performance.now();
    const seconds = (now - this.#began) / 1000;
    this.options.meter.show({ done: this.#done, total: this.#total, seconds }, now);
  }

  async #rest(): Promise<void> {
    await new Promise(setImmediate);
    if (this.options.signal.aborted) throw new Interrupted();
  }
}

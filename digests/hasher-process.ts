import { thisProgram } from "../os/itself.ts";
import { hasherEnvironment } from "./hasher.ts";
/**
 * The hasher as a serving process sees it: started when something is to be asked,
 * ended when nothing was for a while, started again, later and later, when it dies.
 */
import type { Job } from "./job.ts";
import { type Found, type Hasher, type Question, Questions } from "./questions.ts";
import type { FromHasher, ToHasher } from "./queue.ts";

/** Milliseconds without a question after which it is ended. */
const IDLE = 60_000;
/** Milliseconds before one that died is replaced; doubled when the next dies young. */
const DELAY = 1_000;
const LONGEST_DELAY = 60_000;
/** Milliseconds after which it didn't die young. */
const GROWN_UP = 10_000;

export interface HasherOptions {
  /** This program again; other arguments are for tests. */
  readonly command?: readonly string[];
  /** The state directory; undefined keeps digests in memory. */
  readonly directory: string | undefined;
  readonly log: (line: string) => void;
  /** Milliseconds; see IDLE and DELAY. */
  readonly idle?: number;
  readonly delay?: number;
}

export class HasherProcess implements Hasher {
  readonly #options: HasherOptions;
  #child: Bun.Subprocess | undefined;
  #started = 0;
  #delay: number;
  /** Milliseconds on the monotonic clock before which none is started. */
  #notBefore = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  readonly #questions = new Questions((message) => this.#send(message));

  constructor(options: HasherOptions) {
    this.#options = options;
    this.#delay = options.delay ?? DELAY;
  }

  /** Of the process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get wait(): number {
    return this.#child === undefined ? Math.max(0, this.#notBefore - performance.now()) : 0;
  }

  ask(job: Job, urgent: boolean, question: Question): () => void {
    return this.#questions.ask(job, urgent, question);
  }

  find(infoHash: Uint8Array): Promise<Found> {
    // Without a directory, one that is started now knows nothing yet.
    const isEmpty = this.#child === undefined && this.#options.directory === undefined;
    if (isEmpty && this.wait === 0) return Promise.resolve({ kind: "none" });
    return this.#questions.find(infoHash);
  }

  [Symbol.dispose](): void {
    this.#notBefore = Infinity;
    this.#end();
    this.#questions.lose();
  }

  #send(message: ToHasher): void {
    clearTimeout(this.#idle);
    if (this.wait > 0) return this.#questions.lose();
    try {
      this.#child ??= this.#start();
      this.#child.send(message);
    } catch (error) {
      // It has just ended, and its end is heard next; or it can't be started.
      if (!(error instanceof Error)) throw error;
      if (this.#child === undefined) this.#failed(`cannot start a hasher (${error.message})`);
      this.#questions.lose();
    }
  }

  #start(): Bun.Subprocess {
    const { command = thisProgram(), directory } = this.#options;
    this.#started = performance.now();
    const child = Bun.spawn([...command], {
      env: hasherEnvironment(directory),
      stdio: ["ignore", "ignore", "inherit"],
      serialization: "advanced",
      ipc: (message: FromHasher) => this.#hear(message),
      onExit: (_, exitCode, signalCode) => {
        if (this.#child !== child) return;
        this.#child = undefined;
        this.#failed(`hasher ${child.pid} ended with ${signalCode ?? `code ${exitCode}`}`);
        this.#questions.lose();
      },
    });
    child.unref();
    return child;
  }

  #hear(message: FromHasher): void {
    this.#questions.hear(message);
    this.#rest();
  }

  /** Ends the process in a while when nothing else is asked. */
  #rest(): void {
    if (this.#questions.size > 0) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(), this.#options.idle ?? IDLE).unref();
  }

  /** It ends by itself when it is let go of. */
  #end(): void {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#child = undefined;
    child?.disconnect();
  }

  #failed(what: string): void {
    const now = performance.now();
    const grownUp = now - this.#started > GROWN_UP;
    const delay = grownUp ? (this.#options.delay ?? DELAY) : this.#delay;
    this.#delay = Math.min(2 * delay, LONGEST_DELAY);
    this.#notBefore = now + delay;
    this.#options.log(`${what}; starting none for ${delay / 1000} s`);
  }
}

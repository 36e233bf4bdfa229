/**
 * The hasher as its parent process has it: it starts the process for the first question,
 * ends it after a minute without one, and kills it after 30 seconds without a message
 * while a question waits. After each death it waits longer before it starts the next.
 */

import { thisProgram } from "../os/child-process.ts";
import { Asker, NoAnswer, type ToAnswerer, type ToAsker } from "../os/line.ts";
import type {
  Answer,
  BytesRead,
  Found,
  Hasher,
  HasherTopics,
  HashRequest,
  Tree,
} from "./hasher-questions.ts";
import { hasherEnvironment } from "./hasher-role.ts";
import type { Digested, Job, Place } from "./job.ts";

/** Milliseconds without a question after which the process is ended. */
const IDLE = 60_000;
/** Milliseconds between a death and the next start; doubled with each death. */
const DELAY = 1_000;
const LONGEST_DELAY = 60_000;
/** Milliseconds; a process that ran this long resets the delay. */
const GROWN_UP = 10_000;
/** Milliseconds; the process is killed after twice this time without a message. */
const SILENCE = 15_000;
/** Killed processes that haven't ended, because a disk doesn't answer: with two, no other is started. */
const MOST_STUCK = 2;
/** Milliseconds to wait for an answer from the store. */
const STORE_LIMIT = 2_000;

export interface HasherOptions {
  /** Undefined: this program; tests start others. */
  readonly command?: readonly string[] | undefined;
  /** The state directory; undefined: nothing is stored. */
  readonly directory: string | undefined;
  readonly log: (line: string) => void;
  /** Milliseconds; see IDLE, DELAY and SILENCE. */
  readonly idle?: number;
  readonly delay?: number;
  readonly silence?: number;
}

export class HasherChild implements Hasher {
  readonly #options: HasherOptions;
  readonly #asker = new Asker<HasherTopics>((message) => this.#send(message));
  #child: Bun.Subprocess | undefined;
  readonly #stuck = new Set<Bun.Subprocess>();
  #started = 0;
  #delay: number;
  /** Milliseconds on the monotonic clock; no process is started before. */
  #notBefore = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  /** Runs while a question waits. */
  #watchdog: ReturnType<typeof setInterval> | undefined;
  /** Times that the watchdog ran since the last message. */
  #silent = 0;
  bytesRead = 0;

  constructor(options: HasherOptions) {
    this.#options = options;
    this.#delay = options.delay ?? DELAY;
  }

  get wait(): number {
    if (this.#child !== undefined) return 0;
    const wait = Math.max(0, this.#notBefore - performance.now());
    return this.#stuck.size < MOST_STUCK ? wait : Math.max(wait, LONGEST_DELAY);
  }

  async hash(job: Job, { urgent, progress, signal }: HashRequest): Promise<Answer> {
    try {
      return await this.#asker.ask("hash", { job, urgent }, { progress, signal });
    } catch (error) {
      if (!signal.aborted) this.#logFailure(`cannot hash ${job.path}`, error);
      return { kind: "lost" };
    }
  }

  async find(infoHash: Uint8Array): Promise<Found> {
    try {
      const place = await this.#asker.ask("find", infoHash, { limit: STORE_LIMIT });
      return place === undefined ? { kind: "none" } : { kind: "place", place };
    } catch (error) {
      this.#logFailure("cannot look up an info hash", error);
      return { kind: "lost" };
    }
  }

  async look(job: Job): Promise<Digested | undefined> {
    try {
      return await this.#asker.ask("look", job, { limit: STORE_LIMIT });
    } catch (error) {
      this.#logFailure("cannot look up digests", error);
      return undefined;
    }
  }

  async name(infoHash: Uint8Array, place: Place): Promise<void> {
    try {
      await this.#asker.ask("name", { infoHash, place });
    } catch (error) {
      this.#logFailure("cannot keep an info hash", error);
    }
  }

  async crawl(tree: Tree): Promise<string | undefined> {
    try {
      return await this.#asker.ask("crawl", tree);
    } catch (error) {
      this.#logFailure(`cannot hash ${tree.directory}`, error);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#notBefore = Infinity;
    this.#end();
    this.#asker.close("This server ends");
  }

  /** Logs a failure that the hasher reported. Its end has a line already. */
  #logFailure(what: string, error: unknown): void {
    if (!(error instanceof NoAnswer)) this.#options.log(`${what}: ${String(error)}`);
  }

  #send(message: ToAnswerer): void {
    if (this.wait > 0) throw new NoAnswer("The hasher is down");
    clearTimeout(this.#idle);
    this.#child ??= this.#start();
    this.#child.send(message);
    this.#watch();
  }

  #start(): Bun.Subprocess {
    const { command = thisProgram(), directory } = this.#options;
    this.#started = performance.now();
    try {
      const child = Bun.spawn([...command], {
        env: hasherEnvironment(directory),
        stdio: ["ignore", "ignore", "inherit"],
        serialization: "advanced",
        ipc: (message: ToAsker | BytesRead) => {
          if (message.kind === "read") this.bytesRead += message.bytes;
          else if (this.#child === child) this.#hear(message);
        },
        onExit: (_, exitCode, signalCode) => {
          this.#stuck.delete(child);
          const how = signalCode ?? `code ${exitCode}`;
          if (this.#child === child) this.#lose(`hasher ${child.pid} ended with ${how}`);
        },
      });
      child.unref();
      return child;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#lose(`cannot start a hasher (${error.message})`);
      throw new NoAnswer("The hasher is down");
    }
  }

  #hear(message: ToAsker): void {
    this.#silent = 0;
    this.#asker.hear(message);
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#asker.size > 0) return;
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(), this.#options.idle ?? IDLE).unref();
  }

  /** The process ends itself when the channel is closed. */
  #end(): void {
    clearTimeout(this.#idle);
    clearInterval(this.#watchdog);
    const child = this.#child;
    this.#child = undefined;
    child?.disconnect();
  }

  /**
   * Kills a hasher that is stopped, or hangs at a disk. One interval isn't enough: this
   * process may have been stopped itself, and then has messages to read first.
   */
  #watch(): void {
    if (this.#watchdog !== undefined) return;
    const { silence = SILENCE } = this.#options;
    this.#silent = 0;
    this.#watchdog = setInterval(() => {
      const child = this.#child;
      this.#silent += 1;
      if (this.#silent <= 2 || child === undefined) return;
      this.#stuck.add(child);
      child.kill("SIGKILL");
      this.#lose(`hasher ${child.pid} gave no sign of life for ${(2 * silence) / 1000} s`);
    }, silence).unref();
  }

  /** The process is gone: all questions fail, and the next start has to wait. */
  #lose(what: string): void {
    clearInterval(this.#watchdog);
    this.#watchdog = undefined;
    this.#child = undefined;
    const now = performance.now();
    const grownUp = now - this.#started > GROWN_UP;
    const delay = grownUp ? (this.#options.delay ?? DELAY) : this.#delay;
    this.#delay = Math.min(2 * delay, LONGEST_DELAY);
    this.#notBefore = now + delay;
    this.#options.log(`${what}; starting none for ${delay / 1000} s`);
    this.#asker.close("The hasher is gone");
  }
}

/**
 * The hasher as a serving process sees it: started when something is to be asked, ended
 * when nothing was for a while, killed when it gives no sign of life, and started again,
 * later and later, when it dies.
 */

import { thisProgram } from "../os/itself.ts";
import { Asker, NoAnswer, type ToAnswerer, type ToAsker } from "../os/line.ts";
import { hasherEnvironment } from "./hasher-main.ts";
import type { Answer, Found, Hasher, HasherTopics, HashRequest, Tree } from "./hasher-questions.ts";
import type { Digested, Job, Place } from "./job.ts";

/** Milliseconds without a question after which it is ended. */
const IDLE = 60_000;
/** Milliseconds before one that died is replaced; doubled when the next dies young. */
const DELAY = 1_000;
const LONGEST_DELAY = 60_000;
/** Milliseconds after which it didn't die young. */
const GROWN_UP = 10_000;
/** Milliseconds without a message, while it is asked something: twice this, and it is killed. */
const SILENCE = 15_000;
/** Killed ones that haven't ended, since a disk holds them: more are not started beside them. */
const MOST_STUCK = 2;
/** Milliseconds to wait for an answer that needs no hashing. */
const FIND_LIMIT = 2_000;

export interface HasherOptions {
  /** This program again; other arguments are for tests. */
  readonly command?: readonly string[] | undefined;
  /** The state directory; undefined keeps nothing. */
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
  /** Milliseconds on the monotonic clock before which none is started. */
  #notBefore = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #listening: ReturnType<typeof setInterval> | undefined;
  /** How often it was listened to in vain. */
  #silent = 0;

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
      if (!signal.aborted) this.#say(`cannot hash ${job.path}`, error);
      return { kind: "lost" };
    }
  }

  async find(infoHash: Uint8Array): Promise<Found> {
    try {
      const place = await this.#asker.ask("find", infoHash, { limit: FIND_LIMIT });
      return place === undefined ? { kind: "none" } : { kind: "place", place };
    } catch (error) {
      this.#say("cannot look up an info hash", error);
      return { kind: "lost" };
    }
  }

  async look(job: Job): Promise<Digested | undefined> {
    try {
      return await this.#asker.ask("look", job, { limit: FIND_LIMIT });
    } catch (error) {
      this.#say("cannot look up digests", error);
      return undefined;
    }
  }

  async name(infoHash: Uint8Array, place: Place): Promise<void> {
    try {
      await this.#asker.ask("name", { infoHash, place });
    } catch (error) {
      this.#say("cannot keep an info hash", error);
    }
  }

  async crawl(tree: Tree): Promise<string | undefined> {
    try {
      return await this.#asker.ask("crawl", tree);
    } catch (error) {
      this.#say(`cannot hash ${tree.directory}`, error);
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    this.#notBefore = Infinity;
    this.#end();
    this.#asker.close("This server ends");
  }

  /** That there is no answer has had its line when the hasher ended. */
  #say(what: string, error: unknown): void {
    if (!(error instanceof NoAnswer)) this.#options.log(`${what}: ${String(error)}`);
  }

  #send(message: ToAnswerer): void {
    if (this.wait > 0) throw new NoAnswer("The hasher is down");
    clearTimeout(this.#idle);
    this.#child ??= this.#start();
    this.#child.send(message);
    this.#listen();
  }

  #start(): Bun.Subprocess {
    const { command = thisProgram(), directory } = this.#options;
    this.#started = performance.now();
    try {
      const child = Bun.spawn([...command], {
        env: hasherEnvironment(directory),
        stdio: ["ignore", "ignore", "inherit"],
        serialization: "advanced",
        ipc: (message: ToAsker) => {
          if (this.#child === child) this.#hear(message);
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
    this.#rest();
  }

  /** Ends the process in a while when nothing else is asked. */
  #rest(): void {
    if (this.#asker.size > 0) return;
    clearInterval(this.#listening);
    this.#listening = undefined;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(), this.#options.idle ?? IDLE).unref();
  }

  /** It ends by itself when it is let go of. */
  #end(): void {
    clearTimeout(this.#idle);
    clearInterval(this.#listening);
    const child = this.#child;
    this.#child = undefined;
    child?.disconnect();
  }

  /**
   * Kills a hasher that is stopped, or hangs at a disk. Twice, since this process may
   * have been stopped itself: then what the hasher said is still to be read.
   */
  #listen(): void {
    if (this.#listening !== undefined) return;
    const { silence = SILENCE } = this.#options;
    this.#silent = 0;
    this.#listening = setInterval(() => {
      const child = this.#child;
      this.#silent += 1;
      if (this.#silent <= 2 || child === undefined) return;
      this.#stuck.add(child);
      child.kill("SIGKILL");
      this.#lose(`hasher ${child.pid} gave no sign of life for ${(2 * silence) / 1000} s`);
    }, silence).unref();
  }

  /** There is no hasher any more, and none for a while. */
  #lose(what: string): void {
    clearInterval(this.#listening);
    this.#listening = undefined;
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

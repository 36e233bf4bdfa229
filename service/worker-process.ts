/** One worker as its supervisor sees it: its process is started, spoken to, and killed when it hangs. */

import { environmentFor, thisProgram } from "../os/child-process.ts";
import { MISTAKE } from "../os/exit-code.ts";
import { Answerer, type Answers, type Topics } from "../os/line.ts";
import { type Activity, IDLE } from "./activity.ts";
import type { Log } from "./log.ts";
import type { SupervisorMetrics } from "./metrics/seat.ts";
import { type ToSupervisor, type ToWorker, WORKER } from "./worker.ts";

export interface WorkerOptions<T extends Topics> {
  /** What it is started with: the options, and the port to share. */
  readonly handed: string;
  /** Takes lines about failures. */
  readonly log: Log;
  /** Answers its questions. */
  readonly answers: Answers<T>;
  /** Undefined: nothing is counted. */
  readonly metrics?: SupervisorMetrics | undefined;
  /** This program, or in tests another. */
  readonly command?: readonly string[] | undefined;
  /** Called when it has ended. */
  readonly ended: (worker: WorkerProcess<T>) => void;
}

/** A worker that ended before it listened. */
export class EndedEarly extends Error {
  constructor(
    how: string,
    /** The operator's: every worker would make it, since all have the same options. */
    readonly isMistake: boolean,
  ) {
    super(`A worker ended with ${how} before it listened`);
  }
}

export class WorkerProcess<T extends Topics> {
  readonly #options: WorkerOptions<T>;
  readonly #process: Bun.Subprocess;
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<string>();
  /** Called when it answers a ping, or no longer listens. */
  #answered = () => {};
  #isClosed = false;
  readonly started = performance.now();
  isReady = false;
  /** Whether it was told to close, since its successor listens. */
  leaving = false;
  /** What it said in its last answer to a ping. */
  activity: Activity = IDLE;
  /** Whether it was killed. */
  hung = false;

  /** Throws when no process can be started. */
  constructor(options: WorkerOptions<T>) {
    this.#options = options;
    this.#process = this.#spawn();
  }

  /** Rejects with {@link EndedEarly} when it ends before it listens. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Resolves when it no longer listens, with the reason. */
  get closed(): Promise<string> {
    return this.#closed.promise;
  }

  get pid(): number {
    return this.#process.pid;
  }

  #spawn(): Bun.Subprocess {
    const { command = sameCommand(), handed, answers, metrics, ended } = this.#options;
    const seat = metrics?.takeSeat();
    using unstarted = new DisposableStack();
    unstarted.defer(() => seat?.release());
    const answerer = new Answerer(answers, (message) => child.send(message));
    const child = Bun.spawn([...command], {
      env: { ...environmentFor(WORKER, handed), ...seat?.environment },
      stdio: ["ignore", "inherit", "inherit", ...(seat?.descriptors ?? [])],
      serialization: "advanced",
      ipc: (message: ToSupervisor) => this.#hear(message, answerer),
      onExit: ({ exitCode, signalCode }) => {
        const how = String(signalCode ?? `code ${exitCode}`);
        this.#ready.reject(new EndedEarly(how, exitCode === MISTAKE));
        this.#close(`ended with ${how}`);
        answerer.close();
        seat?.release();
        ended(this);
      },
    });
    unstarted.move();
    return child;
  }

  #hear(message: ToSupervisor, answerer: Answerer<T>): void {
    switch (message.kind) {
      case "ready":
        return this.#ready.resolve();
      case "closed":
        return this.#close("stopped listening");
      case "pong":
        this.activity = message.activity;
        return this.#answered();
      case "ask":
      case "withdraw":
        return answerer.hear(message);
    }
  }

  #close(why: string): void {
    this.#isClosed = true;
    this.#closed.resolve(why);
    this.#answered();
  }

  /**
   * Has it say what it is doing. Resolves when it has, or no longer listens: told by a call
   * and not by a race with `closed`, which would remember every ping until the worker ends.
   */
  ping(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answered = resolve;
    this.send({ kind: "ping" });
    return promise;
  }

  /** Sends to it, if it still runs. */
  send(message: ToWorker): void {
    try {
      this.#process.send(message);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Kills it if it still runs after so many milliseconds. */
  killAfter(milliseconds: number, what: string): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#options.log(`worker ${this.pid} ${what}; killing it`);
      this.hung = true;
      this.kill();
    }, milliseconds);
    void this.#process.exited.then(() => clearTimeout(timer));
    return timer;
  }
}

/** This program again. The arguments are for those who list processes: a worker doesn't read them. */
function sameCommand(): readonly string[] {
  return [...thisProgram(), ...process.argv.slice(2)];
}

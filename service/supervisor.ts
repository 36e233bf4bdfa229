/**
 * Several processes on one port. The supervisor serves nothing: it starts N workers,
 * each this same program with one environment variable, replaces those that end,
 * drains all on SIGTERM and rolls them one by one on SIGHUP. One that hangs is killed.
 */

import { availableParallelism } from "node:os";
import { environmentFor, thisProgram } from "../os/child-process.ts";
import { INTERRUPTED, MISTAKE } from "../os/exit-code.ts";
import { Answerer, type Answers, type Topics } from "../os/line.ts";
import type { Log } from "./log.ts";
import { Signals } from "./shutdown.ts";
import { type ToSupervisor, type ToWorker, WORKER } from "./worker.ts";

/** `auto`: more than these have never been what limits a link. */
const MOST_WORKERS = 8;

/** Milliseconds before a worker that died is replaced; doubled for each that dies young. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** Milliseconds after which a worker didn't die young. */
const GROWN_UP = 10_000;

/** Milliseconds until a worker listens: cold disks and busy machines take seconds. */
const LISTENS_WITHIN = 30_000;
/** Milliseconds until a worker that was told to close has taken its last calls. */
const CLOSES_WITHIN = 10_000;
/** Milliseconds after the grace in which a worker ends by itself. */
const LATE = 2_000;

/** How many processes serve: one where a port can't be shared. */
export function countWorkers(workers: number | "auto"): number {
  if (process.platform !== "linux") return 1;
  return workers === "auto" ? Math.min(availableParallelism(), MOST_WORKERS) : workers;
}

/** One worker as the supervisor sees it. */
interface Worker {
  readonly process: Bun.Subprocess;
  readonly ready: Promise<void>;
  /** Says why it no longer listens. */
  readonly closed: Promise<string>;
  readonly started: number;
  /** It was told to close, and has a successor. */
  leaving: boolean;
}

export interface SupervisorOptions<T extends Topics> {
  readonly port: number;
  readonly count: number;
  /** Seconds that responses in flight have to finish. */
  readonly grace: number;
  /** For what went wrong. */
  readonly log: Log;
  /** For what is going on. */
  readonly tell: Log;
  /** Answers what workers ask. */
  readonly answers: Answers<T>;
  /** This program again; another command, time and end are for tests. */
  readonly command?: readonly string[];
  readonly listensWithin?: number;
  readonly exit?: (code: number) => void;
}

/** A worker that ended before it listened. */
class EndedEarly extends Error {
  constructor(
    how: string,
    /** Another would make it too: it read the same command line. */
    readonly isMistake: boolean,
  ) {
    super(`A worker ended with ${how} before it listened`);
  }
}

/** Keeps `count` workers serving on `port` until a signal ends them all. */
export class Supervisor<T extends Topics> {
  readonly #options: SupervisorOptions<T>;
  /** In the order in which the kernel has their listeners. */
  readonly #listening: Worker[] = [];
  readonly #running = new Set<Worker>();
  #delay = FIRST_DELAY;
  readonly #signals = new Signals();
  #stopping = false;
  /** Whether a rolling restart may begin. */
  #settled = false;

  constructor(options: SupervisorOptions<T>) {
    this.#options = options;
  }

  obeySignals(): void {
    process.on("SIGTERM", () => this.stop());
    process.on("SIGINT", () => this.stop());
    process.on("SIGHUP", () => void this.#roll());
  }

  /** Whether all are listening, or a signal came first. Rejects over a mistake that any worker would make. */
  async start(): Promise<boolean> {
    for (let n = 0; n < this.#options.count; n++) {
      await this.#startSurely((error) => !(error instanceof EndedEarly) || error.isMistake);
      if (this.#stopping) return false;
    }
    this.#settled = true;
    return true;
  }

  /** Starts a worker, and another, later and later, while they end before they listen. */
  async #startSurely(isFatal: (error: unknown) => boolean): Promise<void> {
    while (!this.#stopping) {
      try {
        return await this.#start();
      } catch (error) {
        if (this.#stopping) return;
        if (isFatal(error)) throw error;
        this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
        const what = error instanceof Error ? error.message : String(error);
        this.#options.log(`${what}; trying again in ${this.#delay} ms`);
        await Bun.sleep(this.#delay);
      }
    }
  }

  async #start(): Promise<void> {
    const { command = sameCommand(), listensWithin = LISTENS_WITHIN } = this.#options;
    const ready = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string>();
    // The worker's end is heard elsewhere: an answer that can't be sent is nobody's.
    const { answers } = this.#options;
    const answerer = new Answerer(answers, (message) => child.send(message));
    const child = Bun.spawn([...command], {
      env: environmentFor(WORKER, String(this.#options.port)),
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "advanced",
      ipc: (message: ToSupervisor) => {
        switch (message.kind) {
          case "ready":
            return ready.resolve();
          case "closed":
            return closed.resolve("stopped listening");
          case "ask":
          case "withdraw":
            return answerer.hear(message);
        }
      },
      onExit: ({ exitCode, signalCode }) => {
        const how = String(signalCode ?? `code ${exitCode}`);
        ready.reject(new EndedEarly(how, exitCode === MISTAKE));
        closed.resolve(`ended with ${how}`);
        answerer.close();
        this.#running.delete(worker);
        if (this.#stopping && this.#running.size === 0) this.#exit(0);
      },
    });
    const worker: Worker = {
      process: child,
      ready: ready.promise,
      closed: closed.promise,
      started: performance.now(),
      leaving: false,
    };
    this.#running.add(worker);
    void worker.closed.then((why) => this.#closed(worker, why));
    const late = this.#killAfter(listensWithin, worker, "hasn't listened yet");
    await worker.ready;
    clearTimeout(late);
    this.#listening.push(worker);
  }

  /** Kills a worker that still runs after so many milliseconds. */
  #killAfter(milliseconds: number, worker: Worker, what: string): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#options.log(`worker ${worker.process.pid} ${what}; killing it`);
      worker.process.kill("SIGKILL");
    }, milliseconds);
    void worker.process.exited.then(() => clearTimeout(timer));
    return timer;
  }

  /** Replaces a worker that no longer listens, unless that was asked for. */
  #closed(worker: Worker, why: string): void {
    const listened = this.#forgetListener(worker);
    if (!listened || worker.leaving || this.#stopping) return;
    const grownUp = performance.now() - worker.started > GROWN_UP;
    this.#delay = grownUp ? FIRST_DELAY : Math.min(2 * this.#delay, LONGEST_DELAY);
    this.#options.log(`worker ${worker.process.pid} ${why}; replacing it in ${this.#delay} ms`);
    setTimeout(() => void this.#startSurely(() => false), this.#delay);
    this.#endAfterGrace(worker);
  }

  /** Does what the kernel does when a listener is closed: the last one takes its place. Whether there was one. */
  #forgetListener(worker: Worker): boolean {
    const index = this.#listening.indexOf(worker);
    if (index === -1) return false;
    const last = this.#listening.pop();
    if (last !== undefined && last !== worker) this.#listening[index] = last;
    return true;
  }

  /** One by one: a successor listens before a worker is excluded, accepts its last and closes. */
  async #roll(): Promise<void> {
    if (!this.#settled || this.#stopping) return;
    this.#settled = false;
    this.#options.tell("rolling restart");
    try {
      for (const worker of [...this.#listening]) {
        await this.#start();
        // It may have died meanwhile, and been replaced.
        if (this.#listening.includes(worker) && !this.#stopping) await this.#retire(worker);
        if (this.#stopping) return;
      }
      this.#options.tell("rolled");
    } catch (error) {
      if (!this.#stopping) this.#options.log(`rolling restart given up: ${String(error)}`);
    } finally {
      this.#settled = true;
    }
  }

  /** Has a worker close, now that its successor listens, and sees that it ends. */
  async #retire(worker: Worker): Promise<void> {
    worker.leaving = true;
    const successor = this.#listening.at(-1);
    const index = this.#listening.indexOf(worker);
    send(successor, { kind: "exclude", index, count: this.#listening.length });
    send(worker, { kind: "close" });
    const late = this.#killAfter(CLOSES_WITHIN, worker, "hasn't closed its listener");
    await worker.closed;
    clearTimeout(late);
    send(successor, { kind: "exclude-none" });
    this.#endAfterGrace(worker);
  }

  /** A worker ends by itself when the grace is over, unless it hangs. */
  #endAfterGrace(worker: Worker): void {
    const { grace } = this.#options;
    this.#killAfter(grace * 1000 + LATE, worker, `still runs after ${grace} s of grace`);
  }

  /** Drains all; a second time ends them at once. */
  stop(): void {
    const signal = this.#signals.next();
    if (signal === "echo") return;
    if (signal === "second") {
      for (const worker of this.#running) worker.process.kill("SIGKILL");
      return this.#exit(INTERRUPTED);
    }
    this.#stopping = true;
    this.#options.tell(`stopping ${this.#running.size} workers`);
    if (this.#running.size === 0) this.#exit(0);
    for (const worker of this.#running) {
      send(worker, { kind: "stop" });
      this.#endAfterGrace(worker);
    }
  }

  #exit(code: number): void {
    (this.#options.exit ?? process.exit)(code);
  }
}

/** A worker that has just ended can't be told, and needn't be: its end is heard next. */
function send(worker: Worker | undefined, message: ToWorker): void {
  try {
    worker?.process.send(message);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** This program again, with the same arguments. */
function sameCommand(): readonly string[] {
  return [...thisProgram(), ...process.argv.slice(2)];
}

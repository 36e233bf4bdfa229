/**
 * Several processes on one port. The supervisor serves nothing itself: it starts N
 * workers (worker.ts), replaces those that end, drains all on SIGTERM and replaces them
 * one by one on SIGHUP. It kills a worker that hangs.
 */

import { availableParallelism } from "node:os";
import { environmentFor, thisProgram } from "../os/child-process.ts";
import { INTERRUPTED, MISTAKE } from "../os/exit-code.ts";
import { Answerer, type Answers, type Topics } from "../os/line.ts";
import { type Activity, IDLE, together } from "./activity.ts";
import { onHangup } from "./hangup.ts";
import type { Log } from "./log.ts";
import type { SupervisorMetrics } from "./metrics/seat.ts";
import { reloads } from "./reload.ts";
import { serviceManager } from "./service-manager.ts";
import { Signals } from "./shutdown.ts";
import { type ToSupervisor, type ToWorker, WORKER } from "./worker.ts";

/** Workers that `auto` starts at most: more have not sent faster. */
const MOST_WORKERS = 8;

/** Milliseconds until a worker that ended is replaced; doubled for each that ends early. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** Milliseconds: a worker that ran this long resets the delay. */
const LONG_RUN = 10_000;

/** Milliseconds that a worker has to begin listening: a cold disk or a busy machine takes seconds. */
const LISTENS_WITHIN = 30_000;
/** Milliseconds that a worker has to close its listener after it was told to. */
const CLOSES_WITHIN = 10_000;
/** Milliseconds after the grace that a worker has to end by itself. */
const LATE = 2_000;

/** How many processes serve; one where the system can't share a port. */
export function countWorkers(workers: number | "auto"): number {
  if (process.platform !== "linux") return 1;
  return workers === "auto" ? Math.min(availableParallelism(), MOST_WORKERS) : workers;
}

/** One worker as the supervisor sees it. */
interface Worker {
  readonly process: Bun.Subprocess;
  readonly ready: Promise<void>;
  isReady: boolean;
  /** Resolves when it no longer listens, with the reason. */
  readonly closed: Promise<string>;
  readonly started: number;
  /** Whether it was told to close, since its successor listens. */
  leaving: boolean;
  /** What it said in its last answer to a ping. */
  activity: Activity;
  /** Called when it answers a ping. */
  answered: () => void;
  /** Whether it was killed. */
  hung: boolean;
}

export interface SupervisorOptions<T extends Topics> {
  /** What each worker is started with: the options, and the port to share. */
  readonly handed: string;
  /** At SIGHUP: what new workers are started with; undefined: nothing changes. */
  readonly reload?: () => { readonly handed: string; readonly apply: () => void } | undefined;
  readonly count: number;
  /** Seconds that responses in flight have to finish. */
  readonly grace: number;
  /** Takes lines about failures. */
  readonly log: Log;
  /** Takes lines about normal events; `--quiet` drops them. */
  readonly tell: Log;
  /** Answers the questions of workers. */
  readonly answers: Answers<T>;
  /** Undefined: nothing is counted. */
  readonly metrics?: SupervisorMetrics | undefined;
  /** The worker's command: this program, or in tests another. So with the next two. */
  readonly command?: readonly string[];
  readonly listensWithin?: number;
  readonly exit?: (code: number) => void;
}

/** A worker that ended before it listened. */
class EndedEarly extends Error {
  constructor(
    how: string,
    /** The operator's: every worker would make it, since all have the same options. */
    readonly isMistake: boolean,
  ) {
    super(`A worker ended with ${how} before it listened`);
  }
}

/** Keeps `count` workers serving on `port` until a signal ends them all. */
export class Supervisor<T extends Topics> {
  readonly #options: SupervisorOptions<T>;
  /** In the order that their listeners have in the kernel. */
  readonly #listening: Worker[] = [];
  readonly #running = new Set<Worker>();
  #delay = FIRST_DELAY;
  readonly #signals = new Signals();
  #stopping = false;
  /** Whether all listened once. */
  readonly #started = Promise.withResolvers<void>();
  /** Bytes that workers which have ended had sent. */
  #bytesOfEnded = 0;
  #handed: string;
  #grace: number;

  constructor(options: SupervisorOptions<T>) {
    this.#options = options;
    this.#handed = options.handed;
    this.#grace = options.grace;
  }

  obeySignals(): void {
    reloads.on((options) => () => (this.#grace = options.grace));
    process.on("SIGTERM", () => this.stop());
    process.on("SIGINT", () => this.stop());
    onHangup(() => this.#roll());
  }

  /** True when all listen, false when a signal came first. Rejects over a mistake that every worker would make. */
  async start(): Promise<boolean> {
    for (let n = 0; n < this.#options.count; n++) {
      await this.#startSurely((error) => !(error instanceof EndedEarly) || error.isMistake);
      if (this.#stopping) return false;
    }
    this.#started.resolve();
    serviceManager.watch(() => this.#ask());
    return true;
  }

  /** Starts a worker. When it ends before it listens, starts another after a delay that doubles each time. */
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

  /** Starts a worker. Rejects with {@link EndedEarly} when it ends before it listens. */
  async #start(): Promise<void> {
    const worker = this.#spawn();
    this.#running.add(worker);
    void worker.closed.then((why) => this.#closed(worker, why));
    const { listensWithin = LISTENS_WITHIN } = this.#options;
    const late = this.#killAfter(listensWithin, worker, "hasn't listened yet");
    await worker.ready;
    clearTimeout(late);
    worker.isReady = true;
    this.#listening.push(worker);
  }

  #spawn(): Worker {
    const { command = sameCommand(), answers, metrics } = this.#options;
    const seat = metrics?.takeSeat();
    using unstarted = new DisposableStack();
    unstarted.defer(() => seat?.release());
    const ready = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string>();
    const answerer = new Answerer(answers, (message) => child.send(message));
    const child = Bun.spawn([...command], {
      env: { ...environmentFor(WORKER, this.#handed), ...seat?.environment },
      stdio: ["ignore", "inherit", "inherit", ...(seat?.descriptors ?? [])],
      serialization: "advanced",
      ipc: (message: ToSupervisor) => {
        switch (message.kind) {
          case "ready":
            return ready.resolve();
          case "closed":
            return closed.resolve("stopped listening");
          case "pong":
            worker.activity = message.activity;
            return worker.answered();
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
        seat?.release();
        this.#running.delete(worker);
        this.#bytesOfEnded += worker.activity.bytes;
        if (this.#stopping && this.#running.size === 0) this.#exit(0);
      },
    });
    unstarted.move();
    const worker: Worker = {
      process: child,
      ready: ready.promise,
      isReady: false,
      closed: closed.promise,
      started: performance.now(),
      leaving: false,
      activity: IDLE,
      answered: () => {},
      hung: false,
    };
    return worker;
  }

  /** Resolves when every worker that listens has answered, or ended, with what all are doing. */
  async #ask(): Promise<Activity> {
    for (const worker of this.#running) send(worker, { kind: "ping" });
    const answers = this.#listening.map((worker) => {
      const answered = new Promise<void>((resolve) => (worker.answered = resolve));
      return Promise.race([answered, worker.closed]);
    });
    await Promise.all(answers);
    const doing = [...this.#running].map(({ activity }) => activity);
    return together([{ downloads: 0, bytes: this.#bytesOfEnded }, ...doing]);
  }

  /** Kills a worker that still runs after so many milliseconds. */
  #killAfter(milliseconds: number, worker: Worker, what: string): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#options.log(`worker ${worker.process.pid} ${what}; killing it`);
      worker.hung = true;
      worker.process.kill("SIGKILL");
    }, milliseconds);
    void worker.process.exited.then(() => clearTimeout(timer));
    return timer;
  }

  /** How many workers are in which state. */
  get states() {
    const listening = this.#listening.filter(({ leaving }) => !leaving).length;
    const starting = [...this.#running].filter(({ isReady }) => !isReady).length;
    return { starting, listening, draining: this.#running.size - listening - starting };
  }

  /** Replaces a worker that no longer listens, unless it was told to close. */
  #closed(worker: Worker, why: string): void {
    const listened = this.#forgetListener(worker);
    if (!listened || worker.leaving || this.#stopping) return;
    this.#options.metrics?.restarted(worker.hung ? "hung" : "ended");
    const ranLong = performance.now() - worker.started > LONG_RUN;
    this.#delay = ranLong ? FIRST_DELAY : Math.min(2 * this.#delay, LONGEST_DELAY);
    this.#options.log(`worker ${worker.process.pid} ${why}; replacing it in ${this.#delay} ms`);
    setTimeout(() => void this.#startSurely(() => false), this.#delay);
    this.#endAfterGrace(worker);
  }

  /** Mirrors the kernel: the last listener takes the place of a closed one. False when it wasn't listening. */
  #forgetListener(worker: Worker): boolean {
    const index = this.#listening.indexOf(worker);
    if (index === -1) return false;
    const last = this.#listening.pop();
    if (last !== undefined && last !== worker) this.#listening[index] = last;
    return true;
  }

  /**
   * Replaces the workers one by one: the successor listens before the old worker closes.
   * When one doesn't listen, workers that are started later have the options of before.
   */
  async #roll(): Promise<void> {
    await this.#started.promise;
    if (this.#stopping) return;
    const before = this.#handed;
    const { handed, apply } = this.#options.reload?.() ?? {};
    if (handed === undefined) return;
    this.#handed = handed;
    this.#options.tell("rolling restart");
    try {
      for (const worker of [...this.#listening]) {
        await this.#start();
        // It may have ended meanwhile, and been replaced.
        if (this.#listening.includes(worker) && !this.#stopping) await this.#retire(worker);
        if (this.#stopping) return;
      }
      apply?.();
      this.#options.tell("rolling restart finished");
    } catch (error) {
      this.#handed = before;
      if (!this.#stopping) this.#options.log(`rolling restart failed: ${String(error)}`);
    }
  }

  /** Has a worker close now that its successor listens, and kills it if it doesn't end. */
  async #retire(worker: Worker): Promise<void> {
    worker.leaving = true;
    this.#options.metrics?.restarted("reload");
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

  /** Kills a worker that still runs when the grace is over: it should have ended by itself. */
  #endAfterGrace(worker: Worker): void {
    const grace = this.#grace;
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
    serviceManager.stopping();
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

/** Sends to a worker, if it still runs. Its end is reported by `onExit`. */
function send(worker: Worker | undefined, message: ToWorker): void {
  try {
    worker?.process.send(message);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** This program again. The arguments are for those who list processes: a worker doesn't read them. */
function sameCommand(): readonly string[] {
  return [...thisProgram(), ...process.argv.slice(2)];
}

/**
 * Several processes on one port. The supervisor serves nothing itself: it starts N
 * workers (worker-process.ts), replaces those that end, drains all on SIGTERM and replaces them
 * one by one on SIGHUP. It kills a worker that hangs.
 */

import { availableParallelism } from "node:os";
import { INTERRUPTED } from "../os/exit-code.ts";
import type { Topics } from "../os/line.ts";
import { type Activity, together } from "./activity.ts";
import { onHangup } from "./hangup.ts";
import type { Log } from "./log.ts";
import { reloads } from "./reload.ts";
import { serviceManager } from "./service-manager.ts";
import { Signals } from "./shutdown.ts";
import { EndedEarly, type WorkerOptions, WorkerProcess } from "./worker-process.ts";

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

export interface SupervisorOptions<T extends Topics> extends Omit<WorkerOptions<T>, "ended"> {
  /** At SIGHUP: what new workers are started with; undefined: nothing changes. */
  readonly reload?: () => { readonly handed: string; readonly apply: () => void } | undefined;
  readonly count: number;
  /** Seconds that responses in flight have to finish. */
  readonly grace: number;
  /** Takes lines about normal events; `--quiet` drops them. */
  readonly tell: Log;
  /** In tests another than usual. So with the next. */
  readonly listensWithin?: number;
  readonly exit?: (code: number) => void;
}

/** Keeps `count` workers serving on `port` until a signal ends them all. */
export class Supervisor<T extends Topics> {
  readonly #options: SupervisorOptions<T>;
  /** In the order that their listeners have in the kernel. */
  readonly #listening: WorkerProcess<T>[] = [];
  readonly #running = new Set<WorkerProcess<T>>();
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
    const ended = (worker: WorkerProcess<T>) => this.#ended(worker);
    const worker = new WorkerProcess({ ...this.#options, handed: this.#handed, ended });
    this.#running.add(worker);
    void worker.closed.then((why) => this.#closed(worker, why));
    const { listensWithin = LISTENS_WITHIN } = this.#options;
    const late = worker.killAfter(listensWithin, "hasn't listened yet");
    await worker.ready;
    clearTimeout(late);
    worker.isReady = true;
    this.#listening.push(worker);
  }

  #ended(worker: WorkerProcess<T>): void {
    this.#running.delete(worker);
    this.#bytesOfEnded += worker.activity.bytes;
    if (this.#stopping && this.#running.size === 0) this.#exit(0);
  }

  /** Resolves when every worker that listens has answered, or ended, with what all are doing. */
  async #ask(): Promise<Activity> {
    const pings = [...this.#running].map((worker) => [worker, worker.ping()] as const);
    await Promise.all(pings.map(([worker, ping]) => this.#listening.includes(worker) && ping));
    const doing = [...this.#running].map(({ activity }) => activity);
    return together([{ downloads: 0, bytes: this.#bytesOfEnded }, ...doing]);
  }

  /** How many workers are in which state. */
  get states() {
    const listening = this.#listening.filter(({ leaving }) => !leaving).length;
    const starting = [...this.#running].filter(({ isReady }) => !isReady).length;
    return { starting, listening, draining: this.#running.size - listening - starting };
  }

  /** Replaces a worker that no longer listens, unless it was told to close. */
  #closed(worker: WorkerProcess<T>, why: string): void {
    const listened = this.#forgetListener(worker);
    if (!listened || worker.leaving || this.#stopping) return;
    this.#options.metrics?.restarted(worker.hung ? "hung" : "ended");
    const ranLong = performance.now() - worker.started > LONG_RUN;
    this.#delay = ranLong ? FIRST_DELAY : Math.min(2 * this.#delay, LONGEST_DELAY);
    this.#options.log(`worker ${worker.pid} ${why}; replacing it in ${this.#delay} ms`);
    setTimeout(() => void this.#startSurely(() => false), this.#delay);
    this.#endAfterGrace(worker);
  }

  /** Mirrors the kernel: the last listener takes the place of a closed one. False when it wasn't listening. */
  #forgetListener(worker: WorkerProcess<T>): boolean {
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
  async #retire(worker: WorkerProcess<T>): Promise<void> {
    worker.leaving = true;
    this.#options.metrics?.restarted("reload");
    const successor = this.#listening.at(-1);
    const index = this.#listening.indexOf(worker);
    successor?.send({ kind: "exclude", index, count: this.#listening.length });
    worker.send({ kind: "close" });
    const late = worker.killAfter(CLOSES_WITHIN, "hasn't closed its listener");
    await worker.closed;
    clearTimeout(late);
    successor?.send({ kind: "exclude-none" });
    this.#endAfterGrace(worker);
  }

  /** Kills a worker that still runs when the grace is over: it should have ended by itself. */
  #endAfterGrace(worker: WorkerProcess<T>): void {
    const grace = this.#grace;
    worker.killAfter(grace * 1000 + LATE, `still runs after ${grace} s of grace`);
  }

  /** Drains all; a second time ends them at once. */
  stop(): void {
    const signal = this.#signals.next();
    if (signal === "echo") return;
    if (signal === "second") {
      for (const worker of this.#running) worker.kill();
      return this.#exit(INTERRUPTED);
    }
    this.#stopping = true;
    serviceManager.stopping();
    this.#options.tell(`stopping ${this.#running.size} workers`);
    if (this.#running.size === 0) this.#exit(0);
    for (const worker of this.#running) {
      worker.send({ kind: "stop" });
      this.#endAfterGrace(worker);
    }
  }

  #exit(code: number): void {
    (this.#options.exit ?? process.exit)(code);
  }
}

/**
 * Several processes on one port. The supervisor serves nothing: it starts N workers,
 * each this same program with one environment variable, replaces those that die,
 * drains all on SIGTERM and rolls them one by one on SIGHUP.
 *
 *     supervisor → worker   exclude  send the listener at this index nothing new (any worker can)
 *                           close    accept what waits, send connections away, then drain
 *                           stop     drain at once
 *                           answer   to what was asked
 *     worker → supervisor   ready    listening
 *                           closed   no longer listening
 *                           ask      what the supervisor alone knows
 */
import { availableParallelism } from "node:os";
import { INTERRUPTED } from "../os/exit-code.ts";
import { type Answered, type Asked, Line, reply } from "../os/line.ts";
import { excludeListener, excludeNoListener } from "../os/listeners.ts";
import type { Log } from "./log.ts";
import { drain, Signals } from "./shutdown.ts";

/** Set in a worker: the port that it shares. */
const WORKER = "RANGESRV_WORKER";

/** `auto`: more than these have never been what limits a link. */
const MOST_WORKERS = 8;

/** Milliseconds before a worker that died is replaced; doubled for each that dies young. */
const FIRST_DELAY = 100;
const LONGEST_DELAY = 10_000;
/** Milliseconds after which a worker didn't die young. */
const GROWN_UP = 10_000;

/** Milliseconds that an excluded listener goes on accepting: a handshake begun before is over by then. */
const LAST_CALLS = 1_000;

type ToWorker<Answer> =
  | { readonly kind: "exclude"; readonly index: number; readonly count: number }
  | { readonly kind: "exclude-none" }
  | { readonly kind: "close" }
  | { readonly kind: "stop" }
  | Answered<Answer>;
type ToSupervisor<Question> =
  { readonly kind: "ready" } | { readonly kind: "closed" } | Asked<Question>;

/** How many processes serve: one where a port can't be shared. */
export function countWorkers(workers: number | "auto"): number {
  if (process.platform !== "linux") return 1;
  return workers === "auto" ? Math.min(availableParallelism(), MOST_WORKERS) : workers;
}

/** The port to share when this process is a worker. */
export function workerPort(): number | undefined {
  const port = process.env[WORKER];
  return port === undefined ? undefined : Number(port);
}

/** A worker's line to its supervisor. */
export function lineToSupervisor<Question, Answer>(): Line<Question, Answer> {
  return new Line((message) => {
    if (!process.connected) throw new Error("the supervisor is gone");
    process.send?.(message);
  });
}

/** Whether connections are to end with the answer that they are waiting for. */
export interface LastCalls {
  called: boolean;
}

/**
 * Makes this process, which listens already, a worker. It drains when it is told to
 * and when its supervisor is gone; a signal to the whole group tells it once.
 */
export function obeySupervisor<Question, Answer>(
  server: Bun.Server<undefined>,
  lastCalls: LastCalls,
  line: Line<Question, Answer>,
  grace: number,
): void {
  let draining = false;
  async function end(): Promise<void> {
    if (draining) return;
    draining = true;
    setTimeout(() => process.exit(0), grace * 1000);
    const drained = drain(server);
    tell({ kind: "closed" });
    await drained;
    process.exit(0);
  }
  function tell(message: ToSupervisor<Question>): void {
    if (process.connected) process.send?.(message);
  }
  process.on("message", (message: ToWorker<Answer>) => {
    switch (message.kind) {
      case "exclude":
        return excludeListener(message.index, message.count);
      case "exclude-none":
        return excludeNoListener();
      case "stop":
        return void end();
      case "close":
        // Whoever asks again is told to connect again, and finds a successor.
        lastCalls.called = true;
        return void setTimeout(end, LAST_CALLS);
      case "answer":
      case "no-answer":
        return line.hear(message);
    }
  });
  process.on("disconnect", () => {
    line.close();
    void end();
  });
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", () => {});
  tell({ kind: "ready" });
}

/** One worker as the supervisor sees it. */
interface Worker {
  readonly process: Bun.Subprocess;
  readonly ready: Promise<void>;
  readonly closed: Promise<void>;
  readonly started: number;
}

/** Keeps `count` workers serving on `port` until a signal ends them all. */
export class Supervisor<Question, Answer> {
  /** In the order in which the kernel has their listeners. */
  readonly #listening: Worker[] = [];
  readonly #running = new Set<Worker>();
  #delay = FIRST_DELAY;
  readonly #signals = new Signals();
  #stopping = false;
  #rolling = false;

  constructor(
    readonly port: number,
    readonly count: number,
    /** For what went wrong. */
    readonly log: Log,
    /** For what is going on. */
    readonly tell: Log,
    /** Answers what workers ask. */
    readonly answer: (question: Question) => Promise<Answer>,
  ) {}

  /** Resolves when all are listening; rejects when one ends before it does. */
  async start(): Promise<void> {
    for (let n = 0; n < this.count; n++) await this.#start();
    process.on("SIGTERM", () => this.#stop());
    process.on("SIGINT", () => this.#stop());
    process.on("SIGHUP", () => void this.#roll());
  }

  async #start(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<void>();
    const child = Bun.spawn(command(), {
      env: { ...process.env, [WORKER]: String(this.port) },
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "advanced",
      ipc: (message: ToSupervisor<Question>) => {
        switch (message.kind) {
          case "ready":
            return ready.resolve();
          case "closed":
            return closed.resolve();
          case "ask":
            return void reply(message, this.answer, (answered) => send(worker, answered));
        }
      },
      onExit: ({ exitCode, signalCode }) => {
        const how = String(signalCode ?? `code ${exitCode}`);
        ready.reject(new Error(`a worker ended with ${how} before it listened`));
        closed.resolve();
        this.#ended(worker, how);
      },
    });
    const worker: Worker = {
      process: child,
      ready: ready.promise,
      closed: closed.promise,
      started: performance.now(),
    };
    this.#running.add(worker);
    void worker.closed.then(() => this.#forgetListener(worker));
    await worker.ready;
    this.#listening.push(worker);
  }

  /** What the kernel does when a listener is closed: the last one takes its place. */
  #forgetListener(worker: Worker): void {
    const index = this.#listening.indexOf(worker);
    const last = this.#listening.pop();
    if (index === -1) {
      if (last !== undefined) this.#listening.push(last);
    } else if (last !== undefined && last !== worker) {
      this.#listening[index] = last;
    }
  }

  #ended(worker: Worker, how: string): void {
    const expected = !this.#listening.includes(worker);
    this.#running.delete(worker);
    if (this.#stopping) {
      if (this.#running.size === 0) process.exit(0);
      return;
    }
    if (expected) return;
    const grownUp = performance.now() - worker.started > GROWN_UP;
    this.#delay = grownUp ? FIRST_DELAY : Math.min(2 * this.#delay, LONGEST_DELAY);
    this.log(`worker ${worker.process.pid} ended with ${how}; replacing it in ${this.#delay} ms`);
    setTimeout(() => void this.#replace(), this.#delay);
  }

  async #replace(): Promise<void> {
    if (this.#stopping) return;
    try {
      await this.#start();
    } catch (error) {
      this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY);
      this.log(`${String(error)}; trying again in ${this.#delay} ms`);
      setTimeout(() => void this.#replace(), this.#delay);
    }
  }

  /** One by one: a successor listens before a worker is excluded, accepts its last and closes. */
  async #roll(): Promise<void> {
    if (this.#rolling || this.#stopping) return;
    this.#rolling = true;
    this.tell("rolling restart");
    try {
      for (const worker of [...this.#listening]) {
        await this.#start();
        const index = this.#listening.indexOf(worker);
        // It died meanwhile, and has been replaced.
        if (index === -1) continue;
        const successor = this.#listening.at(-1);
        send(successor, { kind: "exclude", index, count: this.#listening.length });
        send(worker, { kind: "close" });
        await worker.closed;
        send(successor, { kind: "exclude-none" });
      }
      this.tell("rolled");
    } catch (error) {
      this.log(`rolling restart given up: ${String(error)}`);
    } finally {
      this.#rolling = false;
    }
  }

  /** Drains all; a second time ends them at once. */
  #stop(): void {
    const signal = this.#signals.next();
    if (signal === "echo") return;
    if (signal === "second") {
      for (const worker of this.#running) worker.process.kill("SIGKILL");
      process.exit(INTERRUPTED);
    }
    this.#stopping = true;
    this.tell(`stopping ${this.#running.size} workers`);
    if (this.#running.size === 0) process.exit(0);
    for (const worker of this.#running) send(worker, { kind: "stop" });
  }
}

/** A worker that has just ended can't be told, and needn't be: its end is heard next. */
function send(worker: Worker | undefined, message: ToWorker<unknown>): void {
  try {
    worker?.process.send(message);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** This program again, with the same arguments. */
function command(): string[] {
  const script = Bun.isStandaloneExecutable ? [] : [Bun.main];
  return [process.execPath, ...script, ...process.argv.slice(2)];
}

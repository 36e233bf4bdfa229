/**
 * The jobs of the hasher's process. A job whose digests are in the store is answered at
 * once. Others are read in slices of 8 MiB, in the order of reading-order.ts; their
 * digests go to the store. A job whose questions are all withdrawn is dropped, with what
 * was read of it. Only the job that is being read has an open file.
 */

import type { AnswerContext } from "../os/line.ts";
import { FilesHashing } from "./files-hashing.ts";
import type { HashProgress } from "./hasher-questions.ts";
import { Hashing } from "./hashing.ts";
import { type Digested, type Job, keyOf, lengthOf, type Outcome } from "./job.ts";
import { nextTurn, type Waiting } from "./reading-order.ts";
import type { Keeping } from "./store-table.ts";
import type { DigestStore } from "./store.ts";

/** Bytes of a slice; an urgent question ends it early. */
const SLICE = 8 * 1024 * 1024;
/** Milliseconds between two messages of progress. */
const TELL_EVERY = 250;
/** Weight of the last slice in the mean rate. */
const WEIGHT = 0.3;

/** A job that is read chunk by chunk: Hashing, or a test's. */
export interface Reading extends Disposable {
  /** Bytes read so far. */
  readonly done: number;
  readonly advance: () => Outcome | undefined;
  readonly pause: () => void;
}

export interface QueueOptions {
  readonly store: Pick<DigestStore, "find" | "keep">;
  readonly read?: (job: Job) => Reading;
  /** Awaited after each chunk: the process takes messages meanwhile. */
  readonly rest?: () => Promise<void>;
  /** Called with the bytes of each chunk that was read. */
  readonly counted?: (bytes: number) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

interface Question {
  readonly urgent: boolean;
  readonly keeping: Keeping;
  readonly progress: (progress: HashProgress) => void;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** A job, read once for all questions about it. */
class QueuedJob implements Waiting {
  readonly key: string;
  readonly job: Job;
  readonly questions = new Set<Question>();
  readonly #length: number;
  served: number;
  reading: Reading | undefined;

  constructor(key: string, job: Job, served: number) {
    this.key = key;
    this.job = job;
    this.served = served;
    this.#length = lengthOf(job);
  }

  get done(): number {
    return this.reading?.done ?? 0;
  }

  get left(): number {
    return this.#length - this.done;
  }

  get keeping(): Keeping {
    for (const question of this.questions) if (question.keeping === "asked") return "asked";
    return "beforehand";
  }

  get urgent(): boolean {
    for (const question of this.questions) if (question.urgent) return true;
    return false;
  }
}

export class HashQueue {
  readonly #store: QueueOptions["store"];
  readonly #read: (job: Job) => Reading;
  readonly #rest: () => Promise<void>;
  readonly #counted: (bytes: number) => void;
  readonly #now: () => number;
  /** By key, in the order of their first questions. */
  readonly #jobs = new Map<string, QueuedJob>();
  #beingRead: QueuedJob | undefined;
  #working = false;
  #turn = 0;
  /** Whether an urgent question came since the slice began. */
  #isInterrupted = false;
  /** Milliseconds; the last message of progress. */
  #told = -Infinity;
  /** Bytes a second, the mean of the last slices. */
  #rate: number | undefined;

  constructor({ store, read, rest, counted, now }: QueueOptions) {
    this.#store = store;
    this.#read = read ?? ((job) => begin(job, store));
    this.#rest = rest ?? (() => new Promise(setImmediate));
    this.#counted = counted ?? (() => {});
    this.#now = now ?? (() => performance.now());
  }

  /** Rejects when the question is withdrawn. */
  hash(
    job: Job,
    urgent: boolean,
    exchange: AnswerContext<HashProgress>,
    keeping: Keeping = "asked",
  ): Outcome | Promise<Outcome> {
    const kept = this.#find(job);
    if (kept !== undefined) return digested(kept);
    const queued = this.#queue(job);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const question = { urgent, keeping, progress: exchange.progress, resolve, reject };
    queued.questions.add(question);
    exchange.signal.addEventListener("abort", () => this.#withdraw(queued, question));
    this.#isInterrupted ||= urgent;
    void this.#work();
    return promise;
  }

  /** The store has digests of single files, which FilesHashing finds and keeps. */
  #find(job: Job): Digested | undefined {
    return job.kind === "files" ? undefined : this.#store.find(job);
  }

  #keep({ job, keeping }: QueuedJob, made: Digested): void {
    if (made.kind !== "files") this.#store.keep(job, made, keeping);
  }

  #queue(job: Job): QueuedJob {
    const key = Buffer.from(keyOf(job)).toString("latin1");
    const queued = this.#jobs.get(key) ?? new QueuedJob(key, job, this.#turn);
    this.#jobs.set(key, queued);
    return queued;
  }

  #withdraw(queued: QueuedJob, question: Question): void {
    queued.questions.delete(question);
    question.reject(new Error("It was withdrawn"));
    if (queued.questions.size === 0) this.#drop(queued);
  }

  #drop(queued: QueuedJob): void {
    if (this.#jobs.get(queued.key) === queued) this.#jobs.delete(queued.key);
    if (this.#beingRead === queued) this.#beingRead = undefined;
    queued.reading?.[Symbol.dispose]();
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    for (;;) {
      await this.#rest();
      const next = nextTurn(this.#jobs.values(), this.#turn);
      if (next === undefined) break;
      next.served = this.#turn += 1;
      try {
        await this.#slice(next);
      } catch (error) {
        this.#end(next, ({ reject }) => reject(error));
      }
    }
    this.#working = false;
  }

  async #slice(queued: QueuedJob): Promise<void> {
    // Another process, such as `rangesrv hash`, may have stored it meanwhile.
    const kept = queued.reading === undefined ? this.#find(queued.job) : undefined;
    if (kept !== undefined) return this.#answer(queued, digested(kept));
    const reading = (queued.reading ??= this.#read(queued.job));
    this.#switchTo(queued);
    const [first, began] = [reading.done, this.#now()];
    this.#isInterrupted = false;
    while (reading.done < first + SLICE && !this.#isInterrupted) {
      const before = reading.done;
      const outcome = reading.advance();
      this.#counted(reading.done - before);
      if (outcome?.kind === "digested") {
        this.#keep(queued, outcome.digested);
      }
      if (outcome !== undefined) return this.#answer(queued, outcome);
      await this.#rest();
      if (this.#jobs.get(queued.key) !== queued) return;
      if (this.#now() - this.#told >= TELL_EVERY) this.#tell(queued);
    }
    this.#measure(reading.done - first, this.#now() - began);
  }

  /** Tells the askers before the first read: if reading ends this process, they know the job that did. */
  #switchTo(queued: QueuedJob): void {
    const before = this.#beingRead;
    if (before === queued) return;
    this.#beingRead = queued;
    if (before !== undefined) {
      before.reading?.pause();
      this.#tell(before);
    }
    this.#tell(queued);
  }

  #measure(bytes: number, milliseconds: number): void {
    if (milliseconds <= 0) return;
    const rate = (bytes * 1000) / milliseconds;
    this.#rate = this.#rate === undefined ? rate : (1 - WEIGHT) * this.#rate + WEIGHT * rate;
  }

  #tell(queued: QueuedJob): void {
    this.#told = this.#now();
    const progress = { done: queued.done, rate: this.#rate };
    for (const question of queued.questions) question.progress(progress);
  }

  #answer(queued: QueuedJob, outcome: Outcome): void {
    this.#end(queued, ({ resolve }) => resolve(outcome));
  }

  #end(queued: QueuedJob, settle: (question: Question) => void): void {
    this.#drop(queued);
    for (const question of queued.questions) settle(question);
    queued.questions.clear();
  }
}

function begin(job: Job, store: QueueOptions["store"]): Reading {
  return job.kind === "files" ? new FilesHashing(job, store) : new Hashing(job);
}

function digested(kept: Digested): Outcome {
  return { kind: "digested", digested: kept };
}

/**
 * Which jobs the keeper has at the hasher, and for how long. A client that was told to
 * ask again keeps its job there by asking again in time; else the job is withdrawn. One
 * client has a limit of jobs, and so have all clients together. At a limit a shorter job
 * takes the place of the longest, and a longer one is refused for now.
 */

import type { Answer, Hasher, HashProgress } from "./hasher-questions.ts";
import { HashingLog } from "./hashing-log.ts";
import { isSameJob, type Job, lengthOf, slotOf } from "./job.ts";
import { LONGEST_RETRY, pending, type Unobtained } from "./obtained.ts";
import { bytesUntilDone } from "./reading-order.ts";
import { lastRead, WantedJob } from "./wanted-job.ts";

/** Files of all jobs together: two folders of the largest kind. */
const MOST_FILES = 20_000;
/** Jobs that clients wait for, of all clients and of one. A job belongs to the client that asked first. */
const MOST_JOBS = 1_000;
const MOST_OF_CLIENT = 16;

/** A job stays for this many times the Retry-After of its last answer, and at least for LEAST milliseconds. */
const TIMES = 3;
const LEAST = 60_000;
/** Milliseconds between two looks for jobs to withdraw. */
const SWEEP = 5_000;

/** Bytes a second, until the hasher has measured. */
const LIKELY_RATE = 200e6;

export interface DemandOptions {
  readonly hasher: Hasher;
  /** Called when a job ended, unless it was withdrawn. */
  readonly ended: (wanted: WantedJob, answer: Answer) => void;
  /** Writes a log line. */
  readonly tell: (line: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

export class Demand implements Disposable {
  readonly #hasher: Hasher;
  readonly #ended: DemandOptions["ended"];
  readonly #now: () => number;
  readonly #log: HashingLog;
  /** By slot. */
  readonly #wanted = new Map<string, WantedJob>();
  #files = 0;
  #beingRead: WantedJob | undefined;
  /** Bytes a second. */
  #rate = LIKELY_RATE;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor({ hasher, ended, tell, now }: DemandOptions) {
    this.#hasher = hasher;
    this.#ended = ended;
    this.#now = now ?? (() => performance.now());
    this.#log = new HashingLog(tell);
  }

  /** How many files the jobs at the hasher have. */
  get files(): number {
    return this.#files;
  }

  /** The job that is being read. */
  get beingRead(): WantedJob | undefined {
    return this.#beingRead;
  }

  find(job: Job): WantedJob | undefined {
    const wanted = this.#wanted.get(slotOf(job));
    return wanted !== undefined && isSameJob(wanted.job, job) ? wanted : undefined;
  }

  /** Asks for a job that no client waits for: the hasher reads it when no urgent one is there. */
  begin(job: Job): void {
    const wanted = this.#add(job);
    wanted.background = this.#ask(wanted, false);
  }

  /** Asks for a job that `client` waits for. At a limit it says when to ask again. */
  want(job: Job, client: string | undefined): WantedJob | Unobtained {
    const found = this.find(job);
    if (found?.urgent !== undefined) return found;
    const own = this.#urgent().filter((one) => client && one.urgent?.client === client);
    if (own.length >= MOST_OF_CLIENT && !this.#displace(own, job)) {
      return pending(0, Math.min(...own.map((one) => this.#seconds(one))));
    }
    if (!this.#makeRoom(job, found)) return pending(0, LONGEST_RETRY);
    const wanted = found ?? this.#add(job);
    wanted.urgent = { question: this.#ask(wanted, true), client, until: this.#now() + LEAST };
    this.#sweep ??= setInterval(() => this.withdraw(), SWEEP).unref();
    return wanted;
  }

  /** How a job ended; undefined when it hasn't after `patience` milliseconds. */
  async answer(wanted: WantedJob, patience: number): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const timer = setTimeout(resolve, patience, undefined);
    wanted.waiting.add(resolve);
    const answer = await promise;
    wanted.waiting.delete(resolve);
    clearTimeout(timer);
    return answer;
  }

  /** The answer to a client whose job isn't done. The job stays until the client had time to ask again. */
  pending(wanted: WantedJob): Unobtained {
    const answer = pending(wanted.percent, this.#seconds(wanted));
    const stay = answer.kind === "pending" ? TIMES * 1000 * answer.retryAfter : 0;
    if (wanted.urgent) wanted.urgent.until = this.#now() + Math.max(LEAST, stay);
    return answer;
  }

  /** Withdraws the jobs that no client has asked for again in time. */
  withdraw(): void {
    const now = this.#now();
    const urgent = this.#urgent();
    for (const wanted of urgent) {
      if (wanted.urgent === undefined || wanted.urgent.until > now) continue;
      wanted.urgent.question.abort();
      wanted.urgent = undefined;
      if (wanted.background === undefined) this.#remove(wanted);
    }
    if (urgent.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#sweep);
    for (const wanted of this.#wanted.values()) this.#remove(wanted);
  }

  #add(job: Job): WantedJob {
    const slot = slotOf(job);
    // The earlier job in this slot is of an older version. The hasher would notice later.
    const replaced = this.#wanted.get(slot);
    if (replaced !== undefined) this.#answered(replaced, { kind: "changed" });
    const wanted = new WantedJob(job);
    this.#wanted.set(slot, wanted);
    this.#files += job.files.length;
    return wanted;
  }

  #ask(wanted: WantedJob, urgent: boolean): AbortController {
    const question = new AbortController();
    const { signal } = question;
    const progress = (told: HashProgress) => this.#progressed(wanted, told);
    void this.#hasher.hash(wanted.job, { urgent, progress, signal }).then((answer) => {
      if (!signal.aborted) this.#answered(wanted, answer);
    });
    return question;
  }

  #answered(wanted: WantedJob, answer: Answer): void {
    if (this.#wanted.get(slotOf(wanted.job)) !== wanted) return;
    this.#ended(wanted, answer);
    this.#remove(wanted, answer);
  }

  #remove(wanted: WantedJob, answer: Answer = { kind: "lost" }): void {
    this.#wanted.delete(slotOf(wanted.job));
    this.#files -= wanted.job.files.length;
    if (this.#beingRead === wanted) this.#beingRead = undefined;
    this.#log.ended(wanted.job);
    wanted.background?.abort();
    wanted.urgent?.question.abort();
    for (const tell of wanted.waiting) tell(answer);
  }

  #progressed(wanted: WantedJob, { done, rate }: HashProgress): void {
    if (this.#wanted.get(slotOf(wanted.job)) !== wanted) return;
    this.#rate = rate ?? this.#rate;
    this.#beingRead = wanted;
    wanted.done = done;
    this.#log.progressed(wanted.job, wanted.percent, this.#now());
  }

  /** Makes room for an urgent job; false at a limit. `found`: it is at the hasher already, in the background. */
  #makeRoom(job: Job, found: WantedJob | undefined): boolean {
    const files = found === undefined ? job.files.length : 0;
    for (;;) {
      const urgent = this.#urgent();
      const isCrowded = urgent.length >= MOST_JOBS;
      if (!isCrowded && this.#files + files <= MOST_FILES) return true;
      const others = isCrowded ? urgent : [...this.#wanted.values()];
      if (!this.#displace(others, job)) return false;
    }
  }

  /** Withdraws the one of `others` that is read last; false when that is urgent and no longer than `job`. */
  #displace(others: readonly WantedJob[], job: Job): boolean {
    const last = lastRead(others);
    if (last === undefined) return false;
    if (last.urgent !== undefined && last.left <= lengthOf(job)) return false;
    this.#remove(last);
    return true;
  }

  #urgent(): WantedJob[] {
    return [...this.#wanted.values()].filter(({ urgent }) => urgent !== undefined);
  }

  /** Seconds until a job is likely done. */
  #seconds(wanted: WantedJob): number {
    return bytesUntilDone(wanted, this.#urgent()) / this.#rate;
  }
}

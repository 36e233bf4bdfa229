/**
 * The jobs that a hasher is asked for, and for how long. A client that was told to ask
 * again keeps its job alive by asking; a job that nobody asked for again is withdrawn.
 * What one client can have waiting is bounded, and what all can.
 */

import type { Answer, Hasher, HashProgress } from "./hasher.ts";
import { HashingLog } from "./hashing-log.ts";
import { isSameJob, type Job, lengthOf } from "./job.ts";
import { LONGEST_RETRY, pending, type Unobtained } from "./obtained.ts";
import { bytesUntilDone } from "./reading-order.ts";

/** Files of all jobs together: two folders of the largest kind. */
const MOST_FILES = 20_000;
/** Jobs that somebody waits for, and of those the ones that one client asked for first. */
const MOST_JOBS = 1_000;
const MOST_OF_CLIENT = 16;

/** A job is kept for so many times the Retry-After that was given, and for so many milliseconds at least. */
const TIMES = 3;
const LEAST = 60_000;
/** Milliseconds between two looks for jobs that nobody asked for again. */
const SWEEP = 5_000;

/** Bytes a second, until it is known better. */
const LIKELY_RATE = 200e6;

interface Urgent {
  readonly question: AbortController;
  /** Who asked first. */
  readonly client: string | undefined;
  /** Milliseconds; when it is withdrawn. */
  until: number;
}

/** A job that the hasher has. */
export class Wanted {
  readonly kind = "wanted";
  readonly length: number;
  /** Bytes read so far. */
  done = 0;
  /** The question that was asked when nobody waited. */
  background: AbortController | undefined;
  urgent: Urgent | undefined;
  /** Told how the job ended. */
  readonly waiting = new Set<(answer: Answer) => void>();

  constructor(readonly job: Job) {
    this.length = lengthOf(job);
  }

  get left(): number {
    return this.length - this.done;
  }

  /** Whole percent, below 100. */
  get percent(): number {
    return Math.min(99, Math.floor((100 * this.done) / Math.max(1, this.length)));
  }
}

export interface DemandOptions {
  readonly hasher: Hasher;
  /** Told how a job ended, unless it was withdrawn. */
  readonly ended: (wanted: Wanted, answer: Answer) => void;
  /** For what is going on. */
  readonly tell: (line: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

export class Demand implements Disposable {
  readonly #hasher: Hasher;
  readonly #ended: DemandOptions["ended"];
  readonly #now: () => number;
  readonly #log: HashingLog;
  /** By path. */
  readonly #wanted = new Map<string, Wanted>();
  #files = 0;
  #inHand: Wanted | undefined;
  /** Bytes a second. */
  #rate = LIKELY_RATE;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor({ hasher, ended, tell, now }: DemandOptions) {
    this.#hasher = hasher;
    this.#ended = ended;
    this.#now = now ?? (() => performance.now());
    this.#log = new HashingLog(tell);
  }

  /** Of all jobs. */
  get files(): number {
    return this.#files;
  }

  /** The job that is being read. */
  get inHand(): Wanted | undefined {
    return this.#inHand;
  }

  find(job: Job): Wanted | undefined {
    const wanted = this.#wanted.get(job.path);
    return wanted !== undefined && isSameJob(wanted.job, job) ? wanted : undefined;
  }

  /** Has a job read when nobody waits for another. */
  begin(job: Job): void {
    const wanted = this.#add(job);
    wanted.background = this.#ask(wanted, false);
  }

  /** Has a job read for `client`, who waits for it; or says when that may be asked for again. */
  want(job: Job, client: string | undefined): Wanted | Unobtained {
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

  /** How a job ended; undefined when that takes longer than so many milliseconds. */
  async answer(wanted: Wanted, patience: number): Promise<Answer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    const timer = setTimeout(resolve, patience, undefined);
    wanted.waiting.add(resolve);
    const answer = await promise;
    wanted.waiting.delete(resolve);
    clearTimeout(timer);
    return answer;
  }

  /** What is said of a job that isn't done; whoever is told so has time to ask again. */
  pending(wanted: Wanted): Unobtained {
    const said = pending(wanted.percent, this.#seconds(wanted));
    const stay = said.kind === "pending" ? TIMES * 1000 * said.retryAfter : 0;
    if (wanted.urgent) wanted.urgent.until = this.#now() + Math.max(LEAST, stay);
    return said;
  }

  /** Withdraws what nobody has asked for again. */
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

  #add(job: Job): Wanted {
    // The hasher would find another version in its place by itself, but later.
    const replaced = this.#wanted.get(job.path);
    if (replaced !== undefined) this.#answered(replaced, { kind: "changed" });
    const wanted = new Wanted(job);
    this.#wanted.set(job.path, wanted);
    this.#files += job.files.length;
    return wanted;
  }

  #ask(wanted: Wanted, urgent: boolean): AbortController {
    const question = new AbortController();
    const { signal } = question;
    const progress = (told: HashProgress) => this.#progressed(wanted, told);
    void this.#hasher.hash(wanted.job, { urgent, progress, signal }).then((answer) => {
      if (!signal.aborted) this.#answered(wanted, answer);
    });
    return question;
  }

  #answered(wanted: Wanted, answer: Answer): void {
    if (this.#wanted.get(wanted.job.path) !== wanted) return;
    this.#ended(wanted, answer);
    this.#remove(wanted, answer);
  }

  #remove(wanted: Wanted, answer: Answer = { kind: "lost" }): void {
    this.#wanted.delete(wanted.job.path);
    this.#files -= wanted.job.files.length;
    if (this.#inHand === wanted) this.#inHand = undefined;
    this.#log.ended(wanted.job);
    wanted.background?.abort();
    wanted.urgent?.question.abort();
    for (const tell of wanted.waiting) tell(answer);
  }

  #progressed(wanted: Wanted, { done, rate }: HashProgress): void {
    if (this.#wanted.get(wanted.job.path) !== wanted) return;
    this.#rate = rate ?? this.#rate;
    this.#inHand = wanted;
    wanted.done = done;
    this.#log.progressed(wanted.job, wanted.percent, this.#now());
  }

  /** Whether there is room for a job that somebody waits for, and is `found` when it was begun. */
  #makeRoom(job: Job, found: Wanted | undefined): boolean {
    const files = found === undefined ? job.files.length : 0;
    for (;;) {
      const urgent = this.#urgent();
      const isCrowded = urgent.length >= MOST_JOBS;
      if (!isCrowded && this.#files + files <= MOST_FILES) return true;
      const others = isCrowded ? urgent : [...this.#wanted.values()];
      if (!this.#displace(others, job)) return false;
    }
  }

  /**
   * Puts the one of `others` that is read last out of the way of a job that somebody
   * waits for; false when that has as much to read: a short job is never refused
   * because of long ones.
   */
  #displace(others: readonly Wanted[], job: Job): boolean {
    const last = lastOf(others);
    if (last === undefined) return false;
    if (last.urgent !== undefined && last.left <= lengthOf(job)) return false;
    this.#remove(last);
    return true;
  }

  #urgent(): Wanted[] {
    return [...this.#wanted.values()].filter(({ urgent }) => urgent !== undefined);
  }

  /** Until a job is likely done, with all that comes before it. */
  #seconds(wanted: Wanted): number {
    return bytesUntilDone(wanted, this.#urgent()) / this.#rate;
  }
}

/** The one that is read last. */
function lastOf(all: readonly Wanted[]): Wanted | undefined {
  const idle = all.filter(({ urgent }) => urgent === undefined);
  return (idle.length > 0 ? idle : all).reduce<Wanted | undefined>(
    (last, one) => (last === undefined || one.left >= last.left ? one : last),
    undefined,
  );
}

/** Log lines about jobs that take longer than 5 seconds: how far they are, and that they ended. */

import { formatLength } from "./format-length.ts";
import { type Job, lengthOf } from "./job.ts";

/** Milliseconds; a shorter job has no line. */
const LONG = 5_000;
/** Milliseconds, and percent, that are between two lines about a job at least. */
const STEP_TIME = 10_000;
const STEP_PERCENT = 10;

interface Line {
  /** Milliseconds. */
  readonly at: number;
  readonly percent: number;
}

export class HashingLog {
  readonly #jobs = new Map<Job, { readonly began: number; last: Line | undefined }>();
  readonly #tell: (line: string) => void;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /** Call it when `percent` of a job are read; `now` in milliseconds. */
  progressed(job: Job, percent: number, now: number): void {
    const seen = this.#jobs.get(job) ?? { began: now, last: undefined };
    this.#jobs.set(job, seen);
    const { began, last } = seen;
    if (now - began < LONG) return;
    if (last && (now - last.at < STEP_TIME || percent - last.percent < STEP_PERCENT)) return;
    seen.last = { at: now, percent };
    this.#tell(`hashing ${job.path}: ${percent} % of ${formatLength(lengthOf(job))}`);
  }

  ended(job: Job): void {
    const seen = this.#jobs.get(job);
    this.#jobs.delete(job);
    if (seen?.last !== undefined) this.#tell(`hashing ${job.path}: ended`);
  }
}

/** What the log says of hashing: that a long job goes on, not each of many short ones. */

import { type Job, lengthOf } from "./job.ts";

/** Milliseconds after which a job is long. */
const LONG = 5_000;
/** Between two lines about a job: at least so many milliseconds, and so many percent. */
const STEP_TIME = 10_000;
const STEP_PERCENT = 10;

interface Line {
  /** Milliseconds. */
  readonly at: number;
  readonly percent: number;
}

export class HashingLog {
  readonly #jobs = new Map<Job, { readonly began: number; last: Line | undefined }>();

  constructor(readonly tell: (line: string) => void) {}

  /** So many percent of a job were read at `now`, in milliseconds. */
  progressed(job: Job, percent: number, now: number): void {
    const seen = this.#jobs.get(job) ?? { began: now, last: undefined };
    this.#jobs.set(job, seen);
    const { began, last } = seen;
    if (now - began < LONG) return;
    if (last && (now - last.at < STEP_TIME || percent - last.percent < STEP_PERCENT)) return;
    seen.last = { at: now, percent };
    this.tell(`hashing ${job.path}: ${percent} % of ${formatLength(lengthOf(job))}`);
  }

  ended(job: Job): void {
    const seen = this.#jobs.get(job);
    this.#jobs.delete(job);
    if (seen?.last !== undefined) this.tell(`hashing ${job.path}: ended`);
  }
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes, as a reader likes them: `1.5 GiB`. */
export function formatLength(bytes: number): string {
  let [scaled, unit] = [bytes, "bytes"];
  for (const next of UNITS) {
    if (scaled < 1024) break;
    [scaled, unit] = [scaled / 1024, next];
  }
  return `${unit === "bytes" ? scaled : scaled.toFixed(1)} ${unit}`;
}

/** A job that demand.ts has asked the hasher for, and everybody who waits for it here. */

import type { Answer } from "./hasher-questions.ts";
import { type Job, lengthOf } from "./job.ts";

/** A question to the hasher that a client waits for. */
export interface UrgentQuestion {
  readonly question: AbortController;
  /** The client that asked first. */
  readonly client: string | undefined;
  /** Milliseconds; when the question is withdrawn. */
  until: number;
}

export class WantedJob {
  readonly kind = "wanted";
  readonly job: Job;
  readonly length: number;
  /** Bytes read so far. */
  done = 0;
  /** A question to the hasher that no client waits for. */
  background: AbortController | undefined;
  urgent: UrgentQuestion | undefined;
  /** Called with how the job ended. */
  readonly waiting = new Set<(answer: Answer) => void>();

  constructor(job: Job) {
    this.job = job;
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

/** The job that the hasher reads last: one in the background, else the one with the most bytes left. */
export function lastRead(all: readonly WantedJob[]): WantedJob | undefined {
  const background = all.filter(({ urgent }) => urgent === undefined);
  return (background.length > 0 ? background : all).reduce<WantedJob | undefined>(
    (last, one) => (last === undefined || one.left >= last.left ? one : last),
    undefined,
  );
}

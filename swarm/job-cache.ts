/**
 * What was made of files, kept while they stay the same versions and there is room:
 * what was asked for least recently makes room. So a document that is asked for again,
 * by HEAD or with a condition, isn't made again.
 */

import { isSameJob, type Job } from "../digests/job.ts";

interface Kept<Made> {
  job: Job;
  readonly made: Made;
  readonly bytes: number;
}

/** Bytes that a file of a job takes in memory, about. */
const FACTS = 300;

export class JobCache<Made> {
  readonly #kept = new Map<string, Kept<Made>>();
  #bytes = 0;

  constructor(
    /** Bytes that it may hold. */
    readonly limit: number,
  ) {}

  /** What was kept by that name, when it was made of these very versions. */
  find(name: string, job: Job): Made | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    if (kept.job !== job && !isSameJob(kept.job, job)) return undefined;
    // Ten thousand files are compared once.
    kept.job = job;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    return kept.made;
  }

  /** `size`: its bytes. */
  keep(name: string, job: Job, made: Made, size: number): void {
    this.#forget(name);
    const bytes = size + name.length + FACTS * job.files.length;
    if (bytes > this.limit) return;
    this.#kept.set(name, { job, made, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.limit) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0;
    this.#kept.delete(name);
  }
}

/**
 * Torrents or documents made of jobs, each good for the very versions of its files. A
 * document that is asked for again, by HEAD or with a condition, isn't made again. When
 * the cache is full, the one asked for least recently goes.
 */

import { isSameJob, type Job } from "../digests/job.ts";

interface Kept<Made> {
  job: Job;
  readonly made: Made;
  readonly bytes: number;
}

/** Bytes that one file of a job takes in memory, about. */
const BYTES_A_FILE = 300;

export class JobCache<Made> {
  readonly #kept = new Map<string, Kept<Made>>();
  readonly #limit: number;
  #bytes = 0;

  /** `limit`: bytes that it may hold. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The entry of that name, if it was made of these very versions. */
  find(name: string, job: Job): Made | undefined {
    const kept = this.#kept.get(name);
    if (kept === undefined) return undefined;
    if (kept.job !== job && !isSameJob(kept.job, job)) return undefined;
    // The next call compares two references, not ten thousand files.
    kept.job = job;
    this.#kept.delete(name);
    this.#kept.set(name, kept);
    return kept.made;
  }

  /** `size`: bytes of `made`. */
  keep(name: string, job: Job, made: Made, size: number): void {
    this.#forget(name);
    const bytes = size + name.length + BYTES_A_FILE * job.files.length;
    if (bytes > this.#limit) return;
    this.#kept.set(name, { job, made, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#limit) return;
      this.#forget(oldest);
    }
  }

  #forget(name: string): void {
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0;
    this.#kept.delete(name);
  }
}

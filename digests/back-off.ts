/**
 * When a path is read again after its reading failed: when its files have stayed
 * unchanged for 2 seconds, then 4, 8 and so on, up to 5 minutes. A log that is written
 * every four seconds is read twice, and then not until the writing stops.
 */

import type { Job } from "./job.ts";

/** Milliseconds. */
const FIRST = 2_000;
export const LONGEST_BACK_OFF = 300_000;

/** Paths that are remembered; the one that failed longest ago is forgotten. */
const MOST = 10_000;

interface Failure {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly delay: number;
}

export class BackOff {
  readonly #failures = new Map<string, Failure>();

  /** Milliseconds until a job may be read; 0 is now. `now` in milliseconds since 1970. */
  wait({ path, files }: Job, now: number): number {
    const failure = this.#failures.get(path);
    if (failure === undefined) return 0;
    const changed = files.reduce((last, file) => Math.max(last, millisecondsOf(file)), failure.at);
    return Math.max(0, Math.min(changed, now) + failure.delay - now);
  }

  failed({ path }: Job, now: number): void {
    const before = this.#failures.get(path)?.delay;
    const delay = before === undefined ? FIRST : Math.min(2 * before, LONGEST_BACK_OFF);
    this.#failures.delete(path);
    this.#failures.set(path, { at: now, delay });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MOST) return;
      this.#failures.delete(oldest);
    }
  }

  succeeded({ path }: Job): void {
    this.#failures.delete(path);
  }
}

function millisecondsOf({ modified }: Job["files"][number]): number {
  return Number(modified / 1_000_000n);
}

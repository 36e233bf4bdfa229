/**
 * When a path may be read again whose reading came to nothing: not before it has stayed
 * unchanged for a while, which doubles each time. A file that is written every four
 * seconds is read twice, and then not until it is left alone.
 */

import type { Job } from "./job.ts";

/** Milliseconds. */
const FIRST = 2_000;
export const LONGEST_BACK_OFF = 300_000;

/** Paths that are remembered; the one that failed longest ago makes room. */
const MOST = 10_000;

interface Failure {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly delay: number;
}

export class BackOff {
  readonly #failures = new Map<string, Failure>();

  /** Milliseconds from `now` until a job may be read; 0 is now. */
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

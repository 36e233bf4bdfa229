/**
 * The digests of an open file, for every answer about it: taken from memory, and asked
 * for at most once a second when they are not there. A plain request has no file read:
 * only one that wants digests (a `Want-…` field) has them computed.
 */

import type { Identity } from "../files/identity.ts";
import type { OpenFile } from "../files/open-file.ts";
import type { Digests } from "../http/digest.ts";

/**
 * Where digests may come from.
 *
 * - `known`: the memory of the process that owns the hasher
 * - `kept`: or the state directory
 * - `computed`: or the file, which is read in the background
 */
export type Need = "known" | "kept" | "computed";

export interface DigestSource {
  /** From the memory of this process. */
  knownDigests(file: Identity): Digests | undefined;
  /** Asks for digests. They are known afterwards, if they can be had. */
  digestsOf(file: Identity, need: Need): Digests | undefined | Promise<Digests | undefined>;
}

/** Milliseconds between two questions about a file. */
const ASK_AGAIN = 1_000;

/** When to ask about an open file again. */
interface Schedule {
  /** As of the last question: finding out where the file is takes longer than the rest of an answer's fields. */
  readonly identity: Identity;
  /** Milliseconds. */
  again: number;
  /** Milliseconds; for digests to be computed. */
  computedAgain: number;
  /** Since the last question: if they aren't any more, memory was short. */
  wasKnown: boolean;
}

export class OpenFileDigests {
  readonly #source: DigestSource;
  readonly #schedules = new WeakMap<OpenFile, Schedule>();

  constructor(source: DigestSource) {
    this.#source = source;
  }

  /** The digests, if they are known; else, if they are `wanted`, they are computed for a later request. */
  of(file: OpenFile, wanted: boolean, now: number): Digests | undefined {
    const schedule = this.#schedules.get(file) ?? this.#begin(file);
    const known = this.#source.knownDigests(schedule.identity);
    if (known !== undefined) {
      schedule.wasKnown = true;
      return known;
    }
    if ((wanted ? schedule.computedAgain : schedule.again) > now) return undefined;
    const { identity } = file;
    const again = now + ASK_AGAIN;
    const computedAgain = wanted ? again : schedule.computedAgain;
    this.#schedules.set(file, { identity, again, computedAgain, wasKnown: false });
    // The state directory is looked into once for a file, and when memory dropped its digests.
    const need = wanted ? "computed" : schedule.wasKnown ? "kept" : "known";
    const answer = this.#source.digestsOf(identity, need);
    if (!(answer instanceof Promise)) return answer;
    // A failure means that the other process is gone: its successor is asked in a second.
    answer.catch(() => {});
    return undefined;
  }

  #begin(file: OpenFile): Schedule {
    const schedule = { identity: file.identity, again: 0, computedAgain: 0, wasKnown: true };
    this.#schedules.set(file, schedule);
    return schedule;
  }
}

/**
 * Which clients began to use a link before it expired. A download of many requests may
 * last longer than its link: such a client may go on for an hour, while no two of its
 * requests with this link are more than ten minutes apart. One table holds this for all
 * processes; a worker tells and asks the supervisor's (`RemoteBegun`).
 */

import type { Answers, Asker, Topics } from "../os/line.ts";

/** Milliseconds. */
export const GRACE = 60 * 60_000;
export const LONGEST_PAUSE = 10 * 60_000;
/** Clients and links, some 150 bytes each. */
const MOST = 32_768;

/** A link by its HMAC and who used it. */
export interface Use {
  readonly link: string;
  readonly client: string;
  /** Seconds since 1970: when the link expires or did. */
  readonly expires: number;
}

export interface Begun {
  /** Notes that a link that hasn't expired is used. `now`: milliseconds since 1970. */
  note(use: Use, now: number): void;
  /** Whether a client may go on with a link that has expired. Never rejects. */
  goesOn(use: Use, now: number): boolean | Promise<boolean>;
}

export class BegunTable implements Begun {
  /** When each was used last, in milliseconds since 1970; used longest ago first. */
  readonly #used = new Map<string, number>();
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  note(use: Use, now: number): void {
    const key = keyOf(use);
    this.#used.delete(key);
    this.#used.set(key, now);
    if (this.#used.size <= this.#most) return;
    for (const oldest of this.#used.keys()) {
      this.#used.delete(oldest);
      return;
    }
  }

  goesOn(use: Use, now: number): boolean {
    const used = this.#used.get(keyOf(use));
    const isOver = used === undefined || now - used > LONGEST_PAUSE;
    if (isOver || now - use.expires * 1000 > GRACE) return false;
    this.note(use, now);
    return true;
  }
}

function keyOf({ link, client }: Use): string {
  return `${link} ${client}`;
}

/** The supervisor's table as a worker asks it. */
export type BegunTopics = {
  readonly begun: {
    readonly question: { readonly use: Use; readonly now: number; readonly hasExpired: boolean };
    readonly answer: boolean;
  };
};

/** Milliseconds between two messages about the same use: well below the longest pause. */
const TELL_EVERY = 60_000;
/** Milliseconds. */
const LIMIT = 10_000;

export class RemoteBegun<T extends Topics & BegunTopics> implements Begun {
  readonly #line: Asker<T>;
  /** When the supervisor was told last. */
  readonly #told = new Map<string, number>();

  constructor(line: Asker<T>) {
    this.#line = line;
  }

  note(use: Use, now: number): void {
    const key = keyOf(use);
    if (now - (this.#told.get(key) ?? -Infinity) < TELL_EVERY) return;
    this.#told.delete(key);
    this.#told.set(key, now);
    for (const oldest of this.#told.keys()) {
      if (this.#told.size <= MOST) break;
      this.#told.delete(oldest);
    }
    void this.#ask(use, now, false);
  }

  goesOn(use: Use, now: number): Promise<boolean> {
    return this.#ask(use, now, true);
  }

  #ask(use: Use, now: number, hasExpired: boolean): Promise<boolean> {
    // Without an answer the link has expired.
    return this.#line.ask("begun", { use, now, hasExpired }, { limit: LIMIT }).catch(() => false);
  }
}

/** The supervisor's end; undefined where everybody may read, and nobody asks. */
export function begunAnswers(begun: Begun | undefined): Answers<BegunTopics> {
  return {
    begun: ({ use, now, hasExpired }) => {
      if (begun === undefined) return false;
      if (hasExpired) return begun.goesOn(use, now);
      begun.note(use, now);
      return true;
    },
  };
}

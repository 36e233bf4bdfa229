/**
 * Which torrents were made here, by info hash. What was made or found is remembered,
 * and for a while what wasn't found, so that strangers' announces seldom reach the
 * process that knows the rest. That process may be down: then nobody can tell.
 */

import { isSameJob } from "../digests/job.ts";
import type { Named } from "./named.ts";

/** What an info hash stands for, or that nobody can tell now. */
export type Found =
  | { readonly kind: "named"; readonly named: Named }
  | { readonly kind: "none" }
  | { readonly kind: "lost" };

/** Files of the torrents that are remembered. */
const MOST_FILES = 100_000;
/** Info hashes that weren't found: some 100 bytes each. */
const MOST_MISSED = 10_000;
/** Milliseconds. */
const MISSED_FOR = 60_000;
/** Questions that may wait for an answer; more are told that nobody can tell. */
const MOST_SEARCHES = 32;
/** Milliseconds until nobody can tell. */
const PATIENCE = 2_000;

const NONE: Found = { kind: "none" };
const LOST: Found = { kind: "lost" };

export interface KnownTorrentsOptions {
  /** Asks who knows all of them. */
  readonly find: (infoHash: Uint8Array) => Promise<Found>;
  /** Milliseconds of a clock that only goes on. */
  readonly now?: () => number;
  readonly files?: number;
  readonly missed?: number;
  readonly patience?: number;
}

export class KnownTorrents {
  readonly #options: KnownTorrentsOptions;
  readonly #now: () => number;
  /** By info hash in hexadecimal, the least recently asked for first. */
  readonly #named = new Map<string, Named>();
  #files = 0;
  /** When each may be asked for again; those missed first come first. */
  readonly #missed = new Map<string, number>();
  readonly #searches = new Map<string, Promise<Found>>();

  constructor(options: KnownTorrentsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Notes what a torrent was made of; whether that is new. */
  remember(infoHash: Uint8Array, named: Named): boolean {
    const key = infoHash.toHex();
    const before = this.#named.get(key);
    this.#missed.delete(key);
    this.#forget(key);
    this.#named.set(key, named);
    this.#files += named.job.files.length;
    for (const oldest of this.#named.keys()) {
      if (this.#files <= (this.#options.files ?? MOST_FILES)) break;
      this.#forget(oldest);
    }
    return before === undefined || !isSameJob(before.job, named.job);
  }

  /** What a torrent is of. Its files may have changed since. */
  async find(infoHash: Uint8Array): Promise<Found> {
    const key = infoHash.toHex();
    const named = this.#named.get(key);
    if (named !== undefined) {
      this.#named.delete(key);
      this.#named.set(key, named);
      return { kind: "named", named };
    }
    if ((this.#missed.get(key) ?? -Infinity) > this.#now()) return NONE;
    const search = this.#searches.get(key);
    if (search === undefined && this.#searches.size >= MOST_SEARCHES) return LOST;
    const begun = search ?? this.#search(key, infoHash);
    this.#searches.set(key, begun);
    return await withPatience(begun, this.#options.patience ?? PATIENCE);
  }

  /** Goes on when nobody waits for it any more. */
  async #search(key: string, infoHash: Uint8Array): Promise<Found> {
    try {
      const found = await this.#options.find(infoHash);
      if (found.kind === "named") this.remember(infoHash, found.named);
      // It may have been made meanwhile.
      const made = this.#named.get(key);
      if (made !== undefined) return { kind: "named", named: made };
      if (found.kind === "none") this.#miss(key);
      return found;
    } finally {
      this.#searches.delete(key);
    }
  }

  #miss(key: string): void {
    this.#missed.delete(key);
    this.#missed.set(key, this.#now() + MISSED_FOR);
    for (const oldest of this.#missed.keys()) {
      if (this.#missed.size <= (this.#options.missed ?? MOST_MISSED)) break;
      this.#missed.delete(oldest);
    }
  }

  #forget(key: string): void {
    this.#files -= this.#named.get(key)?.job.files.length ?? 0;
    this.#named.delete(key);
  }
}

async function withPatience(search: Promise<Found>, patience: number): Promise<Found> {
  const { promise: over, resolve } = Promise.withResolvers<Found>();
  const timer = setTimeout(resolve, patience, LOST);
  return await Promise.race([search, over]).finally(() => clearTimeout(timer));
}

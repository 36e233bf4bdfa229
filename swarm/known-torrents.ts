/**
 * Which torrents were made here, by info hash. What was made or found is remembered,
 * and for a while what wasn't found, so that strangers' announces seldom reach the
 * process that knows the rest. That process may be down: then nobody can tell.
 */
import type { Job } from "../digests/job.ts";
import type { Found } from "../digests/questions.ts";

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
  readonly #jobs = new Map<string, Job>();
  #files = 0;
  /** When each may be asked for again; those missed first come first. */
  readonly #missed = new Map<string, number>();
  readonly #searches = new Map<string, Promise<Found>>();

  constructor(options: KnownTorrentsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Notes that a torrent was made of a job. */
  remember(infoHash: Uint8Array, job: Job): void {
    const key = infoHash.toHex();
    this.#missed.delete(key);
    this.#forget(key);
    this.#jobs.set(key, job);
    this.#files += job.files.length;
    for (const oldest of this.#jobs.keys()) {
      if (this.#files <= (this.#options.files ?? MOST_FILES)) break;
      this.#forget(oldest);
    }
  }

  /** The job of a torrent. Its files may have changed since. */
  async find(infoHash: Uint8Array): Promise<Found> {
    const key = infoHash.toHex();
    const job = this.#jobs.get(key);
    if (job !== undefined) {
      this.#jobs.delete(key);
      this.#jobs.set(key, job);
      return { kind: "job", job };
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
      if (found.kind === "job") this.remember(infoHash, found.job);
      // It may have been made meanwhile.
      const made = this.#jobs.get(key);
      if (made !== undefined) return { kind: "job", job: made };
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
    this.#files -= this.#jobs.get(key)?.files.length ?? 0;
    this.#jobs.delete(key);
  }
}

async function withPatience(search: Promise<Found>, patience: number): Promise<Found> {
  const { promise: over, resolve } = Promise.withResolvers<Found>();
  const timer = setTimeout(resolve, patience, LOST);
  return await Promise.race([search, over]).finally(() => clearTimeout(timer));
}

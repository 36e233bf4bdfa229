/**
 * Which torrents were made here, by info hash. Torrents that were made or found are
 * remembered, and for a minute the info hashes that weren't found: announces of strangers
 * seldom reach the hasher, which has the rest in its store. While the hasher is down, a
 * torrent that isn't remembered is "unavailable".
 */

import { isSameJob } from "../digests/job.ts";
import type { NamedJob } from "./named-job.ts";

export type TorrentLookup =
  | { readonly kind: "made-here"; readonly named: NamedJob }
  | { readonly kind: "unknown" }
  /** It can't be told now. */
  | { readonly kind: "unavailable" };

/** Files of the torrents that are remembered. */
const MOST_FILES = 100_000;
/** Info hashes that weren't found: some 100 bytes each. */
const MOST_MISSED = 10_000;
/** Milliseconds. */
const MISSED_FOR = 60_000;
/** Searches at a time; more info hashes are unavailable. */
const MOST_SEARCHES = 32;
/** Milliseconds that a search may take; after that the torrent is unavailable. */
const PATIENCE = 2_000;

const UNKNOWN: TorrentLookup = { kind: "unknown" };
const UNAVAILABLE: TorrentLookup = { kind: "unavailable" };

export interface KnownTorrentsOptions {
  /** Looks for a torrent that isn't remembered. */
  readonly find: (infoHash: Uint8Array) => Promise<TorrentLookup>;
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
  readonly #named = new Map<string, NamedJob>();
  #files = 0;
  /** When each may be searched for again; those missed first come first. */
  readonly #missed = new Map<string, number>();
  readonly #searches = new Map<string, Promise<TorrentLookup>>();

  constructor(options: KnownTorrentsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Remembers a torrent that was made. True: it is new, or made of other versions. */
  remember(infoHash: Uint8Array, named: NamedJob): boolean {
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

  /** The same without a search, and without noting that it was asked for. */
  peek(infoHash: Uint8Array): NamedJob | undefined {
    return this.#named.get(infoHash.toHex());
  }

  /** The files of a torrent as they were when it was made: they may have changed since. */
  async find(infoHash: Uint8Array): Promise<TorrentLookup> {
    const key = infoHash.toHex();
    const named = this.#named.get(key);
    if (named !== undefined) {
      this.#named.delete(key);
      this.#named.set(key, named);
      return { kind: "made-here", named };
    }
    if ((this.#missed.get(key) ?? -Infinity) > this.#now()) return UNKNOWN;
    const search = this.#searches.get(key);
    if (search === undefined && this.#searches.size >= MOST_SEARCHES) return UNAVAILABLE;
    const begun = search ?? this.#search(key, infoHash);
    this.#searches.set(key, begun);
    return await withPatience(begun, this.#options.patience ?? PATIENCE);
  }

  /** Goes on after {@link find} has given up on it. */
  async #search(key: string, infoHash: Uint8Array): Promise<TorrentLookup> {
    try {
      const found = await this.#options.find(infoHash);
      if (found.kind === "made-here") this.remember(infoHash, found.named);
      // It may have been made meanwhile.
      const made = this.#named.get(key);
      if (made !== undefined) return { kind: "made-here", named: made };
      if (found.kind === "unknown") this.#miss(key);
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

async function withPatience(
  search: Promise<TorrentLookup>,
  patience: number,
): Promise<TorrentLookup> {
  const { promise: over, resolve } = Promise.withResolvers<TorrentLookup>();
  const timer = setTimeout(resolve, patience, UNAVAILABLE);
  return await Promise.race([search, over]).finally(() => clearTimeout(timer));
}

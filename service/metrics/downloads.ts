/**
 * Which downloads began and which are complete: one is a version of a file and a client,
 * over however many ranges, connections and processes. It is complete when the union of
 * what the client has acknowledged covers the file. What the client fetches after that is
 * another download. It reads no clock: times are milliseconds, and parts may come late
 * and in any order.
 *
 * What a client acknowledged last before it cut an answer off isn't known. Programs with
 * many connections do so where another connection began:
 *
 *     first connection    ├──────────acknowledged──────────┤····perhaps····┤
 *     another                                                     ├────────────────┤
 *
 * So what lies between counts as fetched, if the first could have carried it.
 *
 * Memory is bounded: the download that was idle longest is given up, of the same client
 * beyond {@link MOST_OF_CLIENT}. One that was given up is never counted as complete,
 * unless the client fetches the whole file again.
 */

import { Intervals } from "./intervals.ts";

/** Downloads, those of one client, and intervals of all downloads together: some 30 MiB. */
export const MOST_DOWNLOADS = 65_536;
export const MOST_OF_CLIENT = 1_024;
const MOST_INTERVALS = 524_288;
/** Of one download. */
const MOST_LOOSE = 64;

/** One version of one file. */
export interface FileVersion {
  /** Stands for the file and its version. */
  readonly key: string;
  /** Bytes. */
  readonly length: number;
}

/** Bytes `[start, end)` of a file that a client has acknowledged, in an answer of these times. */
export interface Part {
  readonly start: number;
  readonly end: number;
  /** Up to where the client may have acknowledged: `end`, or more of an answer that was cut off. */
  readonly perhaps: number;
  readonly began: number;
  readonly ended: number;
}

/** What is counted. */
export interface DownloadCounts {
  started(): void;
  /** `duration` in milliseconds. */
  completed(duration: number): void;
}

export interface DownloadLimits {
  readonly downloads: number;
  readonly ofClient: number;
  readonly intervals: number;
}

const LIMITS: DownloadLimits = {
  downloads: MOST_DOWNLOADS,
  ofClient: MOST_OF_CLIENT,
  intervals: MOST_INTERVALS,
};

interface Download {
  readonly client: string;
  readonly key: string;
  /** Undefined once it is complete: parts of answers that began before then belong to it still. */
  parts: Intervals | undefined;
  /** Ends of parts that were cut off. */
  loose: Pick<Part, "end" | "perhaps">[];
  began: number;
  /** Of the last part. */
  ended: number;
}

export class Downloads {
  readonly #counts: DownloadCounts;
  readonly #limits: DownloadLimits;
  /** Those that were idle longest first; so in each client's. */
  readonly #all = new Set<Download>();
  readonly #byClient = new Map<string, Map<string, Download>>();
  /** The last of `#all`. */
  #newest: Download | undefined;
  #intervals = 0;

  constructor(counts: DownloadCounts, limits: DownloadLimits = LIMITS) {
    this.#counts = counts;
    this.#limits = limits;
  }

  /** How many are kept, complete ones included, and how many intervals they have. */
  get size(): { readonly downloads: number; readonly intervals: number } {
    return { downloads: this.#all.size, intervals: this.#intervals };
  }

  /** An answer with a part of the file begins. */
  begin(client: string, file: FileVersion, began: number): void {
    this.#begin(client, file, began);
  }

  /** An answer with a part of the file has ended. */
  add(client: string, file: FileVersion, part: Part): void {
    const download = this.#begin(client, file, part.began);
    download.ended = Math.max(download.ended, part.ended);
    const { parts } = download;
    if (parts === undefined) return;
    const before = parts.size;
    parts.add(part.start, part.end);
    if (part.perhaps > part.end && download.loose.length < MOST_LOOSE) download.loose.push(part);
    if (download.loose.length > 0) {
      download.loose = download.loose.filter((end) => !closeGap(parts, end));
    }
    this.#intervals += parts.size - before;
    if (parts.covered >= file.length) this.#complete(download);
    else this.#makeRoom(this.#intervals > this.#limits.intervals);
  }

  /** An answer with the whole file has ended, and the client has all of it. */
  addWhole(client: string, file: FileVersion, { began, ended }: Part): void {
    const found = this.#find(client, file.key);
    if (found?.parts !== undefined) {
      found.ended = Math.max(found.ended, ended);
      return this.#complete(found, began);
    }
    // Two at once are two downloads.
    this.#counts.started();
    this.#counts.completed(ended - began);
  }

  #find(client: string, key: string): Download | undefined {
    return this.#byClient.get(client)?.get(key);
  }

  #begin(client: string, { key }: FileVersion, began: number): Download {
    const found = this.#find(client, key);
    // Answers that were under way when the last part came belong to the complete download.
    const isOver = found !== undefined && found.parts === undefined && began >= found.ended;
    const download = found === undefined || isOver ? this.#start(client, key, began) : found;
    download.began = Math.min(download.began, began);
    if (download === this.#newest) return download;
    if (found !== undefined) this.#forget(found);
    this.#keep(download);
    return download;
  }

  #start(client: string, key: string, began: number): Download {
    this.#counts.started();
    return { client, key, parts: new Intervals(), loose: [], began, ended: began };
  }

  #complete(download: Download, began = download.began): void {
    this.#counts.completed(download.ended - began);
    this.#intervals -= download.parts?.size ?? 0;
    download.parts = undefined;
    download.loose = [];
  }

  #keep(download: Download): void {
    const { client, key } = download;
    const own = this.#byClient.get(client) ?? new Map<string, Download>();
    this.#byClient.set(client, own);
    own.set(key, download);
    this.#all.add(download);
    this.#newest = download;
    this.#intervals += download.parts?.size ?? 0;
    if (own.size > this.#limits.ofClient) {
      const [oldest] = own.values();
      if (oldest !== undefined) this.#forget(oldest);
    }
    this.#makeRoom(this.#all.size > this.#limits.downloads);
  }

  /** Gives up the one that was idle longest. */
  #makeRoom(isFull: boolean): void {
    const [oldest] = isFull ? this.#all : [];
    if (oldest !== undefined) this.#forget(oldest);
  }

  #forget(download: Download): void {
    const { client, key } = download;
    const own = this.#byClient.get(client);
    own?.delete(key);
    if (own?.size === 0) this.#byClient.delete(client);
    if (download === this.#newest) this.#newest = undefined;
    if (this.#all.delete(download)) this.#intervals -= download.parts?.size ?? 0;
  }
}

/** Fills the gap behind a loose end, if there is one; false when nothing begins behind it yet. */
function closeGap(parts: Intervals, { end, perhaps }: Pick<Part, "end" | "perhaps">): boolean {
  const next = parts.nextFrom(end);
  if (next === undefined || next > perhaps) return false;
  parts.add(end, next);
  return true;
}

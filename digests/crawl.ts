/**
 * All digests of a tree, for `rangesrv hash` and for `--hash`. Each file's digests are
 * stored when the file is finished, so an interrupt loses one file at most.
 *
 *   1. Count the bytes of files without digests in the store.
 *   2. Hash these files one by one. It stops when the store is full: it reads no file
 *      whose digests wouldn't fit, and removes none that a request asked for.
 *   3. Files that had just changed come last, after they had time to settle.
 */

import type { Identity } from "../files/identity.ts";
import { type Root } from "../files/locate.ts";
import { segmentsBelow } from "../files/shared-content.ts";
import { everyFileOnce, type Walked } from "../files/walk.ts";
import { formatLength } from "./format-length.ts";
import type { Answer } from "./hasher-questions.ts";
import { type Digested, fileJob, isSettled, isTooLarge, type Job, keyOf } from "./job.ts";
import type { DigestStore } from "./store.ts";

/** The info hash (20 bytes) of the torrent of a job at `segments`; undefined: it has no torrent. */
export type InfoHashOf = (
  job: Job,
  segments: readonly string[],
  sha1Pieces: Uint8Array,
) => Uint8Array | undefined;

export interface CrawlOptions {
  readonly infoHashOf: InfoHashOf;
  /** Hashes a file. Awaits `rest` after each chunk, with the bytes read so far. */
  readonly hash: (job: Job, rest: (done: number) => Promise<void>) => Promise<Answer>;
  /** Logs a line about a file that gets no digests. */
  readonly fail: (line: string) => void;
  /** Shows bytes read so far, and bytes to read. */
  readonly show: (done: number, total: number) => void;
  /** Called several times a second, as a sign of life. */
  readonly rested?: () => void;
  /** Aborted to end early. */
  readonly signal: AbortSignal;
  /** Milliseconds that files get to settle; for tests. */
  readonly settling?: number;
}

export interface Crawled {
  readonly ended: "complete" | "full" | "interrupted";
  /** Whether some file couldn't be read, changed meanwhile or is too large. */
  readonly failed: boolean;
  /** `hashed 3 files, 1.5 GiB, besides 10 that were kept before`, and why no more when it is full */
  readonly summary: string;
}

/** Milliseconds: the coarsest time stamp (http/representation.ts) and 100 more. */
const SETTLING = 2_100;
/** Entries between two pauses, in which signals are noticed. */
const BATCH = 100;
/** Lines about single files, at most: a tree may have a million unreadable ones. */
const MOST_LINES = 100;

/** Thrown to end before the last file. */
class Ended extends Error {
  readonly how: "full" | "interrupted";

  constructor(how: "full" | "interrupted") {
    super(how);
    this.how = how;
  }
}

/** Hashes the files below the root that have no digests in the store. */
export async function crawl(
  root: Root,
  store: DigestStore,
  options: CrawlOptions,
): Promise<Crawled> {
  const task = new Crawl(root, store, options);
  let ended: Crawled["ended"] = "complete";
  try {
    await task.run(options.settling ?? SETTLING);
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    ended = error.how;
  }
  const full = `no more fits into ${store.path}, at most ${formatLength(store.limit)}`;
  const summary = ended === "full" ? `${task.summary()}; ${full}` : task.summary();
  return { ended, failed: task.hasFailed, summary };
}

class Crawl {
  readonly #root: Root;
  readonly #store: DigestStore;
  readonly #options: CrawlOptions;
  #failures = 0;
  /** Bytes to hash, and bytes read so far. */
  #total = 0;
  #done = 0;
  #hashed = 0;
  #hashedBytes = 0;
  #kept = 0;
  #swept = false;

  constructor(root: Root, store: DigestStore, options: CrawlOptions) {
    this.#root = root;
    this.#store = store;
    this.#options = options;
  }

  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  /** Throws Ended when it ends early. */
  async run(settling: number): Promise<void> {
    await this.#forEach(everyFileOnce(this.#root), (found) => this.#count(found));
    const late: Extract<Walked, { kind: "file" }>[] = [];
    await this.#forEach(everyFileOnce(this.#root), async (found) => {
      switch (found.kind) {
        case "directory":
          return;
        case "unreadable":
          return this.#fail(`cannot read ${found.path}: ${found.code}`);
        case "file":
          if (isSettled(found.file, Date.now())) return await this.#take(found.path, found.file);
          if (isSettled(found.file, Date.now() + SETTLING)) late.push(found);
          else this.#fail(`${found.path} was written in the future`);
      }
    });
    if (late.length > 0) await Bun.sleep(settling);
    await this.#forEach(late, ({ path, file }) => this.#take(path, file));
    const silent = this.#failures - MOST_LINES;
    if (silent > 0) this.#options.fail(`${silent} more files like these`);
  }

  summary(): string {
    const hashed = `hashed ${this.#hashed} files, ${formatLength(this.#hashedBytes)}`;
    return this.#kept === 0 ? hashed : `${hashed}, besides ${this.#kept} that were kept before`;
  }

  async #forEach<T>(things: Iterable<T>, act: (thing: T) => void | Promise<void>): Promise<void> {
    let n = 0;
    for (const thing of things) {
      if (n++ % BATCH === 0) await this.#rest();
      await act(thing);
    }
    await this.#rest();
  }

  #count(found: Walked): void {
    if (found.kind !== "file") return;
    const job = fileJob(found.file);
    if (!isTooLarge(job) && !this.#store.has(job)) this.#total += found.file.size;
  }

  /** `path` is one name of the file, which may have others. */
  async #take(path: string, file: Identity): Promise<void> {
    const job = fileJob(file);
    if (isTooLarge(job)) return this.#fail(`${path} is too large to have digests`);
    if (this.#store.has(job)) {
      this.#kept += 1;
      return this.#name(path, job);
    }
    if (!isSettled(file, Date.now())) return this.#fail(`${path} changed while it was hashed`);
    if (!(await this.#hasRoom(job))) throw new Ended("full");
    const before = this.#done;
    const answer = await this.#options.hash(job, async (done) => {
      this.#done = before + done;
      this.#options.show(this.#done, this.#total);
      await this.#rest();
    });
    this.#done = before + file.size;
    switch (answer.kind) {
      case "digested":
        // With --hash the queue has stored it already.
        if (!this.#store.has(job)) this.#keep(job, answer.digested);
        this.#hashed += 1;
        this.#hashedBytes += file.size;
        return this.#name(path, job, answer.digested);
      case "changed":
        return this.#fail(`${path} changed while it was hashed`);
      case "unreadable":
        return this.#fail(`cannot read ${path}: ${answer.code}`);
      case "lost":
        throw new Ended("interrupted");
    }
  }

  #keep(job: Job, digested: Digested): void {
    if (!this.#store.keep(job, digested, "beforehand")) throw new Ended("full");
  }

  /** Drops rows of deleted and changed files when the store is full, once. */
  async #hasRoom(job: Job): Promise<boolean> {
    if (this.#store.hasRoomFor(job)) return true;
    if (this.#swept) return false;
    this.#swept = true;
    await this.#store.sweep(() => this.#rest());
    return this.#store.hasRoomFor(job);
  }

  /** Stores the info hash for this name: two names of one file are two torrents. */
  #name(path: string, job: Job, digested?: Digested): void {
    const segments = segmentsBelow(this.#root, path);
    if (segments === undefined || job.files[0]?.size === 0) return;
    const place = { key: keyOf(job), segments };
    if (this.#store.isNamed(place)) return;
    const known = digested ?? this.#store.find(job, false);
    if (known?.kind !== "file") return;
    const infoHash = this.#options.infoHashOf(job, segments, known.digests.sha1Pieces);
    if (infoHash !== undefined) this.#store.name(infoHash, place);
  }

  #fail(line: string): void {
    this.#failures += 1;
    if (this.#failures <= MOST_LINES) this.#options.fail(line);
  }

  async #rest(): Promise<void> {
    await new Promise(setImmediate);
    this.#options.rested?.();
    if (this.#options.signal.aborted) throw new Ended("interrupted");
  }
}

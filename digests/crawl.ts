/**
 * The digests of a tree, made before anyone asks for them. Each file is kept when it
 * is finished, so an interrupt loses the file in hand at most.
 *
 *   1. Count what the store lacks, to know how much there is to do.
 *   2. Hash it, file by file, as long as it can be kept: what a request asked for
 *      makes no room for it, and what can't be kept isn't read.
 *   3. Files that had just changed come last, when they had time to settle.
 */

import type { Identity } from "../files/identity.ts";
import { type Root } from "../files/locate.ts";
import { segmentsBelow } from "../files/shared-content.ts";
import { everyFileOnce, type Walked } from "../files/walk.ts";
import type { Answer } from "./hasher.ts";
import { formatLength } from "./hashing-log.ts";
import { type Digested, fileJob, isSettled, isTooLarge, type Job, keyOf } from "./job.ts";
import type { DigestStore } from "./store.ts";

/**
 * The 20 bytes by which a swarm knows what a job is about that was asked for at
 * `segments`; undefined when no torrent is made of it.
 */
export type InfoHashOf = (
  job: Job,
  segments: readonly string[],
  sha1Pieces: Uint8Array,
) => Uint8Array | undefined;

export interface CrawlOptions {
  readonly infoHashOf: InfoHashOf;
  /** Hashes a file, and calls `rest` after each chunk with the bytes read so far. */
  readonly hash: (job: Job, rest: (done: number) => Promise<void>) => Promise<Answer>;
  /** For a line about what can't be had. */
  readonly fail: (line: string) => void;
  /** Bytes read so far, of those to read. */
  readonly show: (done: number, total: number) => void;
  /** Called again and again. */
  readonly rested?: () => void;
  /** Aborted when it is to end early. */
  readonly signal: AbortSignal;
  /** Milliseconds that files get to settle; tests have no time. */
  readonly settling?: number;
}

export interface Crawled {
  readonly ended: "complete" | "full" | "interrupted";
  /** Whether some file couldn't be read or kept, changed meanwhile or is too large. */
  readonly failed: boolean;
  /** `hashed 3 files, 1.5 GiB, besides 10 that were kept before` */
  readonly summary: string;
}

/** The coarsest time stamp (see representation.ts), and some more. */
const SETTLING = 2_100;
/** Entries looked at in one go: a signal is heard in between. */
const BATCH = 100;
/** Lines about single files; a tree may have a million of them that can't be read. */
const MOST_LINES = 100;

/** It ends before the last file. */
class Ended extends Error {
  constructor(readonly how: "full" | "interrupted") {
    super(how);
  }
}

/** Hashes what the store lacks of the files below the root. */
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
  return { ended, failed: task.failures > 0, summary: task.summary() };
}

class Crawl {
  failures = 0;
  /** Bytes: to be hashed, and of those the ones read so far. */
  #total = 0;
  #done = 0;
  #hashed = 0;
  #hashedBytes = 0;
  #kept = 0;
  #swept = false;

  constructor(
    readonly root: Root,
    readonly store: DigestStore,
    readonly options: CrawlOptions,
  ) {}

  /** Throws Ended when it ends early. */
  async run(settling: number): Promise<void> {
    await this.#forEach(everyFileOnce(this.root), (found) => this.#count(found));
    const late: Extract<Walked, { kind: "file" }>[] = [];
    await this.#forEach(everyFileOnce(this.root), async (found) => {
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
    const silent = this.failures - MOST_LINES;
    if (silent > 0) this.options.fail(`${silent} more files like these`);
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
    if (!isTooLarge(job) && !this.store.has(job)) this.#total += found.file.size;
  }

  /** `path` is a name of the file; others may lead to it, too. */
  async #take(path: string, file: Identity): Promise<void> {
    const job = fileJob(file);
    if (isTooLarge(job)) return this.#fail(`${path} is too large to have digests`);
    if (this.store.has(job)) {
      this.#kept += 1;
      return this.#name(path, job);
    }
    if (!isSettled(file, Date.now())) return this.#fail(`${path} changed while it was hashed`);
    if (!(await this.#hasRoom(job))) throw new Ended("full");
    const before = this.#done;
    const answer = await this.options.hash(job, async (done) => {
      this.#done = before + done;
      this.options.show(this.#done, this.#total);
      await this.#rest();
    });
    this.#done = before + file.size;
    switch (answer.kind) {
      case "digested":
        // The store has said why when it couldn't.
        if (!this.store.has(job)) this.#keep(job, answer.digested);
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
    if (!this.store.keep(job, digested, "beforehand")) throw new Ended("full");
  }

  /** Makes room at the cost of files that are gone, once. */
  async #hasRoom(job: Job): Promise<boolean> {
    if (this.store.hasRoomFor(job)) return true;
    if (this.#swept) return false;
    this.#swept = true;
    await this.store.sweep(() => this.#rest());
    return this.store.hasRoomFor(job);
  }

  /** Two names of one file are two torrents. */
  #name(path: string, job: Job, digested?: Digested): void {
    const segments = segmentsBelow(this.root, path);
    if (segments === undefined || job.files[0]?.size === 0) return;
    const place = { key: keyOf(job), segments };
    if (this.store.isNamed(place)) return;
    const known = digested ?? this.store.find(job, false);
    if (known?.kind !== "file") return;
    const infoHash = this.options.infoHashOf(job, segments, known.digests.sha1Pieces);
    if (infoHash !== undefined) this.store.name(infoHash, place);
  }

  #fail(line: string): void {
    this.failures += 1;
    if (this.failures <= MOST_LINES) this.options.fail(line);
  }

  async #rest(): Promise<void> {
    await new Promise(setImmediate);
    this.options.rested?.();
    if (this.options.signal.aborted) throw new Ended("interrupted");
  }
}

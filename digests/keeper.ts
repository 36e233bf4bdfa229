import { factsOf, type FileFacts } from "../files/identity.ts";
/**
 * What a serving process knows of digests. It hashes nothing and waits for no disk:
 * `known` looks into memory, the rest is asked of the hasher. What is given out is of
 * the very version that was asked about.
 */
import type { Digests } from "../http/digest.ts";
import { HashingLog } from "./hashing-log.ts";
import {
  type Digested,
  fileJob,
  isSameJob,
  isSettled,
  isTooLarge,
  type Job,
  lengthOf,
} from "./job.ts";
import { DigestMemory, type Learned } from "./memory.ts";
import {
  type FolderDigests,
  LONGEST_RETRY,
  type Obtained,
  pending,
  type Unobtained,
} from "./obtained.ts";
import type { Found, Hasher } from "./questions.ts";
import type { Answer } from "./queue.ts";

export interface KeeperOptions {
  /** Disposed of with the keeper. */
  readonly hasher: Hasher;
  /** For what is going on. */
  readonly tell: (line: string) => void;
  /** Bytes of digests in memory. */
  readonly memory?: number;
  /** Files that may wait to be hashed in the background. */
  readonly backlog?: number;
}

const MEMORY = 64 * 1024 * 1024;
/** Beyond it a file waits for the next request for it. */
const BACKLOG = 1_000;
/** With those that somebody waits for: two folders of the largest kind. */
const LARGEST_BACKLOG = 20_000;
/** Milliseconds that a request may wait: small files, and what is kept on disk, take less. */
const PATIENCE = 200;
/** Milliseconds until a file that the disk failed on is tried again. */
const FORGIVEN_AFTER = 10_000;
/** Bytes a second, until it is known better. */
const LIKELY_RATE = 200e6;
/** Seconds until a file that has just changed counts as settled. */
const SETTLING = 2;

/** A job that the hasher has. */
interface Asked {
  readonly job: Job;
  readonly length: number;
  urgent: boolean;
  /** Bytes read so far. */
  done: number;
  readonly answered: Promise<Answer>;
  hurry: () => void;
}

export class DigestKeeper implements Disposable {
  readonly #hasher: Hasher;
  readonly #memory: DigestMemory;
  readonly #backlog: number;
  readonly #log: HashingLog;
  /** By path. */
  readonly #asked = new Map<string, Asked>();
  /** Files of them all. */
  #files = 0;
  #inHand: Asked | undefined;
  /** Milliseconds; when the job in hand was last heard of. */
  #heard = 0;
  /** Bytes a second. */
  #rate = LIKELY_RATE;

  constructor(options: KeeperOptions) {
    this.#hasher = options.hasher;
    this.#memory = new DigestMemory(options.memory ?? MEMORY);
    this.#backlog = options.backlog ?? BACKLOG;
    this.#log = new HashingLog(options.tell);
  }

  /** Of this version of a file, when they are in memory. */
  known(file: FileFacts): Digests | undefined {
    const learned = this.#memory.find(fileJob(file));
    return learned?.kind === "file" ? learned.digests : undefined;
  }

  /** Has a file hashed in the background, unless it is known, asked for or unsettled. */
  begin(file: FileFacts, now = Date.now()): void {
    if (this.#files >= this.#backlog || this.#hasher.wait > 0) return;
    const job = fileJob(file);
    if (this.#findAsked(job) !== undefined || this.#learned(job, now) !== undefined) return;
    if (isSettled(file, now) && !isTooLarge(job)) this.#ask(job, false);
  }

  /** Has a file hashed before those in the background, and waits a moment for it. */
  async obtain(file: FileFacts): Promise<Obtained<Digests>> {
    const learned = await this.#obtain(fileJob(file));
    if (learned.kind === "file") return { kind: "known", digests: learned.digests };
    return learned.kind === "folder" ? pending(0, 1) : learned;
  }

  /** The same for the pieces of `files`, which are those of the folder at `path`. */
  async obtainFolder(
    path: string,
    files: readonly FileFacts[],
    pieceLength: number,
  ): Promise<Obtained<FolderDigests>> {
    const job: Job = { kind: "folder", path, files: files.map(factsOf), pieceLength };
    const learned = await this.#obtain(job);
    if (learned.kind === "folder") return { kind: "known", digests: learned };
    return learned.kind === "file" ? pending(0, 1) : learned;
  }

  /**
   * The job that has this info hash (20 bytes), when it is kept. Its files may have
   * changed since: whoever serves them asks for their digests again.
   */
  async find(infoHash: Uint8Array): Promise<Found> {
    return await this.#hasher.find(infoHash);
  }

  /** The job in hand. */
  progress(): { readonly path: string; readonly percent: number } | undefined {
    const asked = this.#inHand;
    return asked && { path: asked.job.path, percent: percentOf(asked) };
  }

  /** Files that the hasher was asked for and hasn't answered. */
  get waiting(): number {
    return this.#files;
  }

  [Symbol.dispose](): void {
    this.#hasher[Symbol.dispose]();
  }

  async #obtain(job: Job): Promise<Digested | Unobtained> {
    const now = Date.now();
    const learned = this.#learned(job, now);
    if (learned !== undefined) return learned;
    if (isTooLarge(job)) return { kind: "too-large" };
    if (!job.files.every((file) => isSettled(file, now))) return pending(0, SETTLING);
    const asked = this.#hurry(job);
    if (asked === undefined) return pending(0, LONGEST_RETRY);
    const answer = await withPatience(asked.answered);
    switch (answer?.kind) {
      case "digested":
        return answer.digested;
      case "unreadable":
        return answer;
      case "changed":
        return pending(0, SETTLING);
      case "lost":
        return pending(0, this.#hasher.wait / 1000);
      case undefined:
        return pending(percentOf(asked), this.#duration(asked));
    }
  }

  /** What is in memory; the disk is forgiven after a while. */
  #learned(job: Job, now: number): Learned | undefined {
    const learned = this.#memory.find(job);
    const forgiven = learned?.kind === "unreadable" && now - learned.since > FORGIVEN_AFTER;
    return forgiven ? undefined : learned;
  }

  #findAsked(job: Job): Asked | undefined {
    const asked = this.#asked.get(job.path);
    return asked !== undefined && isSameJob(asked.job, job) ? asked : undefined;
  }

  /** The job, asked for and urgent from now on; undefined when too many are. */
  #hurry(job: Job): Asked | undefined {
    const asked = this.#findAsked(job);
    if (asked === undefined) {
      return this.#files + job.files.length > LARGEST_BACKLOG ? undefined : this.#ask(job, true);
    }
    if (!asked.urgent) {
      asked.urgent = true;
      asked.hurry();
    }
    return asked;
  }

  #ask(job: Job, urgent: boolean): Asked {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const length = lengthOf(job);
    const asked: Asked = { job, length, urgent, done: 0, answered: promise, hurry: () => {} };
    this.#asked.set(job.path, asked);
    this.#files += job.files.length;
    asked.hurry = this.#hasher.ask(job, urgent, {
      answer: (answer) => {
        this.#answered(asked, answer);
        resolve(answer);
      },
      progress: (done) => this.#progressed(asked, done),
    });
    return asked;
  }

  #answered(asked: Asked, answer: Answer): void {
    const { job } = asked;
    // Another version of it may have been asked for since.
    if (this.#asked.get(job.path) === asked) this.#asked.delete(job.path);
    this.#files -= job.files.length;
    if (this.#inHand === asked) this.#inHand = undefined;
    this.#log.ended(job);
    switch (answer.kind) {
      case "digested":
        return this.#memory.keep(job, answer.digested);
      case "unreadable":
        return this.#memory.keep(job, { ...answer, since: Date.now() });
      case "changed":
      case "lost":
    }
  }

  #progressed(asked: Asked, done: number): void {
    const now = performance.now();
    if (this.#inHand === asked && now > this.#heard) {
      const rate = (done - asked.done) / ((now - this.#heard) / 1000);
      this.#rate = 0.7 * this.#rate + 0.3 * rate;
    }
    this.#inHand = asked;
    this.#heard = now;
    asked.done = done;
    this.#log.progressed(asked.job, percentOf(asked), now);
  }

  /** Seconds until it is likely done, with all that comes before it. */
  #duration(asked: Asked): number {
    let bytes = 0;
    for (const before of this.#asked.values()) {
      if (before.urgent) bytes += before.length - before.done;
      if (before === asked) break;
    }
    return bytes / this.#rate;
  }
}

function percentOf({ done, length }: Asked): number {
  return Math.min(99, Math.floor((100 * done) / Math.max(1, length)));
}

async function withPatience<T>(promise: Promise<T>): Promise<T | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, PATIENCE, undefined);
  return await Promise.race([promise, over]).finally(() => clearTimeout(timer));
}

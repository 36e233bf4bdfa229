/**
 * What a serving process knows of digests. It hashes nothing and waits for no disk:
 * `known` looks into memory, the rest is asked of the hasher. What is given out is of
 * the very version that was asked about.
 */

import type { Identity } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import { BackOff, LONGEST_BACK_OFF } from "./back-off.ts";
import { Demand, type Wanted } from "./demand.ts";
import type { Answer, Found, Hasher, Tree } from "./hasher.ts";
import { type Digested, fileJob, isSettled, isTooLarge, type Job, type Place } from "./job.ts";
import { DigestMemory, type Learned } from "./memory.ts";
import { type FolderDigests, type Obtained, pending, type Unobtained } from "./obtained.ts";

export interface KeeperOptions {
  /** Disposed of with the keeper. */
  readonly hasher: Hasher;
  /** Whether the hasher keeps digests over a restart. */
  readonly kept: boolean;
  /** For what is going on. */
  readonly tell: (line: string) => void;
  /** Bytes of digests in memory. */
  readonly memory?: number;
  /** Files that may wait to be hashed in the background. */
  readonly backlog?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

const MEMORY = 64 * 1024 * 1024;
/** Beyond it a file waits for the next request for it. */
const BACKLOG = 1_000;
/** Milliseconds that a request may wait: small files, and what is kept on disk, take less. */
const PATIENCE = 200;
/** Milliseconds until a file that the disk failed on is tried again. */
const FORGIVEN_AFTER = 10_000;
/** Seconds until a file that has just changed counts as settled. */
const SETTLING = 2;
/** Milliseconds until a tree is gone through again whose hasher was lost. */
const AGAIN = 1_000;

export class DigestKeeper implements Disposable {
  readonly #hasher: Hasher;
  readonly #isKept: boolean;
  readonly #tell: (line: string) => void;
  readonly #memory: DigestMemory;
  readonly #backlog: number;
  readonly #demand: Demand;
  readonly #backOff = new BackOff();
  readonly #now: () => number;
  /** Questions for what is kept. */
  #looks = 0;

  constructor(options: KeeperOptions) {
    this.#hasher = options.hasher;
    this.#isKept = options.kept;
    this.#tell = options.tell;
    this.#memory = new DigestMemory(options.memory ?? MEMORY);
    this.#backlog = options.backlog ?? BACKLOG;
    this.#now = options.now ?? Date.now;
    const ended = (wanted: Wanted, answer: Answer) => this.#ended(wanted, answer);
    this.#demand = new Demand({ hasher: options.hasher, tell: options.tell, ended });
  }

  /** Of this version of a file, when they are in memory. */
  known(file: Identity): Digests | undefined {
    return this.#memory.findFile(file);
  }

  /** Of this version of a file, when they are kept: nothing is read for it, and nothing started where none can be. */
  async look(file: Identity): Promise<Digests | undefined> {
    if (!this.#isKept || this.#hasher.wait > 0 || this.#looks >= this.#backlog) return undefined;
    const job = fileJob(file);
    this.#looks += 1;
    const digested = await this.#hasher.look(job);
    this.#looks -= 1;
    if (digested?.kind !== "file") return undefined;
    this.#memory.keep(job, digested);
    return digested.digests;
  }

  /** Has a file hashed in the background, unless it is known, asked for or unsettled. */
  begin(file: Identity, now = this.#now()): void {
    if (this.#demand.files >= this.#backlog || this.#hasher.wait > 0) return;
    const job = fileJob(file);
    if (this.#demand.find(job) !== undefined || this.#learned(job, now) !== undefined) return;
    if (!isSettled(file, now) || isTooLarge(job) || this.#backOff.wait(job, now) > 0) return;
    this.#demand.begin(job);
  }

  /** Has a file hashed before those in the background, and waits a moment for it; `client` is who asks. */
  async obtain(file: Identity, client?: string): Promise<Obtained<Digests>> {
    const learned = await this.#obtain(fileJob(file), client);
    if (learned.kind === "file") return { kind: "known", digests: learned.digests };
    return learned.kind === "folder" ? pending(0, 1) : learned;
  }

  /** The same for the pieces of `files`, which are those of the folder at `path`. */
  async obtainFolder(
    path: string,
    files: readonly Identity[],
    pieceLength: number,
    client?: string,
  ): Promise<Obtained<FolderDigests>> {
    const job: Job = { kind: "folder", path, files, pieceLength };
    const learned = await this.#obtain(job, client);
    if (learned.kind === "folder") return { kind: "known", digests: learned };
    return learned.kind === "file" ? pending(0, 1) : learned;
  }

  /**
   * What is kept of this info hash (20 bytes). The files there may have changed since:
   * they are held against the key before they are served.
   */
  async find(infoHash: Uint8Array): Promise<Found> {
    return this.#isKept ? await this.#hasher.find(infoHash) : { kind: "none" };
  }

  /** Has it kept that the torrent of a job, whose digests are known, has this info hash. */
  name(infoHash: Uint8Array, place: Place): void {
    if (this.#isKept) void this.#hasher.name(infoHash, place);
  }

  /**
   * Has every file of a tree hashed and kept, behind all that is asked for, and begins
   * again where the hasher that did it was lost.
   */
  crawl(tree: Tree): void {
    void this.#hasher.crawl(tree).then((said) => {
      if (said !== undefined) return this.#tell(said);
      const { wait } = this.#hasher;
      // None is started any more when the program ends.
      if (Number.isFinite(wait)) setTimeout(() => this.crawl(tree), Math.max(AGAIN, wait)).unref();
    });
  }

  /** The job in hand. */
  progress(): { readonly path: string; readonly percent: number } | undefined {
    const wanted = this.#demand.inHand;
    return wanted && { path: wanted.job.path, percent: wanted.percent };
  }

  /** Files that the hasher was asked for and hasn't answered. */
  get waiting(): number {
    return this.#demand.files;
  }

  [Symbol.dispose](): void {
    this.#demand[Symbol.dispose]();
    this.#hasher[Symbol.dispose]();
  }

  async #obtain(job: Job, client: string | undefined): Promise<Digested | Unobtained> {
    const now = this.#now();
    const learned = this.#learned(job, now);
    if (learned !== undefined) return learned;
    if (isTooLarge(job)) return { kind: "too-large" };
    if (!job.files.every((file) => isSettled(file, now))) return pending(0, SETTLING);
    const isBegun = this.#demand.find(job) !== undefined;
    if (!isBegun && this.#backOff.wait(job, now) > 0) return this.#later(job);
    const wanted = this.#demand.want(job, client);
    if (wanted.kind !== "wanted") return wanted;
    const answer = await this.#demand.answer(wanted, PATIENCE);
    switch (answer?.kind) {
      case "digested":
        return answer.digested;
      case "unreadable":
        return answer;
      case "changed":
      case "lost":
        return this.#later(job);
      case undefined:
        return this.#demand.pending(wanted);
    }
  }

  /** What is in memory; the disk is forgiven after a while. */
  #learned(job: Job, now: number): Learned | undefined {
    const learned = this.#memory.find(job);
    const forgiven = learned?.kind === "unreadable" && now - learned.since > FORGIVEN_AFTER;
    return forgiven && this.#backOff.wait(job, now) === 0 ? undefined : learned;
  }

  #ended({ job, done }: Wanted, answer: Answer): void {
    const now = this.#now();
    switch (answer.kind) {
      case "digested":
        this.#backOff.succeeded(job);
        return this.#memory.keep(job, answer.digested);
      case "unreadable":
        // Who may not open a file at all costs nothing; a broken disk is read up to its fault.
        if (done > 0) this.#backOff.failed(job, now);
        return this.#memory.keep(job, { ...answer, since: now });
      case "changed":
        return this.#backOff.failed(job, now);
      case "lost":
        // It may be what ended the hasher, or what it hung at.
        if (this.#demand.inHand?.job === job) this.#backOff.failed(job, now);
    }
  }

  /** To be asked again when the hasher is there, and when the file has been left alone. */
  #later(job: Job): Unobtained {
    const wait = Math.max(this.#hasher.wait, this.#backOff.wait(job, this.#now()));
    return pending(0, wait / 1000, LONGEST_BACK_OFF / 1000);
  }
}

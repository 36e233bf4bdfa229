/**
 * Digests for the process that owns the hasher: the supervisor, or the only process.
 * The keeper has them in memory, and asks the hasher's process for others. It hashes
 * nothing itself and waits for no disk. Digests are of the version that was asked for,
 * or there are none.
 *
 * The way of a question:
 *
 *   keeper.ts           in memory? too large? just changed? failed before?
 *   demand.ts           is there room at the hasher for this client's job?
 *   hasher-child.ts     starts the process and sends the question over a line
 *   hasher-main.ts      receives it in that process
 *   queue.ts            finds the digests in store.ts, or lets the job wait its turn
 *   hashing.ts          reads the files; piece-hashes.ts computes
 */

import type { Identity } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import { BackOff, LONGEST_BACK_OFF } from "./back-off.ts";
import { Demand } from "./demand.ts";
import type { Answer, Found, Hasher, Tree } from "./hasher-questions.ts";
import {
  type Digested,
  type FileDigests,
  fileJob,
  filesJob,
  isSettled,
  isTooLarge,
  type Job,
  type Place,
} from "./job.ts";
import { DigestMemory, type Learned } from "./memory.ts";
import { type Obtained, pending, type Unobtained } from "./obtained.ts";
import type { WantedJob } from "./wanted-job.ts";

export interface KeeperOptions {
  /** The keeper disposes of it. */
  readonly hasher: Hasher;
  /** Whether the hasher has a state directory. */
  readonly kept: boolean;
  /** Writes a log line. */
  readonly tell: (line: string) => void;
  /** Bytes of digests in memory. */
  readonly memory?: number;
  /** Files at the hasher, above which none is added in the background. */
  readonly backlog?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export type ObtainedFiles =
  { readonly kind: "files"; readonly files: readonly FileDigests[] } | Unobtained;

/** Bytes. */
const MEMORY = 64 * 1024 * 1024;
/** Above it a file is begun by a later request for it. */
const BACKLOG = 1_000;
/** Milliseconds that a request waits. The store, or hashing of a small file, takes less. */
const PATIENCE = 200;
/** Milliseconds after which a file that the disk failed on is tried again. */
const FORGIVEN_AFTER = 10_000;
/** Seconds until a file that has just changed counts as settled. */
const SETTLING = 2;
/** Milliseconds between the loss of a hasher and the next crawl. */
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
  /** Questions to the store that wait for their answer. */
  #looks = 0;
  /** How many questions for digests were answered from memory, from the store, and not at once. */
  readonly lookups = { memory: 0, store: 0, none: 0 };

  constructor(options: KeeperOptions) {
    this.#hasher = options.hasher;
    this.#isKept = options.kept;
    this.#tell = options.tell;
    this.#memory = new DigestMemory(options.memory ?? MEMORY);
    this.#backlog = options.backlog ?? BACKLOG;
    this.#now = options.now ?? Date.now;
    const ended = (wanted: WantedJob, answer: Answer) => this.#ended(wanted, answer);
    this.#demand = new Demand({ hasher: options.hasher, tell: options.tell, ended });
  }

  /** What was asked and done since the start, and what is to be done. */
  get figures() {
    const { bytesRead } = this.#hasher;
    return { lookups: this.lookups, bytesRead, waiting: this.#demand.files };
  }

  /** From memory. */
  known(file: Identity): Digests | undefined {
    return this.#memory.findFile(file);
  }

  /** From the store. The file is not read, and without a state directory no hasher is started. */
  async look(file: Identity): Promise<Digests | undefined> {
    if (!this.#isKept || this.#hasher.wait > 0 || this.#looks >= this.#backlog) {
      this.lookups.none += 1;
      return undefined;
    }
    const job = fileJob(file);
    this.#looks += 1;
    const digested = await this.#hasher.look(job);
    this.#looks -= 1;
    this.lookups[digested?.kind === "file" ? "store" : "none"] += 1;
    if (digested?.kind !== "file") return undefined;
    this.#memory.keep(job, digested);
    return digested.digests;
  }

  /** Has a file hashed when no client waits for another, unless it is known, at the hasher or unsettled. */
  begin(file: Identity): void {
    if (this.#demand.files >= this.#backlog || this.#hasher.wait > 0) return;
    const now = this.#now();
    const job = fileJob(file);
    if (this.#demand.find(job) !== undefined || this.#learned(job, now) !== undefined) return;
    if (!isSettled(file, now) || isTooLarge(job) || this.#backOff.wait(job, now) > 0) return;
    this.#demand.begin(job);
  }

  /** Has a job hashed before those in the background, and waits up to 200 ms for it. `client` has a limit of jobs. */
  async obtain(job: Job, client?: string): Promise<Obtained> {
    const learned = await this.#obtain(job, client);
    switch (learned.kind) {
      case "file":
        return { kind: "known", digests: learned.digests };
      case "folder":
        return { kind: "known", digests: learned };
      case "files":
        throw new TypeError("Ask for the digests of each file by obtainFiles");
      default:
        return learned;
    }
  }

  /** The same for the SHA-256 of each file of a folder, in the order of its job. */
  async obtainFiles(folder: Job, client?: string): Promise<ObtainedFiles> {
    const learned = await this.#obtain(filesJob(folder), client);
    switch (learned.kind) {
      case "files":
        return learned;
      case "file":
      case "folder":
        throw new TypeError("The hasher answered another question");
      default:
        return learned;
    }
  }

  /**
   * The job that has this info hash (20 bytes), by the store. Its files may have changed
   * since: compare its key before they are served.
   */
  async find(infoHash: Uint8Array): Promise<Found> {
    return this.#isKept ? await this.#hasher.find(infoHash) : { kind: "none" };
  }

  /** Stores the info hash of a job whose digests are known. */
  name(infoHash: Uint8Array, place: Place): void {
    if (this.#isKept) void this.#hasher.name(infoHash, place);
  }

  /** Has every file of a tree hashed when no other job waits. It begins again when the hasher was lost. */
  crawl(tree: Tree): void {
    void this.#hasher.crawl(tree).then((line) => {
      if (line !== undefined) return this.#tell(line);
      const { wait } = this.#hasher;
      // Infinite when the program ends.
      if (Number.isFinite(wait)) setTimeout(() => this.crawl(tree), Math.max(AGAIN, wait)).unref();
    });
  }

  [Symbol.dispose](): void {
    this.#demand[Symbol.dispose]();
    this.#hasher[Symbol.dispose]();
  }

  async #obtain(job: Job, client: string | undefined): Promise<Digested | Unobtained> {
    const now = this.#now();
    const learned = this.#learned(job, now);
    this.lookups[learned === undefined ? "none" : "memory"] += 1;
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

  /** From memory. A failure of the disk is forgotten after ten seconds. */
  #learned(job: Job, now: number): Learned | undefined {
    const learned = this.#memory.find(job);
    const forgiven = learned?.kind === "unreadable" && now - learned.since > FORGIVEN_AFTER;
    return forgiven && this.#backOff.wait(job, now) === 0 ? undefined : learned;
  }

  #ended({ job, done }: WantedJob, answer: Answer): void {
    const now = this.#now();
    switch (answer.kind) {
      case "digested":
        this.#backOff.succeeded(job);
        return this.#memory.keep(job, answer.digested);
      case "unreadable":
        // A file that can't be opened costs nothing to try; a broken disk is read up to its fault.
        if (done > 0) this.#backOff.failed(job, now);
        return this.#memory.keep(job, { ...answer, since: now });
      case "changed":
        return this.#backOff.failed(job, now);
      case "lost":
        // Reading this job may have ended the hasher, or may have hung.
        if (this.#demand.beingRead?.job === job) this.#backOff.failed(job, now);
    }
  }

  /** The client asks again when the hasher can be asked and the file has been left unchanged. */
  #later(job: Job): Unobtained {
    const wait = Math.max(this.#hasher.wait, this.#backOff.wait(job, this.#now()));
    return pending(0, wait / 1000, LONGEST_BACK_OFF / 1000);
  }
}

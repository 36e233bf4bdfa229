/**
 * Digests that outlive the process, in `digests.sqlite` below the state directory. It
 * is a cache: a database that is damaged or not ours is deleted and a new one begun.
 * What the disk doesn't take isn't kept. Nobody but this user may read or write it.
 */

import { SQLiteError } from "bun:sqlite";
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { factsOf, identityOf } from "../files/identity.ts";
import { errorCode } from "../os/error-code.ts";
import { type Digested, fileJob, type Job, keyOf, type Place } from "./job.ts";
import { Damaged, DigestTable, isDamage, type Keeping } from "./store-table.ts";

/**
 * Bytes that the rows may take: a part of the disk, and on a small one what holds
 * 7 000 files of 1 GiB, which take 73 KiB each, or 900 000 small ones, 600 bytes each.
 */
const PART_OF_DISK = 0.05;
const LEAST = 512 * 1024 * 1024;

const NAME = "digests.sqlite";

export interface StoreOptions {
  /** The state directory; undefined keeps nothing. */
  readonly directory: string | undefined;
  readonly log: (line: string) => void;
  /** Bytes of the database. */
  readonly limit?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export class DigestStore implements Disposable {
  readonly #directory: string | undefined;
  readonly #log: (line: string) => void;
  readonly #limit: number | undefined;
  readonly #now: () => number;
  #path = "";
  #disk: DigestTable | undefined;
  /** Which file the disk's table is. */
  #inode: bigint | undefined;
  /** What the disk said last, so that it is logged once. */
  #failure: string | undefined;

  constructor({ directory, log, limit, now = Date.now }: StoreOptions) {
    this.#log = log;
    this.#limit = limit;
    this.#now = now;
    this.#directory = directory;
    if (directory === undefined) return;
    this.#path = join(directory, NAME);
    try {
      this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Where it is. */
  get path(): string {
    return this.#path;
  }

  /** Bytes that the rows may take. */
  get limit(): number {
    return this.#disk?.limit ?? 0;
  }

  /** What is kept of a job; `asked`: a request wants it. */
  find(job: Job, asked = true): Digested | undefined {
    return this.#try((disk) => disk.find(job, asked));
  }

  has(job: Job): boolean {
    return this.#try((disk) => disk.has(job)) ?? false;
  }

  /** What a swarm knows by this hash (20 bytes). */
  findInfoHash(infoHash: Uint8Array): Place | undefined {
    return this.#try((disk) => disk.findPlace(infoHash));
  }

  /** Keeps that the torrent of a job that is kept has this hash. */
  name(infoHash: Uint8Array, place: Place): void {
    this.#try((disk) => disk.name(infoHash, place));
  }

  isNamed(place: Place): boolean {
    return this.#try((disk) => disk.isNamed(place)) ?? false;
  }

  /** Keeps what came of a job; a log line says why when the disk doesn't take it. */
  keep(job: Job, digested: Digested, keeping: Keeping = "asked"): boolean {
    const kept = this.#try((disk) => {
      disk.keep(job, digested, keeping);
      return true;
    });
    if (kept) this.#failure = undefined;
    return kept ?? false;
  }

  /** Whether digests of a job can be kept without another's making room; false, too, where none can be. */
  hasRoomFor(job: Job): boolean {
    return this.#try((disk) => disk.hasRoomFor(job)) ?? false;
  }

  /** Drops what is of files that are gone or have changed. `rest` is waited for now and then. */
  async sweep(rest: () => Promise<void>): Promise<void> {
    for (let after = 0; ;) {
      const files = this.#try((disk) => disk.files(after)) ?? [];
      if (files.length === 0) return;
      for (const { row, key, path } of files) {
        // Ours count up from 1. Others may be more than a number here can tell apart.
        if (row <= after) return;
        if (!isStillOf(path, key)) this.#try((disk) => disk.drop(key));
        after = row;
      }
      await rest();
    }
  }

  [Symbol.dispose](): void {
    this.#disk?.[Symbol.dispose]();
    this.#disk = undefined;
  }

  /** Once more on a new database when the one there turns out to be damaged. */
  #try<T>(use: (disk: DigestTable) => T): T | undefined {
    for (let attempt = 0; attempt < 2 && this.#disk !== undefined; attempt++) {
      try {
        return use(this.#disk);
      } catch (error) {
        this.#fail(error);
        if (!isDamage(error)) return undefined;
      }
    }
    return undefined;
  }

  #open(): void {
    const directory = this.#directory;
    if (directory === undefined) return;
    makeDirectory(directory);
    const real = realpathSync.native(directory);
    this.#path = join(real, NAME);
    // The sticky bit, which /tmp has, keeps what is there its owner's.
    if ((statSync(real).mode & 0o1002) === 0o2) {
      this.#log(`everybody can replace the digests in ${real}`);
    }
    for (const suffix of ["-wal", "-shm"]) makePrivate(this.#path + suffix, 0);
    makePrivate(this.#path, constants.O_CREAT);
    this.#inode = inodeOf(this.#path);
    this.#disk = new DigestTable(this.#path, this.#limit ?? limitOf(real), this.#now);
  }

  #fail(error: unknown): void {
    if (isDamage(error)) return this.#replace(error);
    const code = codeOf(error);
    if (code === undefined) throw error;
    if (code === this.#failure) return;
    this.#failure = code;
    this.#log(`cannot keep digests in ${this.#path} (${code})`);
  }

  /** Deletes the database, unless another process has done so, and begins a new one. */
  #replace(damage: unknown): void {
    this[Symbol.dispose]();
    try {
      if (this.#inode === undefined || this.#inode === inodeOf(this.#path)) {
        this.#log(`${this.#path} is ${reasonOf(damage)}; beginning a new one`);
        for (const suffix of ["-wal", "-shm", ""]) rmSync(this.#path + suffix, { force: true });
      }
      this.#open();
    } catch (error) {
      // What is damaged as soon as it is made won't be better the next time.
      if (!isDamage(error)) return this.#fail(error);
      this.#log(`cannot keep digests in ${this.#path} (${reasonOf(error)})`);
    }
  }
}

function limitOf(directory: string): number {
  const { bsize, blocks } = statfsSync(directory);
  return Math.max(LEAST, PART_OF_DISK * bsize * blocks);
}

/** Makes the state directory for this user alone, whatever the umask. */
function makeDirectory(directory: string): void {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(directory, 0o700);
}

/** O_NOFOLLOW: the database isn't written to where a link leads; O_NONBLOCK: a FIFO hangs nobody. */
const PRIVATE = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Makes sure that a file is this user's alone; with O_CREAT in `flags` that there is one. */
function makePrivate(path: string, flags: number): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, PRIVATE | flags, 0o600);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" && flags === 0) return;
    if (code === "ELOOP") throw new Damaged("a link");
    throw error;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Damaged("no file");
    if ((stats.mode & 0o777) !== 0o600 && stats.uid === process.getuid?.()) {
      fchmodSync(descriptor, 0o600);
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Whether the file whose digests are kept by `key` is still at `path`, unchanged. */
function isStillOf(path: string, key: Uint8Array): boolean {
  try {
    const stats = lstatSync(path, { bigint: true });
    const job = fileJob(identityOf(path, factsOf(stats)));
    return stats.isFile() && Buffer.from(keyOf(job)).equals(key);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    // What can't be looked at now may be there again later.
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}

function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of a failure of the disk, or of SQLite. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof SQLiteError) return error.code ?? `SQLite ${error.errno}`;
  return errorCode(error);
}

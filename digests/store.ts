import { SQLiteError } from "bun:sqlite";
/**
 * Digests that outlive the process, in `digests.sqlite` below the state directory.
 * A database that is damaged or not ours is set aside and a new one begun. What the
 * disk doesn't take is kept in memory, and so is all when there is no directory.
 */
import { mkdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Digested, InfoHashOf, Job } from "./job.ts";
import { DigestTable, isDamage } from "./table.ts";

/** Bytes: a quarter of a million files of 1 GiB, or a million small ones. */
const LIMIT = 512 * 1024 * 1024;
/** Bytes of what is kept in memory. */
const MEMORY_LIMIT = 64 * 1024 * 1024;
/** Databases set aside by one process: a disk that damages each of them isn't to be filled. */
const MOST_SET_ASIDE = 3;

export interface StoreOptions {
  /** The state directory; undefined keeps all in memory. */
  readonly directory: string | undefined;
  readonly infoHashOf: InfoHashOf;
  readonly log: (line: string) => void;
  /** Bytes of the database. */
  readonly limit?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export class DigestStore implements Disposable {
  readonly #path: string | undefined;
  readonly #infoHashOf: InfoHashOf;
  readonly #log: (line: string) => void;
  readonly #limit: number;
  readonly #now: () => number;
  #disk: DigestTable | undefined;
  #memory: DigestTable | undefined;
  /** Which file the disk's table is. */
  #inode: bigint | undefined;
  #setAside = 0;
  /** What the disk said last, so that it is logged once. */
  #failure: string | undefined;

  constructor({ directory, infoHashOf, log, limit = LIMIT, now = Date.now }: StoreOptions) {
    this.#infoHashOf = infoHashOf;
    this.#log = log;
    this.#limit = limit;
    this.#now = now;
    if (directory === undefined) return;
    this.#path = join(directory, "digests.sqlite");
    try {
      mkdirSync(directory, { recursive: true });
      this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }

  find(job: Job): Digested | undefined {
    return this.#memory?.find(job) ?? this.#try((disk) => disk.find(job));
  }

  /** The job that a swarm knows by this hash (20 bytes). */
  findInfoHash(infoHash: Uint8Array): Job | undefined {
    return this.#memory?.findInfoHash(infoHash) ?? this.#try((disk) => disk.findInfoHash(infoHash));
  }

  /** Keeps what came of a job; false when in memory only. */
  keep(job: Job, digested: Digested): boolean {
    const kept = this.#try((disk) => {
      disk.keep(job, digested, this.#infoHashOf);
      return true;
    });
    if (kept) {
      this.#failure = undefined;
      return true;
    }
    this.#memory ??= new DigestTable(":memory:", MEMORY_LIMIT, this.#now);
    this.#memory.keep(job, digested, this.#infoHashOf);
    return false;
  }

  [Symbol.dispose](): void {
    this.#disk?.[Symbol.dispose]();
    this.#memory?.[Symbol.dispose]();
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
    if (this.#path === undefined) return;
    this.#inode = inodeOf(this.#path);
    this.#disk = new DigestTable(this.#path, this.#limit, this.#now);
    this.#inode = inodeOf(this.#path);
  }

  #fail(error: unknown): void {
    if (isDamage(error)) return this.#replace(error);
    const code = codeOf(error);
    if (code === undefined) throw error;
    if (code === this.#failure) return;
    this.#failure = code;
    this.#log(`cannot keep digests in ${this.#path} (${code}); keeping them in memory`);
  }

  /** Sets the database aside, unless another process has done so, and begins a new one. */
  #replace(damage: unknown): void {
    const path = this.#path;
    if (path === undefined) throw damage;
    this.#disk?.[Symbol.dispose]();
    this.#disk = undefined;
    try {
      const replaced = this.#inode !== undefined && this.#inode !== inodeOf(path);
      if (!replaced) {
        if (this.#setAside === MOST_SET_ASIDE) {
          this.#log(`${path} is damaged again (${reasonOf(damage)}); keeping digests in memory`);
          return;
        }
        this.#setAside += 1;
        const aside = setAside(path, this.#now());
        this.#log(`${path} is damaged (${reasonOf(damage)}); it is now ${aside}`);
      }
      this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }
}

/** Renames a database and what SQLite keeps beside it; its new path. */
function setAside(path: string, now: number): string {
  const stamp = new Date(now).toISOString().replaceAll(/[-:.]/g, "");
  let aside = `${path}.damaged-${stamp}`;
  for (let n = 2; inodeOf(aside) !== undefined; n++) aside = `${path}.damaged-${stamp}-${n}`;
  for (const suffix of ["-wal", "-shm", ""]) {
    if (inodeOf(path + suffix) !== undefined) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of a failure of the disk, or of SQLite. */
function codeOf(error: unknown): string | undefined {
  if (error instanceof SQLiteError) return error.code ?? `SQLite ${error.errno}`;
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

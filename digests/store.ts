/**
 * Digests that outlive the process, in a database in the state directory. It is a cache:
 * no method throws when the disk or the database fails. A failure is a log line, and
 * nothing is found or stored. A damaged database, or one of another program or version,
 * is deleted and begun anew.
 */

import { lstatSync } from "node:fs";
import { factsOf, identityOf } from "../files/identity.ts";
import { type Digested, fileJob, type Job, keyOf, type Place } from "./job.ts";
import { codeOf, isDamage, reasonOf } from "./store-damage.ts";
import {
  databaseIn,
  inodeOf,
  isShared,
  limitOn,
  makeDatabase,
  makeDirectory,
  removeDatabase,
} from "./store-file.ts";
import { DigestTable, type Keeping } from "./store-table.ts";

export interface StoreOptions {
  /** The state directory; undefined: nothing is stored. */
  readonly directory: string | undefined;
  readonly log: (line: string) => void;
  /** Bytes that the rows may take; undefined: as the file system allows. */
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
  #table: DigestTable | undefined;
  /** Of the table's file: another process may have replaced it. */
  #inode: bigint | undefined;
  /** Code of the last failure, which is logged once. */
  #failure: string | undefined;

  constructor({ directory, log, limit, now = Date.now }: StoreOptions) {
    this.#log = log;
    this.#limit = limit;
    this.#now = now;
    this.#directory = directory;
    if (directory === undefined) return;
    this.#path = databaseIn(directory);
    try {
      this.#open();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Of the database. */
  get path(): string {
    return this.#path;
  }

  /** Bytes that the rows may take. */
  get limit(): number {
    return this.#table?.limit ?? 0;
  }

  /** Digests of a job; `asked`: a request wants them, so they are removed later than others. */
  find(job: Job, asked = true): Digested | undefined {
    return this.#try((table) => table.find(job, asked));
  }

  has(job: Job): boolean {
    return this.#try((table) => table.has(job)) ?? false;
  }

  /** The job that has this info hash (20 bytes), and its place in the tree. */
  findInfoHash(infoHash: Uint8Array): Place | undefined {
    return this.#try((table) => table.findPlace(infoHash));
  }

  /** Stores the info hash of a job whose digests are stored. */
  name(infoHash: Uint8Array, place: Place): void {
    this.#try((table) => table.name(infoHash, place));
  }

  isNamed(place: Place): boolean {
    return this.#try((table) => table.isNamed(place)) ?? false;
  }

  /** Stores digests. False, after a log line, when that failed. */
  keep(job: Job, digested: Digested, keeping: Keeping = "asked"): boolean {
    const kept = this.#try((table) => {
      table.keep(job, digested, keeping);
      return true;
    });
    if (kept) this.#failure = undefined;
    return kept ?? false;
  }

  /** Whether digests of a job fit without removing others. False when the store failed. */
  hasRoomFor(job: Job): boolean {
    return this.#try((table) => table.hasRoomFor(job)) ?? false;
  }

  /** Removes digests of files that are gone or have changed. Awaits `rest` after every 100 rows. */
  async sweep(rest: () => Promise<void>): Promise<void> {
    for (let after = 0; ;) {
      const files = this.#try((table) => table.files(after)) ?? [];
      if (files.length === 0) return;
      for (const { row, key, path } of files) {
        // SQLite numbers our rows from 1 up. A foreign row's number may exceed 2^53.
        if (row <= after) return;
        if (!isStillOf(path, key)) this.#try((table) => table.drop(key));
        after = row;
      }
      await rest();
    }
  }

  [Symbol.dispose](): void {
    this.#table?.[Symbol.dispose]();
    this.#table = undefined;
  }

  /** Uses the table, and a second time on a new database when the first was damaged. */
  #try<T>(use: (table: DigestTable) => T): T | undefined {
    for (let attempt = 0; attempt < 2 && this.#table !== undefined; attempt++) {
      try {
        return use(this.#table);
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
    const real = makeDirectory(directory);
    this.#path = databaseIn(real);
    if (isShared(real)) this.#log(`everybody can replace the digests in ${real}`);
    makeDatabase(this.#path);
    this.#inode = inodeOf(this.#path);
    this.#table = new DigestTable(this.#path, this.#limit ?? limitOn(real), this.#now);
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
        removeDatabase(this.#path);
      }
      this.#open();
    } catch (error) {
      // A new database that is damaged at once will be damaged again: give up.
      if (!isDamage(error)) return this.#fail(error);
      this.#log(`cannot keep digests in ${this.#path} (${reasonOf(error)})`);
    }
  }
}

/** Whether the file at `path` is still the version that `key` stands for. */
function isStillOf(path: string, key: Uint8Array): boolean {
  try {
    const stats = lstatSync(path, { bigint: true });
    const job = fileJob(identityOf(path, factsOf(stats)));
    return stats.isFile() && Buffer.from(keyOf(job)).equals(key);
  } catch (error) {
    const code = codeOf(error);
    if (code === undefined) throw error;
    // A file that can't be looked at now may be readable again later.
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}

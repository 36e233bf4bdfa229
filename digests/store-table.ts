/**
 * The store's SQLite database: digests by job, and info hashes of the torrents made of
 * them. Two names of one file share its digests.
 *
 * When it is full, rows that a crawl wrote are removed first, then those that requests
 * asked for least recently. Every row carries a SHA-256 of its values, since SQLite
 * doesn't notice when the disk changes a byte within a value.
 */

import type { Database } from "bun:sqlite";
import type { Digested, Job, Place } from "./job.ts";
import { sqlite } from "./sqlite.ts";
import { Damaged, isDamage } from "./store-damage.ts";
import {
  isSealed,
  lengthsOf,
  named,
  OF_JOB,
  parseSegments,
  read,
  type Row,
  write,
} from "./store-row.ts";

/** "rsdg", which `file` shows as the application id. */
const APPLICATION = 0x72736467;

/**
 * A database with another schema is damaged. `used`: when a request asked last, in
 * milliseconds since 1970; 0: never.
 */
const SCHEMA = [
  `CREATE TABLE digest (
    key BLOB PRIMARY KEY NOT NULL,
    path TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    sha1_pieces BLOB NOT NULL,
    sha256_pieces BLOB NOT NULL,
    seal BLOB NOT NULL,
    used INTEGER NOT NULL
  )`,
  "CREATE INDEX digest_path ON digest (path)",
  "CREATE INDEX digest_used ON digest (used)",
  `CREATE TABLE torrent (
    info_hash BLOB PRIMARY KEY NOT NULL,
    key BLOB NOT NULL,
    segments TEXT NOT NULL
  )`,
  "CREATE INDEX torrent_key ON torrent (key)",
];

/** Milliseconds to wait while another process writes. */
const PATIENCE = 5_000;
/** Bytes that SQLite's log is cut to when nothing is being written. */
const LOG_BYTES = 4 * 1024 * 1024;
/** Milliseconds; `used` is written at most once in this time, so that reading seldom writes. */
const NOTED_EVERY = 3_600_000;
/** Characters of a place as JSON: a path has up to 4096 bytes, each up to six characters. */
const LONGEST_PLACE = 32_768;
/** Bytes that a row takes besides its digests, about: path, numbers, half-filled pages. */
const OVERHEAD = 8_192;

/** Whether a request asked for the digests, or a crawl made them beforehand. */
export type Keeping = "asked" | "beforehand";

const FIRST_TO_GO = "rowid = (SELECT rowid FROM digest ORDER BY used, rowid LIMIT 1)";

/** Its methods throw SQLiteError and Damaged. */
export class DigestTable implements Disposable {
  /** Bytes that the rows may take. */
  readonly limit: number;
  readonly #database: Database;
  readonly #now: () => number;

  /** Opens the database at `path`, which may be an empty file; `now` in milliseconds since 1970. */
  constructor(path: string, limit: number, now: () => number) {
    this.limit = limit;
    this.#now = now;
    const { constants, Database } = sqlite();
    const flags = constants.SQLITE_OPEN_READWRITE | constants.SQLITE_OPEN_NOFOLLOW;
    this.#database = new Database(path, flags);
    try {
      for (const pragma of [`busy_timeout = ${PATIENCE}`, "trusted_schema = OFF"]) {
        this.#database.run(`PRAGMA ${pragma}`);
      }
      this.#database.transaction(() => this.#begin()).immediate();
      this.#writeAhead();
      this.#database.run("PRAGMA synchronous = NORMAL");
      this.#database.run(`PRAGMA journal_size_limit = ${LOG_BYTES}`);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  #begin(): void {
    const statements = this.#database
      .query<{ sql: string }, []>(
        "SELECT substr(sql, 1, 1000) AS sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid LIMIT 9",
      )
      .all();
    if (statements.length === 0 && this.#pragma("application_id") === 0) {
      for (const statement of SCHEMA) this.#database.run(statement);
      this.#database.run(`PRAGMA application_id = ${APPLICATION}`);
    } else if (statements.map(({ sql }) => sql).join() !== SCHEMA.join()) {
      throw new Damaged("of another program, or of another version of this one");
    }
  }

  /** Readers then don't wait for a writer. When the database is busy, the other process does this. */
  #writeAhead(): void {
    try {
      this.#database.run("PRAGMA journal_mode = WAL");
    } catch (error) {
      if (!(error instanceof sqlite().SQLiteError && error.code === "SQLITE_BUSY")) throw error;
    }
  }

  has(job: Job): boolean {
    return this.#database.query(`SELECT 1 ${OF_JOB}`).get(lengthsOf(job)) !== null;
  }

  /** Digests of a job; `asked`: a request wants them. */
  find(job: Job, asked = true): Digested | undefined {
    const row = this.#database
      .query<Row, ReturnType<typeof lengthsOf>>(
        `SELECT key, sha256, sha1_pieces, sha256_pieces, seal, used ${OF_JOB}`,
      )
      .get(lengthsOf(job));
    if (row === null) return undefined;
    if (!isSealed(row)) throw new Damaged("a row isn't as it was written");
    if (asked) this.#note(row);
    return read(row, job);
  }

  /** The job that has this info hash (20 bytes), and its place in the tree. */
  findPlace(infoHash: Uint8Array): Place | undefined {
    const row = this.#database
      .query<{ key: Uint8Array; segments: string }, [Uint8Array]>(
        `SELECT key, segments FROM torrent WHERE info_hash = ? AND typeof(key) = 'blob'
         AND length(key) = 32 AND typeof(segments) = 'text' AND length(segments) <= ${LONGEST_PLACE}`,
      )
      .get(infoHash);
    const segments = row === null ? undefined : parseSegments(row.segments);
    return row === null || segments === undefined ? undefined : { key: row.key, segments };
  }

  /** Stores digests in place of those of another version at the same path. */
  keep(job: Job, digested: Digested, keeping: Keeping = "asked"): void {
    const row = write(job, digested, keeping === "asked" ? this.#now() : 0);
    this.#database
      .transaction(() => {
        this.#drop("path = ?", job.path);
        this.#database
          .query(
            `INSERT OR REPLACE INTO digest VALUES ($key, $path, $sha256, $sha1_pieces,
             $sha256_pieces, $seal, $used)`,
          )
          .run(named({ ...row, path: job.path }));
        this.#makeRoom();
      })
      .immediate();
  }

  /** Stores an info hash (20 bytes), if the digests of its job are stored. */
  name(infoHash: Uint8Array, { key, segments }: Place): void {
    const text = JSON.stringify(segments);
    if (text.length > LONGEST_PLACE) return;
    this.#database
      .query(`INSERT OR REPLACE INTO torrent SELECT ?, key, ? FROM digest WHERE key = ?`)
      .run(infoHash, text, key);
  }

  /** Whether an info hash is stored for this job and place. */
  isNamed({ key, segments }: Place): boolean {
    return (
      this.#database
        .query("SELECT 1 FROM torrent WHERE key = ? AND segments = ?")
        .get(key, JSON.stringify(segments)) !== null
    );
  }

  /** Whether digests of a job fit without removing others. */
  hasRoomFor(job: Job): boolean {
    const { $sha256, $sha1Pieces, $sha256Pieces } = lengthsOf(job);
    return this.#bytes + $sha256 + $sha1Pieces + $sha256Pieces + OVERHEAD <= this.limit;
  }

  /** The next 100 files behind the row `after`. */
  files(
    after: number,
  ): { readonly row: number; readonly key: Uint8Array; readonly path: string }[] {
    return this.#database
      .query<{ row: number; key: Uint8Array; path: string }, [number]>(
        `SELECT rowid AS row, key, path FROM digest WHERE rowid > ? AND typeof(key) = 'blob'
         AND length(key) = 32 AND typeof(path) = 'text' AND length(path) <= 4096 AND length(sha256) > 0
         ORDER BY rowid LIMIT 100`,
      )
      .all(after);
  }

  drop(key: Uint8Array): void {
    this.#database.transaction(() => this.#drop("key = ?", key)).immediate();
  }

  /** Bytes taken, without free pages. */
  get #bytes(): number {
    const pages = this.#pragma("page_count") - this.#pragma("freelist_count");
    return pages * this.#pragma("page_size");
  }

  #drop(rows: string, ...values: (string | Uint8Array)[]): number {
    this.#database
      .query(`DELETE FROM torrent WHERE key IN (SELECT key FROM digest WHERE ${rows})`)
      .run(...values);
    return this.#database.query(`DELETE FROM digest WHERE ${rows}`).run(...values).changes;
  }

  #makeRoom(): void {
    while (this.#bytes > this.limit) if (this.#drop(FIRST_TO_GO) === 0) return;
  }

  #note({ key, used }: Row): void {
    const now = this.#now();
    if (now - used < NOTED_EVERY) return;
    try {
      this.#database.query("UPDATE digest SET used = ? WHERE key = ?").run(now, key);
    } catch (error) {
      // A full disk doesn't make the digests wrong.
      if (!(error instanceof sqlite().SQLiteError) || isDamage(error)) throw error;
    }
  }

  #pragma(name: "application_id" | "page_count" | "freelist_count" | "page_size"): number {
    const row = this.#database.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
    if (row === null) throw new Damaged(`no answer to PRAGMA ${name}`);
    return Number(Object.values(row)[0]);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

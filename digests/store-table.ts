/**
 * Digests in one SQLite database, by the versions they are of, and the info hashes
 * of the torrents that were made of them: two names of one file share its digests.
 *
 * Rows that a request asked for stay longest: those that were made beforehand make
 * room first, then those asked for least recently. Every row is sealed with a digest
 * of its own, since SQLite doesn't notice when the disk changes a byte within a value.
 */

import { constants, Database, SQLiteError } from "bun:sqlite";
import type { Digested, Job, Place } from "./job.ts";
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

/** "rsdg": what this database is for, in the place where `file` looks for it. */
const APPLICATION = 0x72736467;

/** A database with any other is begun anew. `used`: milliseconds since 1970; 0 is not yet. */
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

/** Milliseconds that another process may take to write before this one gives up. */
const PATIENCE = 5_000;
/** Bytes of the log beside the database, when nothing is being written. */
const LOG_BYTES = 4 * 1024 * 1024;
/** Milliseconds; a use within them isn't noted again, so that reading seldom writes. */
const NOTED_EVERY = 3_600_000;
/** Characters of a place as text: a path has 4096 bytes, and JSON six for the worst of them. */
const LONGEST_PLACE = 32_768;
/** Bytes that a row takes besides its digests, about: names, numbers, half-filled pages. */
const OVERHEAD = 8_192;

/** The database isn't ours, or not what we wrote. */
export class Damaged extends Error {}

/** Whether a failure means that the database can't be trusted any more. */
export function isDamage(error: unknown): boolean {
  if (error instanceof Damaged) return true;
  return (
    error instanceof SQLiteError &&
    /^SQLITE_(?:CORRUPT|NOTADB|ERROR|MISMATCH)/.test(error.code ?? "")
  );
}

/** Who wants digests kept: a request, or whoever makes those of a tree beforehand. */
export type Keeping = "asked" | "beforehand";

const FIRST_TO_GO = "rowid = (SELECT rowid FROM digest ORDER BY used, rowid LIMIT 1)";

/** Methods throw SQLiteError, and Damaged when a row isn't as it was written. */
export class DigestTable implements Disposable {
  readonly #database: Database;

  /** Opens the database at `path`, an empty file or one that it made before. */
  constructor(
    path: string,
    /** Bytes that the rows may take. */
    readonly limit: number,
    /** Milliseconds since 1970. */
    readonly now: () => number,
  ) {
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

  /** Readers then don't wait for a writer. Another process that just opened it too may do this. */
  #writeAhead(): void {
    try {
      this.#database.run("PRAGMA journal_mode = WAL");
    } catch (error) {
      if (!(error instanceof SQLiteError && error.code === "SQLITE_BUSY")) throw error;
    }
  }

  /** Whether digests of a job are kept. */
  has(job: Job): boolean {
    return this.#database.query(`SELECT 1 ${OF_JOB}`).get(lengthsOf(job)) !== null;
  }

  /** What is kept of a job; `asked`: a request wants it. */
  find(job: Job, asked = true): Digested | undefined {
    const row = this.#database
      .query<Row, ReturnType<typeof lengthsOf>>(
        `SELECT key, sha256, sha1_pieces, sha256_pieces, seal, used ${OF_JOB}`,
      )
      .get(lengthsOf(job));
    if (row === null) return undefined;
    if (!isSealed(row)) {
      throw new Damaged("a row isn't as it was written");
    }
    if (asked) this.#note(row);
    return read(row, job);
  }

  /** What a swarm knows by this hash. */
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

  /** Keeps what came of a job, in place of what was kept of its path before. */
  keep(job: Job, digested: Digested, keeping: Keeping = "asked"): void {
    const row = write(job, digested, keeping === "asked" ? this.now() : 0);
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

  /** Keeps that the torrent of a job that is kept has this hash (20 bytes). */
  name(infoHash: Uint8Array, { key, segments }: Place): void {
    const text = JSON.stringify(segments);
    if (text.length > LONGEST_PLACE) return;
    this.#database
      .query(`INSERT OR REPLACE INTO torrent SELECT ?, key, ? FROM digest WHERE key = ?`)
      .run(infoHash, text, key);
  }

  /** Whether a torrent is known that was made of a job at this place. */
  isNamed({ key, segments }: Place): boolean {
    return (
      this.#database
        .query("SELECT 1 FROM torrent WHERE key = ? AND segments = ?")
        .get(key, JSON.stringify(segments)) !== null
    );
  }

  /** Whether digests of a job can be kept without another row's making room. */
  hasRoomFor(job: Job): boolean {
    const { $sha256, $sha1Pieces, $sha256Pieces } = lengthsOf(job);
    return this.bytes + $sha256 + $sha1Pieces + $sha256Pieces + OVERHEAD <= this.limit;
  }

  /** Keys and paths of files, some at a time, in an order of their own; `after` is the last of those before. */
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

  /** Rows kept. */
  get count(): number {
    return this.#number("SELECT count(*) FROM digest");
  }

  /** Bytes taken, free pages aside. */
  get bytes(): number {
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
    while (this.bytes > this.limit) if (this.#drop(FIRST_TO_GO) === 0) return;
  }

  #note({ key, used }: Row): void {
    const now = this.now();
    if (now - used < NOTED_EVERY) return;
    try {
      this.#database.query("UPDATE digest SET used = ? WHERE key = ?").run(now, key);
    } catch (error) {
      // What was read is right even when the disk takes no more.
      if (!(error instanceof SQLiteError) || isDamage(error)) throw error;
    }
  }

  #pragma(name: "application_id" | "page_count" | "freelist_count" | "page_size"): number {
    return this.#number(`PRAGMA ${name}`);
  }

  #number(statement: string): number {
    const row = this.#database.query<Record<string, number>, []>(statement).get();
    if (row === null) throw new Damaged(`no answer to ${statement}`);
    return Number(Object.values(row)[0]);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

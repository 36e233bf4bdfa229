import { Database, SQLiteError } from "bun:sqlite";
import {
  type Digested,
  formatJob,
  type InfoHashOf,
  type Job,
  keyOf,
  lengthOf,
  parseJob,
} from "./job.ts";
/**
 * Digests in one SQLite database, by the versions they are of. The rows used least
 * recently make room. Every row is sealed with a digest of its own, since SQLite
 * doesn't notice when the disk changes a byte within a value.
 */
import { sha256PieceLengthFor } from "./piece-length.ts";

/** "rsdg": what this database is for, in the place where `file` looks for it. */
const APPLICATION = 0x72736467;
/** Of the schema below. */
const VERSION = 1;

const SCHEMA = `
  CREATE TABLE digest (
    key BLOB PRIMARY KEY NOT NULL,
    path TEXT NOT NULL,
    job TEXT NOT NULL,
    sha256 BLOB,
    sha1_pieces BLOB NOT NULL,
    sha256_pieces BLOB,
    info_hash BLOB,
    seal BLOB NOT NULL,
    used INTEGER NOT NULL
  );
  CREATE INDEX digest_path ON digest (path);
  CREATE INDEX digest_info_hash ON digest (info_hash);
  CREATE INDEX digest_used ON digest (used);
  PRAGMA application_id = ${APPLICATION};
  PRAGMA user_version = ${VERSION};
`;

/** Milliseconds that another process may take to write before this one gives up. */
const PATIENCE = 5_000;
/** Bytes of the log beside the database, when nothing is being written. */
const LOG_BYTES = 4 * 1024 * 1024;
/** Milliseconds; a use within them isn't noted again, so that reading seldom writes. */
const NOTED_EVERY = 3_600_000;

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

interface Row {
  readonly key: Uint8Array;
  readonly job: string;
  readonly sha256: Uint8Array | null;
  readonly sha1_pieces: Uint8Array;
  readonly sha256_pieces: Uint8Array | null;
  readonly info_hash: Uint8Array | null;
  readonly seal: Uint8Array;
  readonly used: number;
}

/** Methods throw SQLiteError, and Damaged when a row isn't as it was written. */
export class DigestTable implements Disposable {
  readonly #database: Database;

  /** Opens, and makes when there is none, the database at `path`; `:memory:` keeps it there. */
  constructor(
    path: string,
    /** Bytes that the rows may take. */
    readonly limit: number,
    /** Milliseconds since 1970. */
    readonly now: () => number,
  ) {
    this.#database = new Database(path, { create: true, readwrite: true, strict: true });
    try {
      this.#database.run(`PRAGMA busy_timeout = ${PATIENCE}`);
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
    const application = this.#pragma("application_id");
    const version = this.#pragma("user_version");
    if (application === APPLICATION && version === VERSION) return;
    const { count } = this.#one<{ count: number }>("SELECT count(*) AS count FROM sqlite_schema");
    if (application !== 0 || version !== 0 || count !== 0) {
      throw new Damaged("made by another program, or another version of this one");
    }
    this.#database.run(SCHEMA);
  }

  /** Readers then don't wait for a writer. Another process that just opened it too may do this. */
  #writeAhead(): void {
    try {
      this.#database.run("PRAGMA journal_mode = WAL");
    } catch (error) {
      if (!(error instanceof SQLiteError && error.code === "SQLITE_BUSY")) throw error;
    }
  }

  /** What is kept of a job. */
  find(job: Job): Digested | undefined {
    const key = keyOf(job);
    const row = this.#database
      .query<Row, [Uint8Array]>("SELECT * FROM digest WHERE key = ?")
      .get(key);
    if (row === null) return undefined;
    checkSeal(row);
    const digested = read(row, job);
    this.#note(row);
    return digested;
  }

  /** The job that a swarm knows by this hash. */
  findInfoHash(infoHash: Uint8Array): Job | undefined {
    const row = this.#database
      .query<Row, [Uint8Array]>(
        "SELECT * FROM digest WHERE info_hash = ? ORDER BY used DESC LIMIT 1",
      )
      .get(infoHash);
    if (row === null) return undefined;
    checkSeal(row);
    const job = parseJob(row.job);
    if (job === undefined) throw new Damaged("a row names no job");
    this.#note(row);
    return job;
  }

  /** Keeps what came of a job, in place of what was kept of its path before. */
  keep(job: Job, digested: Digested, infoHashOf: InfoHashOf): void {
    const row = write(job, digested, infoHashOf, this.now());
    this.#database
      .transaction(() => {
        this.#database.query("DELETE FROM digest WHERE path = ?").run(job.path);
        this.#database
          .query(
            `INSERT OR REPLACE INTO digest VALUES ($key, $path, $job, $sha256, $sha1_pieces,
             $sha256_pieces, $info_hash, $seal, $used)`,
          )
          .run({ ...row, path: job.path });
        this.#makeRoom();
      })
      .immediate();
  }

  /** Rows kept. */
  get count(): number {
    return this.#one<{ count: number }>("SELECT count(*) AS count FROM digest").count;
  }

  /** Bytes taken, free pages aside. */
  get bytes(): number {
    const pages = this.#pragma("page_count") - this.#pragma("freelist_count");
    return pages * this.#pragma("page_size");
  }

  #makeRoom(): void {
    while (this.bytes > this.limit) {
      const { changes } = this.#database
        .query(
          "DELETE FROM digest WHERE rowid IN (SELECT rowid FROM digest ORDER BY used, rowid LIMIT 1)",
        )
        .run();
      if (changes === 0) return;
    }
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

  #pragma(name: "application_id" | "user_version" | "page_count" | "freelist_count" | "page_size") {
    return Number(Object.values(this.#one<Record<string, number>>(`PRAGMA ${name}`))[0]);
  }

  #one<T>(statement: string): T {
    const row = this.#database.query<T, []>(statement).get();
    if (row === null) throw new Damaged(`no answer to ${statement}`);
    return row;
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

function write(job: Job, digested: Digested, infoHashOf: InfoHashOf, used: number): Row {
  const whole = digested.kind === "file" ? digested.digests : undefined;
  const sha1Pieces = digested.kind === "file" ? digested.digests.sha1Pieces : digested.sha1Pieces;
  const unsealed = {
    key: keyOf(job),
    job: formatJob(job),
    sha256: whole?.sha256 ?? null,
    sha1_pieces: sha1Pieces,
    sha256_pieces: whole?.sha256Pieces ?? null,
    info_hash: infoHashOf(job, sha1Pieces) ?? null,
  };
  return { ...unsealed, seal: sealOf(unsealed), used };
}

function read(row: Row, job: Job): Digested {
  const { sha256, sha1_pieces: sha1Pieces, sha256_pieces: sha256Pieces } = row;
  if (job.kind === "folder") return { kind: "folder", sha1Pieces };
  if (sha256 === null || sha256Pieces === null) throw new Damaged("a row lacks digests");
  const { pieceLength } = job;
  const completeLength = lengthOf(job);
  const sha256PieceLength = sha256PieceLengthFor(completeLength);
  const pieces = { sha1Pieces, pieceLength, sha256Pieces, sha256PieceLength };
  return { kind: "file", digests: { completeLength, sha256, ...pieces } };
}

/** SHA-256 over the values, each after its length: 32 bytes. */
function sealOf(row: Omit<Row, "seal" | "used">): Uint8Array {
  const hasher = new Bun.CryptoHasher("sha256");
  const { key, job, sha256, sha1_pieces, sha256_pieces, info_hash } = row;
  for (const value of [key, job, sha256, sha1_pieces, sha256_pieces, info_hash]) {
    hasher.update(`${value?.length};`);
    if (value !== null) hasher.update(value);
  }
  return hasher.digest();
}

function checkSeal(row: Row): void {
  if (!(row.seal instanceof Uint8Array && Buffer.from(sealOf(row)).equals(row.seal))) {
    throw new Damaged("a row isn't as it was written");
  }
}

/**
 * Failures of the store: damage, after which the database is deleted and a new one
 * begun, and all others, after which it is kept.
 */

import { errorCode } from "../os/error-code.ts";
import { sqlite } from "./sqlite.ts";

/** The database is of another program or version, or a row is not as it was written. */
export class Damaged extends Error {}

export function isDamage(error: unknown): boolean {
  if (error instanceof Damaged) return true;
  return (
    error instanceof sqlite().SQLiteError &&
    /^SQLITE_(?:CORRUPT|NOTADB|ERROR|MISMATCH)/.test(error.code ?? "")
  );
}

/** What a log line says of damage. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of a failure of the disk or of SQLite; undefined: it is a fault of the program. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof sqlite().SQLiteError) return error.code ?? `SQLite ${error.errno}`;
  return errorCode(error);
}

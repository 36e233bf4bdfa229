/**
 * Where the store is on disk: the state directory, and the three files of the database.
 * They are readable and writable by this user alone, and are never behind a link.
 */

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
import { errorCode } from "../os/error-code.ts";
import { Damaged } from "./store-damage.ts";

const NAME = "digests.sqlite";
/** SQLite keeps its log and the log's index beside the database. */
const BESIDE = ["-wal", "-shm"];

/**
 * Bytes that the rows may take: 5 % of the file system, and 512 MiB at least. These hold
 * 7000 files of 1 GiB, at 73 KiB each, or 900 000 small ones, at 600 bytes each.
 */
const PART_OF_DISK = 0.05;
const LEAST = 512 * 1024 * 1024;

/** Where the database of a state directory is. */
export function databaseIn(directory: string): string {
  return join(directory, NAME);
}

/** Makes the state directory, for this user alone whatever the umask. Returns its real path. */
export function makeDirectory(directory: string): string {
  const made = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) chmodSync(directory, 0o700);
  return realpathSync.native(directory);
}

/** Whether every user can replace files in a directory. The sticky bit, which /tmp has, prevents it. */
export function isShared(directory: string): boolean {
  return (statSync(directory).mode & 0o1002) === 0o2;
}

/** Bytes that the rows may take on the file system of a directory. */
export function limitOn(directory: string): number {
  const { bsize, blocks } = statfsSync(directory);
  return Math.max(LEAST, PART_OF_DISK * bsize * blocks);
}

/** Makes the database, an empty file at first, and closes its files to other users. */
export function makeDatabase(path: string): void {
  for (const suffix of BESIDE) makePrivate(path + suffix, 0);
  makePrivate(path, constants.O_CREAT);
}

export function removeDatabase(path: string): void {
  for (const suffix of [...BESIDE, ""]) rmSync(path + suffix, { force: true });
}

export function inodeOf(path: string): bigint | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** O_NOFOLLOW: a link doesn't lead to another file. O_NONBLOCK: opening a FIFO doesn't hang. */
const PRIVATE = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Closes a file to other users. O_CREAT in `flags` makes it when it is missing. */
function makePrivate(path: string, flags: number): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, PRIVATE | flags, 0o600);
  } catch (error) {
    const code = errorCode(error);
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

/**
 * The entries of a directory that a request would find: files and directories whose names
 * are served, and links that the policy allows.
 *
 * Names are read with their types, so that directories can come first before any entry has
 * been looked at. A name that is no UTF-8 can't be asked for; it is read as bytes.
 */

import { type Dirent, lstatSync, readdir, statSync } from "node:fs";
import { errorCode } from "../os/error-code.ts";
import type { Entry } from "./listing-text.ts";
import { isLinkAllowed, isNameServed, type OpenDirectory, pathOf, type Root } from "./locate.ts";
import type { Turn } from "./turns.ts";

/** Names of a directory by the type of what they name. */
export interface Names {
  readonly directories: string[];
  /** What is neither file nor directory is left out when it is looked at. */
  readonly files: string[];
  /** Entries with names that are no UTF-8. */
  readonly unreachable: readonly Entry[];
}

/** Reads on another thread. */
export async function readNames(root: Root, directory: OpenDirectory, turn: Turn): Promise<Names> {
  const path = pathOf(directory);
  const names: Names = { directories: [], files: [], unreachable: [] };
  let damaged = false;
  for (const dirent of await read(path)) {
    if (turn.isOver) await turn.pass();
    const { name } = dirent;
    damaged ||= name.includes("\ufffd");
    if (!isNameServed(root, name)) continue;
    (isDirectory(root, `${path}/${name}`, dirent) ? names.directories : names.files).push(name);
  }
  return damaged ? await setApart(root, path, names) : names;
}

function read(path: string): Promise<Dirent[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Dirent[]>();
  readdir(path, { withFileTypes: true }, (error, found) => {
    if (error === null) resolve(found);
    else reject(error);
  });
  return promise;
}

function readBytes(path: string): Promise<Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer[]>();
  readdir(path, "buffer", (error, found) => {
    if (error === null) resolve(found as Buffer[]);
    else reject(error);
  });
  return promise;
}

/** A link, and an entry of a file system that tells no types, has to be looked at. */
function isDirectory(root: Root, path: string, dirent: Dirent): boolean {
  if (dirent.isDirectory()) return true;
  if (dirent.isFile()) return false;
  return readEntry(root, path, "")?.type === "directory";
}

/** Takes the names that stand for bytes which are no UTF-8 out of `names`. */
async function setApart(root: Root, path: string, names: Names): Promise<Names> {
  const unreachable: Entry[] = [];
  const right = new Set<string>();
  for (const name of await readBytes(path)) {
    const text = name.toString("utf8");
    if (Buffer.from(text).equals(name)) {
      right.add(text);
      continue;
    }
    if (!isNameServed(root, text)) continue;
    const whole = Buffer.concat([Buffer.from(`${path}/`), name]);
    const entry = readEntry(root, whole, escapeBytes(name));
    if (entry !== undefined) unreachable.push({ ...entry, unreachable: true });
  }
  const exists = (name: string) => !name.includes("\ufffd") || right.has(name);
  const [directories, files] = [names.directories.filter(exists), names.files.filter(exists)];
  unreachable.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { directories: [...new Set(directories)], files: [...new Set(files)], unreachable };
}

/** A name with `\xff` for each byte that is no UTF-8. */
export function escapeBytes(name: Uint8Array): string {
  let text = "";
  for (let n = 0; n < name.length;) {
    const length = [1, 2, 3, 4].find((count) => isCharacter(name.subarray(n, n + count), count));
    const bytes = name.subarray(n, n + (length ?? 1));
    text += length === undefined ? `\\x${bytes.toHex()}` : Buffer.from(bytes).toString("utf8");
    n += bytes.length;
  }
  return text;
}

function isCharacter(bytes: Uint8Array, count: number): boolean {
  if (bytes.length < count) return false;
  const text = Buffer.from(bytes).toString("utf8");
  return [...text].length === 1 && Buffer.from(text).equals(bytes);
}

/** Looks at entries of one directory; those of `names` that are gone or aren't served are left out. */
export async function readEntries(
  root: Root,
  path: string,
  names: readonly string[],
  turn: Turn,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const name of names) {
    if (turn.isOver) await turn.pass();
    const entry = readEntry(root, `${path}/${name}`, name);
    if (entry !== undefined) entries.push(entry);
  }
  return entries;
}

/** Milliseconds since 1970: the largest that a Date takes. File systems have later times. */
const LAST_DATE = 8.64e15;

/** RFC 3339 in UTC, of milliseconds since 1970. */
export function formatTime(time: number): string {
  return new Date(Math.max(-LAST_DATE, Math.min(LAST_DATE, Math.floor(time)))).toISOString();
}

/** Undefined for an entry that isn't served, was deleted meanwhile or can't be read. */
export function readEntry(root: Root, path: string | Buffer, name: string): Entry | undefined {
  try {
    let stats = lstatSync(path);
    if (stats.isSymbolicLink()) {
      if (typeof path !== "string" || !isLinkAllowed(root, path)) return undefined;
      stats = statSync(path);
    }
    const mtime = formatTime(stats.mtimeMs);
    if (stats.isDirectory()) return { name, type: "directory", mtime };
    return stats.isFile() ? { name, type: "file", size: stats.size, mtime } : undefined;
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/**
 * From the names of a target to an open file or directory, never outside the root.
 *
 *   1. Names that begin with a dot don't exist, unless dotfiles are served.
 *   2. Look at the path: only regular files and directories are opened, so that a
 *      FIFO or a device is never touched.
 *   3. Open it, and look at what was opened: from here on the name doesn't count.
 *   4. Ask where the opened file really is, and hold that against the root and the
 *      policy for symbolic links.
 */

import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { basename, resolve, sep } from "node:path";
import type { PathTarget } from "../http/target.ts";
import { errorCode } from "../os/error-code.ts";
import { FileTooLarge } from "./failure.ts";
import { realPathOf } from "./identity.ts";
import { OpenFile, OpenFiles } from "./open-file.ts";

/** What a symbolic link may do: lead somewhere below the root, anywhere, or nowhere. */
export type SymlinkPolicy = "inside" | "all" | "none";

/** The directory that is served. */
export interface Root {
  /** Absolute, as the operator named it, without a separator at its end. */
  readonly path: string;
  readonly symlinks: SymlinkPolicy;
  readonly dotfiles: boolean;
  readonly openFiles: OpenFiles;
}

/** A directory that was looked at. Whoever is given one releases it; Windows opens none. */
export class OpenDirectory implements Disposable {
  readonly kind = "directory";

  constructor(
    readonly descriptor: number | undefined,
    readonly path: string,
  ) {}

  /** Where it is, without a link in it. */
  get realPath(): string {
    return this.descriptor === undefined ? this.path : realPathOf(this.descriptor, this.path);
  }

  [Symbol.dispose](): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor);
  }
}

/** What stands at a place, to be disposed of by whoever asked. */
export type Located = OpenFile | OpenDirectory | Absent;

interface Absent extends Disposable {
  readonly kind: "absent";
}

const ABSENT: Absent = { kind: "absent", [Symbol.dispose]() {} };

const LINUX = process.platform === "linux";
const WINDOWS = process.platform === "win32";

/** No exception for what isn't there. */
const LOOK = { bigint: true, throwIfNoEntry: false } as const;

/** Bytes. The runtime counts positions in a file with 52 bits; past them it would send others. */
const LARGEST = 2n ** 52n - 1n;

/** O_NONBLOCK: a FIFO put in a file's place after the look doesn't hang the process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/**
 * Looks at the directory that an operator wants served. Throws with one line for
 * the operator when it can't be.
 */
export function openRoot(
  directory: string,
  policy: { readonly symlinks: SymlinkPolicy; readonly dotfiles: boolean },
): Root {
  const path = resolve(directory);
  try {
    if (!statSync(path).isDirectory())
      throw new Error(`Cannot serve "${directory}": not a directory`);
    readdirSync(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const reason = ROOT_FAILURES[code] ?? code;
    throw new Error(`Cannot serve "${directory}": ${reason}`, { cause: error });
  }
  // The root of the file system already ends in a separator.
  const { symlinks, dotfiles } = policy;
  return { path: path === sep ? "" : path, symlinks, dotfiles, openFiles: new OpenFiles() };
}

const ROOT_FAILURES: Readonly<Record<string, string>> = {
  ENOENT: "no such directory",
  ENOTDIR: "not a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "its symbolic links lead in a circle",
};

/**
 * Opens what a target names below the root. A directory named with its slash gives
 * its index.html when it has one. Failures of the disk are thrown with their code.
 */
export function locate(
  root: Root,
  { segments, trailingSlash }: Pick<PathTarget, "segments" | "trailingSlash">,
): Located {
  const located = open(root, segments);
  if (!trailingSlash || located.kind === "absent") return located;
  if (located.kind === "file") {
    located.release();
    return ABSENT;
  }
  try {
    const index = open(root, [...segments, "index.html"]);
    (index.kind === "file" ? located : index)[Symbol.dispose]();
    return index.kind === "file" ? index : located;
  } catch (error) {
    located[Symbol.dispose]();
    throw error;
  }
}

/** Where an open file is, by a path that reaches this very inode (Linux) or its name (elsewhere). */
export function pathOf({ descriptor, path }: OpenFile | OpenDirectory): string {
  return LINUX && descriptor !== undefined ? `/proc/self/fd/${descriptor}` : path;
}

/** Whether the policy lets a symbolic link that was found at `path` be followed. */
export function isLinkAllowed(root: Root, path: string): boolean {
  if (root.symlinks !== "inside") return root.symlinks === "all";
  return isBelow(realpathSync.native(path), realRoot(root));
}

/** Whether a name is served at all. */
export function isNameServed(root: Root, name: string): boolean {
  if (name.startsWith(".") && !root.dotfiles) return false;
  // Elsewhere than on Windows a backslash or a colon is a character like any other.
  return !WINDOWS || !/[\\:]/.test(name);
}

function open(root: Root, segments: readonly string[]): Located {
  for (const name of segments) if (!isNameServed(root, name)) return ABSENT;
  const path = `${root.path}${sep}${segments.join(sep)}`;
  const remembered = root.openFiles.find(path);
  if (remembered !== undefined) return remembered;
  const seen = look(path);
  if (seen === undefined || !(seen.isFile() || seen.isDirectory())) return ABSENT;
  if (WINDOWS && seen.isDirectory()) {
    return isInside(root, segments, path) ? new OpenDirectory(undefined, path) : ABSENT;
  }

  const descriptor = openAnyway(root, path);
  let located: Located = ABSENT;
  try {
    const stats = fstatSync(descriptor, { bigint: true });
    if (isInside(root, segments, path, descriptor)) located = describe(stats, descriptor, path);
  } finally {
    if (located.kind === "absent") closeSync(descriptor);
  }
  if (located.kind === "file") root.openFiles.remember(located);
  return located;
}

/** What stands at a path; undefined for nothing, as where a name is longer than any there. */
function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, LOOK);
  } catch (error) {
    if (errorCode(error) === "ENAMETOOLONG") return undefined;
    throw error;
  }
}

/** Opens a path, at the cost of a remembered file when no descriptor is left. */
function openAnyway(root: Root, path: string): number {
  try {
    return openSync(path, READ);
  } catch (error) {
    if (errorCode(error) !== "EMFILE" || !root.openFiles.forgetOldest()) throw error;
    return openSync(path, READ);
  }
}

/** What was opened, which need not be what was looked at before. */
function describe(stats: BigIntStats, descriptor: number, path: string): Located {
  if (stats.isDirectory()) return new OpenDirectory(descriptor, path);
  if (!stats.isFile()) return ABSENT;
  if (stats.size > LARGEST) throw new FileTooLarge();
  return new OpenFile(descriptor, path, basename(path));
}

/** Holds the true place of what was opened against the policy. */
function isInside(
  root: Root,
  segments: readonly string[],
  path: string,
  descriptor?: number,
): boolean {
  if (root.symlinks === "all") return true;
  const place =
    LINUX && descriptor !== undefined
      ? readlinkSync(`/proc/self/fd/${descriptor}`)
      : realpathSync.native(path);
  if (root.symlinks === "inside") return isBelow(place, realRoot(root));
  // Linux puts "(deleted)" behind the place of a file that was unlinked meanwhile.
  return place.replace(/ \(deleted\)$/, "") === ([realRoot(root), ...segments].join(sep) || sep);
}

/** Asked each time: the root may itself be a link that is turned to another tree. */
function realRoot(root: Root): string {
  const real = realpathSync.native(root.path || sep);
  return real === sep ? "" : real;
}

function isBelow(place: string, real: string): boolean {
  return place === real || place.startsWith(real + sep) || real === "";
}

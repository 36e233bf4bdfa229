/**
 * Every file below the root that a request can be answered with, by the policies for
 * names and links.
 *
 * A link to a directory is followed, but not one to a directory above it, and not one
 * that stands below another followed link. So the number of files found stays in
 * proportion to the tree, however its links cross. `everyFileOnce` also skips a linked
 * directory that it reaches without a link, or has entered already.
 */

import { type BigIntStats, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { sep } from "node:path";
import { errorCode } from "../os/error-code.ts";
import { factsOf, type Identity, identityOf } from "./identity.ts";
import { isLinkAllowed, isNameServed, type Root } from "./locate.ts";

export type Walked =
  | {
      readonly kind: "file";
      /** The path by which a request finds it. */
      readonly path: string;
      readonly file: Identity;
    }
  /** A directory that is read next. Callers that work in steps count it as one. */
  | { readonly kind: "directory"; readonly path: string }
  /** An entry that isn't served, or a directory below. Counts as a step, too. */
  | { readonly kind: "passed"; readonly path: string }
  /** A path that can't be read, with the code of the failure. */
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string };

/** A directory that is still to be read, and the directories that led to it. */
interface Way {
  readonly path: string;
  /** The same path without a link in it. */
  readonly real: string;
  /** Device and inode. */
  readonly identity: string;
  readonly above: Way | undefined;
  /** Whether a link is on the way from the start to here. */
  readonly linked: boolean;
}

/** Whether to enter the directory at this real path, to which a link leads. */
type Enters = (real: string) => boolean;

/**
 * Walks the root, or a directory below it, directory by directory in the order of their
 * names. Leaves out entries that are deleted meanwhile.
 */
export function* walk(
  root: Root,
  path = root.path,
  enters: Enters = () => true,
): Generator<Walked> {
  const start = classify(root, path || sep);
  if (start.kind === "unreadable") yield start;
  if (start.kind !== "directory") return;
  const { identity, real } = start;
  const ways: Way[] = [{ path, real, identity, above: undefined, linked: false }];
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    yield { kind: "directory", path: way.path };
    const names = read(way.path || sep);
    if (!Array.isArray(names)) {
      if (!GONE.has(names.code)) yield names;
      continue;
    }
    const below: Way[] = [];
    for (const name of names.filter((entry) => isNameServed(root, entry)).sort()) {
      const path = `${way.path}${sep}${name}`;
      const found = classify(root, path, `${way.real}${sep}${name}`);
      if (found.kind === "file") {
        yield { kind: "file", path, file: found.file };
        continue;
      }
      yield found.kind === "unreadable" && !GONE.has(found.code) ? found : { kind: "passed", path };
      if (found.kind === "directory") {
        const { identity, real, linked } = found;
        if (leadsThrough(way, identity) || (linked && (way.linked || !enters(real)))) continue;
        below.push({ path, real, identity, above: way, linked: way.linked || linked });
      }
    }
    for (let next = below.pop(); next !== undefined; next = below.pop()) ways.push(next);
  }
}

/** Walks the root and enters each directory once. A file may come again under the name of a link to it. */
export function everyFileOnce(root: Root): Generator<Walked> {
  const real = realPath(root.path);
  const entered = new Set<string>();
  return walk(root, root.path, (directory) => {
    const isFoundWithout =
      (directory === real || directory.startsWith(real + sep)) &&
      directory
        .slice(real.length)
        .split(sep)
        .every((name) => isNameServed(root, name));
    if (isFoundWithout || entered.has(directory)) return false;
    entered.add(directory);
    return true;
  });
}

/** What stands at a path. */
type Found =
  | { readonly kind: "file"; readonly file: Identity }
  | {
      readonly kind: "directory";
      readonly real: string;
      readonly identity: string;
      readonly linked: boolean;
    }
  /** Such as a device, or a link that the policy forbids to follow. */
  | { readonly kind: "unserved" }
  | Extract<Walked, { kind: "unreadable" }>;

/** Codes of a path that leads to nothing, broken links and links in a circle included. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/**
 * `place` is the real path of an entry that is no link. Undefined for the start of a walk: its
 * real path is looked up, and the policy for links doesn't apply to it.
 */
function classify(root: Root, path: string, place?: string): Found {
  try {
    const linked = place === undefined || lstatSync(path).isSymbolicLink();
    if (place !== undefined && linked && !isLinkAllowed(root, path)) return { kind: "unserved" };
    const stats = statSync(path, { bigint: true });
    const real = linked ? realPath(path) : place;
    if (stats.isDirectory()) return { kind: "directory", real, identity: identify(stats), linked };
    if (!stats.isFile()) return { kind: "unserved" };
    return { kind: "file", file: identityOf(real, factsOf(stats)) };
  } catch (error) {
    return failureOf(error, path);
  }
}

function leadsThrough(way: Way, identity: string): boolean {
  for (let at: Way | undefined = way; at !== undefined; at = at.above) {
    if (at.identity === identity) return true;
  }
  return false;
}

/** The real path, with no separator at its end: "" for the root of the file system. */
function realPath(path: string): string {
  const real = realpathSync.native(path || sep);
  return real === sep ? "" : real;
}

function read(path: string): string[] | Extract<Walked, { kind: "unreadable" }> {
  try {
    return readdirSync(path);
  } catch (error) {
    return failureOf(error, path);
  }
}

function failureOf(error: unknown, path: string): Extract<Walked, { kind: "unreadable" }> {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return { kind: "unreadable", path, code };
}

function identify({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

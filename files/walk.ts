/**
 * Every file below the root that a request could be answered with, by the policies
 * for names and links.
 *
 * A linked directory is entered unless it is one that the way there led through, and
 * links to directories in it are not: what is found stays in proportion to the tree,
 * however its links cross. `everyFileOnce` enters no directory that is found without
 * a link as well.
 */

import { type BigIntStats, lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import { sep } from "node:path";
import { errorCode } from "../os/error-code.ts";
import { factsOf, type Identity, identityOf } from "./identity.ts";
import { isLinkAllowed, isNameServed, type Root } from "./locate.ts";

export type Walked =
  | {
      readonly kind: "file";
      /** By which a request finds it. */
      readonly path: string;
      readonly file: Identity;
    }
  /** A directory that is about to be read, for those who count their steps. */
  | { readonly kind: "directory"; readonly path: string }
  /** An entry that is none of these, or isn't entered: a step, too. */
  | { readonly kind: "passed"; readonly path: string }
  /** A place that can't be looked at, with the disk's code. */
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string };

/** A directory to be read, and how it was come to. */
interface Way {
  readonly path: string;
  /** The same without a link in it. */
  readonly real: string;
  /** Device and inode. */
  readonly identity: string;
  readonly above: Way | undefined;
  /** Whether a link led here. */
  readonly linked: boolean;
}

/** Whether a directory that a link leads to is walked too. */
type Enters = (real: string) => boolean;

/**
 * Directory by directory, in the order of their names, from the root or a directory
 * below it on. What goes away meanwhile is left out.
 */
export function* walk(
  root: Root,
  path = root.path,
  enters: Enters = () => true,
): Generator<Walked> {
  const start = look(root, path || sep);
  if (start.kind === "unreadable") yield start;
  if (start.kind !== "directory") return;
  const { identity, real } = start;
  const ways: Way[] = [{ path, real, identity, above: undefined, linked: false }];
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    yield { kind: "directory", path: way.path };
    const found = read(way.path || sep);
    if (!Array.isArray(found)) {
      if (!GONE.has(found.code)) yield found;
      continue;
    }
    const below: Way[] = [];
    for (const name of found.filter((entry) => isNameServed(root, entry)).sort()) {
      const path = `${way.path}${sep}${name}`;
      const seen = look(root, path, `${way.real}${sep}${name}`);
      if (seen.kind === "file") {
        yield { kind: "file", path, file: seen.file };
        continue;
      }
      yield seen.kind === "unreadable" && !GONE.has(seen.code) ? seen : { kind: "passed", path };
      if (seen.kind === "directory") {
        const { identity, real, linked } = seen;
        if (leadsThrough(way, identity) || (linked && (way.linked || !enters(real)))) continue;
        below.push({ path, real, identity, above: way, linked: way.linked || linked });
      }
    }
    for (let next = below.pop(); next !== undefined; next = below.pop()) ways.push(next);
  }
}

/** The same for those who read each file once: a link to a file is another name of it, and is found. */
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

type Seen =
  | { readonly kind: "file"; readonly file: Identity }
  | {
      readonly kind: "directory";
      readonly real: string;
      readonly identity: string;
      readonly linked: boolean;
    }
  /** A device, say, or a link that the policy doesn't let be followed. */
  | { readonly kind: "unserved" }
  | Extract<Walked, { kind: "unreadable" }>;

/** The codes of what isn't there: links to nowhere and to themselves are among it. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** `place` is where it really is when it is no link; undefined: that isn't known, nor whether the policy counts. */
function look(root: Root, path: string, place?: string): Seen {
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

/** Without a separator at its end, as a root has it. */
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

/**
 * Every file below the root that a request could be answered with, by the policies
 * for names and links.
 *
 * A linked directory is entered unless it is one that the way there led through, and
 * links to directories in it are not: what is found stays in proportion to the tree,
 * however its links cross.
 */
import { type BigIntStats, lstatSync, readdirSync, statSync } from "node:fs";
import { sep } from "node:path";
import type { FileFacts } from "./identity.ts";
import { isLinkAllowed, isNameServed, type Root } from "./locate.ts";

export type Walked =
  | { readonly kind: "file"; readonly file: FileFacts }
  /** A place that can't be looked at, with the disk's code. */
  | { readonly kind: "unreadable"; readonly path: string; readonly code: string };

/** A directory to be read, and how it was come to. */
interface Way {
  readonly path: string;
  /** Device and inode of it and of those above. */
  readonly above: ReadonlySet<string>;
  /** Whether a link led here. */
  readonly linked: boolean;
}

/**
 * Directory by directory, in the order of their names, from the root or a directory
 * below it on. What goes away meanwhile is left out.
 */
export function* walk(root: Root, path = root.path): Generator<Walked> {
  const start = statSync(path || sep, { bigint: true });
  const ways: Way[] = [{ path, above: new Set([identify(start)]), linked: false }];
  for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
    const found = read(way.path || sep);
    if (!Array.isArray(found)) {
      if (!GONE.has(found.code)) yield found;
      continue;
    }
    const below: Way[] = [];
    for (const name of found.filter((entry) => isNameServed(root, entry)).sort()) {
      const path = `${way.path}${sep}${name}`;
      const seen = look(root, path);
      if (seen.kind === "unreadable") {
        if (!GONE.has(seen.code)) yield seen;
      } else if (seen.kind === "file") {
        yield { kind: "file", file: factsOf(path, seen.stats) };
      } else if (seen.kind === "directory") {
        const identity = identify(seen.stats);
        if (way.above.has(identity) || (seen.linked && way.linked)) continue;
        const above = new Set(way.above).add(identity);
        below.push({ path, above, linked: way.linked || seen.linked });
      }
    }
    ways.push(...below.reverse());
  }
}

type Seen =
  | { readonly kind: "file"; readonly stats: BigIntStats }
  | { readonly kind: "directory"; readonly stats: BigIntStats; readonly linked: boolean }
  /** A device, say, or a link that the policy doesn't let be followed. */
  | { readonly kind: "unserved" }
  | Extract<Walked, { kind: "unreadable" }>;

/** The codes of what isn't there: links to nowhere and to themselves are among it. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

function look(root: Root, path: string): Seen {
  try {
    const linked = lstatSync(path).isSymbolicLink();
    if (linked && !isLinkAllowed(root, path)) return { kind: "unserved" };
    const stats = statSync(path, { bigint: true });
    if (stats.isDirectory()) return { kind: "directory", stats, linked };
    return stats.isFile() ? { kind: "file", stats } : { kind: "unserved" };
  } catch (error) {
    return failureOf(error, path);
  }
}

function read(path: string): string[] | Extract<Walked, { kind: "unreadable" }> {
  try {
    return readdirSync(path);
  } catch (error) {
    return failureOf(error, path);
  }
}

function failureOf(error: unknown, path: string): Extract<Walked, { kind: "unreadable" }> {
  if (!(error instanceof Error && "code" in error)) throw error;
  return { kind: "unreadable", path, code: String(error.code) };
}

function identify({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function factsOf(path: string, { dev, ino, size, mtimeNs }: BigIntStats): FileFacts {
  return { path, device: dev, inode: ino, size: Number(size), modified: mtimeNs };
}

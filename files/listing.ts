/**
 * A directory as HTML or JSON. Only what a request for its name would be answered
 * with is listed: files and directories whose names are served and, by the policy,
 * links to them.
 */
import { lstatSync, readdirSync, statSync } from "node:fs";
import type { Fields } from "../http/conditional.ts";
import { prefersJson } from "../http/negotiate.ts";
import { type Plan, planListing } from "../http/plan.ts";
import { encodeName, type PathTarget } from "../http/target.ts";
import { isLinkAllowed, isNameServed, type OpenDirectory, pathOf, type Root } from "./locate.ts";

/** One line of a listing. */
export interface Entry {
  readonly name: string;
  readonly type: "file" | "directory";
  /** Bytes; a directory has none. */
  readonly size?: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly mtime: string;
  /** Names of the documents about a file, by their kind; a file without any has none. */
  readonly documents?: Readonly<Record<string, string>>;
}

/** The kinds of the documents about a file of so many bytes. */
export type DocumentsOf = (size: number) => readonly string[];

/** Entries looked at in one go: other requests are answered in between. */
const BATCH = 500;

/** Plans the answer that lists `directory`, in the form the client prefers, and closes it. */
export async function listDirectory(
  root: Root,
  directory: OpenDirectory,
  { segments }: Pick<PathTarget, "segments">,
  prefix: string,
  fields: Fields,
  documentsOf: DocumentsOf,
): Promise<Plan> {
  using opened = directory;
  const entries = await readEntries(root, opened);
  if (prefersJson(fields.get("accept"))) {
    return planListing("application/json", renderJson(entries, documentsOf));
  }
  return planListing("text/html; charset=utf-8", renderHtml(prefix, segments, entries));
}

/** Directories first, then by name. */
async function readEntries(root: Root, directory: OpenDirectory): Promise<Entry[]> {
  const path = pathOf(directory);
  const names = readdirSync(path).filter((name) => isNameServed(root, name));
  const entries: Entry[] = [];
  for (const [index, name] of names.entries()) {
    if (index > 0 && index % BATCH === 0) await new Promise(setImmediate);
    const entry = readEntry(root, `${path}/${name}`, name);
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort(compareEntries);
}

/** An array of `{ name, type, size, mtime, documents }`. */
function renderJson(entries: readonly Entry[], documentsOf: DocumentsOf): string {
  const described = entries.map((entry) => withDocuments(entry, documentsOf));
  return `${JSON.stringify(described, undefined, 1)}\n`;
}

function withDocuments(entry: Entry, documentsOf: DocumentsOf): Entry {
  const kinds = entry.size === undefined ? [] : documentsOf(entry.size);
  if (kinds.length === 0) return entry;
  const names = kinds.map((kind) => [kind, `${entry.name}.${kind}`]);
  return { ...entry, documents: Object.fromEntries(names) };
}

function renderHtml(
  prefix: string,
  segments: readonly string[],
  entries: readonly Entry[],
): string {
  const title = `Index of ${Bun.escapeHTML(prefix + segments.map((name) => `${name}/`).join(""))}`;
  const up = `<tr><td><a href="../">../</a></td><td></td><td></td></tr>`;
  // Above the prefix there is nothing to list.
  const rows = [...(segments.length > 0 ? [up] : []), ...entries.map(renderRow)];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
</head>
<body>
<h1>${title}</h1>
<table>
<tr><th>Name</th><th>Size</th><th>Modified</th></tr>
${rows.join("\n")}
</table>
</body>
</html>
`;
}

function renderRow({ name, type, size, mtime }: Entry): string {
  const slash = type === "directory" ? "/" : "";
  const link = `<a href="${encodeName(name)}${slash}">${Bun.escapeHTML(name)}${slash}</a>`;
  return `<tr><td>${link}</td><td>${size ?? ""}</td><td><time>${mtime}</time></td></tr>`;
}

/** Undefined for what isn't served, and for what went away or can't be looked at. */
function readEntry(root: Root, path: string, name: string): Entry | undefined {
  try {
    if (lstatSync(path).isSymbolicLink() && !isLinkAllowed(root, path)) return undefined;
    const stats = statSync(path);
    const mtime = stats.mtime.toISOString();
    if (stats.isDirectory()) return { name, type: "directory", mtime };
    return stats.isFile() ? { name, type: "file", size: stats.size, mtime } : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

function compareEntries(a: Entry, b: Entry): number {
  if (a.type !== b.type) return a.type === "directory" ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}

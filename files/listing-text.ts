/**
 * The text of a listing, as HTML or JSON, one entry at a time. File names may come from
 * strangers: they are escaped, so that none acts on a page or a terminal.
 */

import { encodeName } from "../http/target.ts";

/** One line of a listing. */
export interface Entry {
  readonly name: string;
  readonly type: "file" | "directory";
  /** Bytes; a directory has none. */
  readonly size?: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly mtime: string;
  /** Names of the documents about a file, by kind; absent when there are none. */
  readonly documents?: Readonly<Record<string, string>>;
}

/** The kinds of the documents about a file of so many bytes. */
export type DocumentsOf = (size: number) => readonly string[];

/** What is written before, between and after the entries. */
export interface Form {
  readonly mediaType: string;
  readonly head: string;
  readonly entry: (entry: Entry) => string;
  readonly separator: string;
  readonly tail: string;
}

/** An array of `{ name, type, size, mtime, documents }`. */
export function jsonForm(documentsOf: DocumentsOf): Form {
  const entry = (one: Entry) => {
    const text = JSON.stringify(withDocuments(one, documentsOf), undefined, 1);
    return `\n ${text.replaceAll("\n", "\n ").replace(UNSEEN, escapeJson)}`;
  };
  return { mediaType: "application/json", head: "[", entry, separator: ",", tail: "\n]\n" };
}

/** A table; `segments` are the names of the directory below the prefix. */
export function htmlForm(prefix: string, segments: readonly string[]): Form {
  const title = `Index of ${showName(prefix + segments.map((name) => `${name}/`).join(""))}`;
  // Above the prefix there is nothing to list.
  const up = segments.length > 0 ? `\n${UP}` : "";
  const head = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
</head>
<body>
<h1>${title}</h1>
<table>
<tr><th>Name</th><th>Size</th><th>Modified</th></tr>${up}`;
  const tail = "\n</table>\n</body>\n</html>\n";
  const entry = (one: Entry) => `\n${renderRow(one)}`;
  return { mediaType: "text/html; charset=utf-8", head, entry, separator: "", tail };
}

const UP = `<tr><td><a href="../">../</a></td><td></td><td></td></tr>`;

function renderRow({ name, type, size, mtime }: Entry): string {
  const slash = type === "directory" ? "/" : "";
  const link = `<a href="${encodeName(name)}${slash}">${showName(name)}${slash}</a>`;
  return `<tr><td>${link}</td><td>${size ?? ""}</td><td><time>${mtime}</time></td></tr>`;
}

function withDocuments(entry: Entry, documentsOf: DocumentsOf): Entry {
  const kinds = entry.size === undefined ? [] : documentsOf(entry.size);
  if (kinds.length === 0) return entry;
  const names = kinds.map((kind) => [kind, `${entry.name}.${kind}`]);
  return { ...entry, documents: Object.fromEntries(names) };
}

/** Control characters (JSON escapes those below U+0020 itself), and characters that change the writing direction. */
const UNSEEN = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const UNSEEN_OR_CONTROL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escapeJson(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A name for HTML. Control characters are shown as signs: ␛ for the escape character. */
function showName(name: string): string {
  return Bun.escapeHTML(name).replace(UNSEEN_OR_CONTROL, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}

/**
 * What a listing is written from, and its text as JSON. File names may come from strangers:
 * they are escaped, so that none acts on a page or a terminal. web/ writes the page.
 */

/** One line of a listing. */
export interface Entry {
  readonly name: string;
  readonly type: "file" | "directory";
  /** Bytes; a directory has none. */
  readonly size?: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly mtime: string;
  /** Whether no URL leads to it: its name is no UTF-8. The name here has `\xff` for such a byte. */
  readonly unreachable?: boolean;
  /** Names of the documents about a file, by kind; absent when there are none. */
  readonly documents?: Readonly<Record<string, string>>;
}

/** The kinds of the documents about a file of so many bytes. */
export type DocumentsOf = (size: number) => readonly string[];

/** The documents about a folder of that name, by kind: references from the directory above it. */
export type DocumentsOfFolder = (name: string) => Readonly<Record<string, string>>;

/** What a directory has in all. */
export interface Totals {
  readonly files: number;
  readonly directories: number;
  /** Of its files. */
  readonly bytes: number;
  /** Bytes of the largest file; undefined while that isn't known. */
  readonly largest?: number;
  /** Whether only the names were counted: files haven't been looked at yet. */
  readonly partial: boolean;
}

/** What is written before, between and after the entries, for one answer. */
export interface Form {
  readonly mediaType: string;
  readonly head: (totals: Totals) => string;
  readonly entry: (entry: Entry) => string;
  readonly separator: string;
  readonly tail: (totals: Totals) => string;
}

/** An array of `{ name, type, size, mtime, documents }`. */
export function jsonForm(documentsOf: DocumentsOf, documentsOfFolder?: DocumentsOfFolder): Form {
  const entry = (one: Entry) => {
    const text = JSON.stringify(withDocuments(one, documentsOf, documentsOfFolder), undefined, 1);
    return `\n ${text.replaceAll("\n", "\n ").replace(UNSEEN, escapeJson)}`;
  };
  const [head, tail] = [() => "[", () => "\n]\n"];
  return { mediaType: "application/json", head, entry, separator: ",", tail };
}

function withDocuments(
  entry: Entry,
  documentsOf: DocumentsOf,
  documentsOfFolder?: DocumentsOfFolder,
): Entry {
  if (entry.type === "directory" && documentsOfFolder !== undefined && !entry.unreachable) {
    return { ...entry, documents: documentsOfFolder(entry.name) };
  }
  const kinds = entry.size === undefined ? [] : documentsOf(entry.size);
  if (kinds.length === 0) return entry;
  const names = kinds.map((kind) => [kind, `${entry.name}.${kind}`]);
  return { ...entry, documents: Object.fromEntries(names) };
}

/** Control characters (JSON escapes those below U+0020 itself), and characters that change the writing direction. */
const UNSEEN = /[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escapeJson(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

export function sumUp(entries: readonly Entry[]): Totals {
  let [files, bytes, largest] = [0, 0, 0];
  for (const { type, size = 0 } of entries) {
    if (type === "directory") continue;
    files += 1;
    bytes += size;
    largest = Math.max(largest, size);
  }
  return { files, directories: entries.length - files, bytes, largest, partial: false };
}

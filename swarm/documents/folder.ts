/**
 * The texts about a folder, one file after another, so that a long one is made in short
 * turns. Names are those that a walk found below the folder: none is `..` or has a slash.
 *
 * | document         | a file in it                       | read by                    |
 * | ---------------- | ---------------------------------- | -------------------------- |
 * | `DIR/SHA256SUMS` | `HEX  PATH`, PATH below DIR        | `sha256sum -c`             |
 * | `DIR.meta4`      | `<file name="DIR/PATH">`           | `aria2c -M`                |
 * | `DIR.txt`        | its URL                            | `wget -i`, `aria2c -i`     |
 */

import type { FileDigests } from "../../digests/job.ts";
import { formatPath } from "../../http/target.ts";
import type { Refused } from "../bittorrent/torrent.ts";
import { formatChecksum } from "./checksum.ts";
import { formatMetalinkFile, isXml, METALINK_HEAD, METALINK_TAIL } from "./metalink.ts";

/** The kinds of documents that are made of a folder file by file. */
export type FolderDocumentKind = "meta4" | "sha256sums" | "txt";

/** A file of a folder. */
export interface FolderFile {
  /** Names below the folder. */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
}

/** A folder, its files in the order of the document. */
export interface FolderSubject {
  /** Decoded names below the prefix; none for the root. */
  readonly segments: readonly string[];
  /** Its own name; for the root the last name of the prefix. */
  readonly name: string;
  readonly files: readonly FolderFile[];
}

/** URLs of the tree on this server and on others, each with a slash at its end. */
export interface FolderUrls {
  readonly here: string;
  readonly mirrors: readonly string[];
  /** Makes a URL of a file that admits those who may read the document; undefined: anyone may. */
  readonly sign?: ((url: string) => string) | undefined;
}

/** Bytes: ten thousand files with paths of several hundred characters. */
export const LONGEST_TEXT = 16 * 1024 * 1024;

/** Why a folder has no such document; undefined when it has one. */
export function refuseText(
  kind: FolderDocumentKind,
  { name, files }: FolderSubject,
  mostFiles: number,
): Refused | undefined {
  if (files.length > mostFiles) {
    return refuse(`The folder has more than ${mostFiles} files, the most that a document has here`);
  }
  if (kind !== "meta4") return undefined;
  // RFC 5854 §4.1.1: one file at least.
  if (files.length === 0) return refuse("The folder has no files: a Metalink has at least one");
  const isWritable = isXml(name) && files.every(({ path }) => path.every(isXml));
  return isWritable ? undefined : refuse("A name has a character that XML 1.0 can't hold");
}

export const TOO_LONG: Refused = refuse(
  `The document would have more than ${LONGEST_TEXT} bytes, the most that this server makes`,
);

/** The URLs of all files, one a line. */
export function* formatUrlList(
  folder: FolderSubject,
  { here, sign = unsigned }: FolderUrls,
): Generator<string> {
  for (const { path } of folder.files) {
    yield `${sign(formatPath(here, [...folder.segments, ...path], false))}\n`;
  }
}

/** The lines of all files for `sha256sum -c`; `digests` in the order of the files. */
export function* formatChecksums(
  { files }: FolderSubject,
  digests: readonly FileDigests[],
): Generator<string> {
  for (const [n, { sha256 }] of digests.entries()) {
    yield formatChecksum(sha256, files[n]?.path.join("/") ?? "");
  }
}

/** One Metalink of all files; `digests` in the order of the files. */
export function* formatFolderMetalink(
  { segments, name, files }: FolderSubject,
  digests: readonly FileDigests[],
  { here, mirrors, sign = unsigned }: FolderUrls,
): Generator<string> {
  yield METALINK_HEAD;
  for (const [n, known] of digests.entries()) {
    const { path = [], length = 0 } = files[n] ?? {};
    const all = [...segments, ...path];
    const urls = [here, ...mirrors].map((root) => sign(formatPath(root, all, false)));
    const locations = { urls, torrent: undefined };
    const inFolder = [name, ...path].join("/");
    yield formatMetalinkFile(inFolder, { ...known, completeLength: length }, locations);
  }
  yield METALINK_TAIL;
}

const unsigned = (url: string) => url;

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

/**
 * Documents about a file or folder, each at its path with a suffix.
 *
 * | document          | of a file            | of a folder | media type                |
 * | ----------------- | -------------------- | ----------- | ------------------------- |
 * | `NAME.torrent`    | of one byte and more | yes         | application/x-bittorrent  |
 * | `NAME.magnet`     | of one byte and more | yes         | text/plain                |
 * | `NAME.meta4`      | yes                  | folder.ts   | application/metalink4+xml |
 * | `NAME.sha256`     | yes                  |             | text/plain                |
 * | `NAME/SHA256SUMS` |                      | folder.ts   | text/plain                |
 * | `NAME.txt`        |                      | folder.ts   | text/plain                |
 *
 * A file longer than {@link LONGEST_FILE} is never hashed, so it has no documents.
 */

import { LONGEST_FILE } from "../../digests/piece-length.ts";
import type { Digests } from "../../http/digest.ts";
import { formatPath, type Target } from "../../http/target.ts";
import {
  formatTorrent,
  type MadeTorrent,
  type Refused,
  type Sources,
} from "../bittorrent/torrent.ts";
import { formatChecksum } from "./checksum.ts";
import type { FolderDocumentKind } from "./folder.ts";
import { formatMagnet } from "./magnet.ts";
import { formatMetalink } from "./metalink.ts";

/** The suffix behind the dot. */
export type FileDocumentKind = "torrent" | "meta4" | "sha256" | "magnet";
export type DocumentKind = FileDocumentKind | FolderDocumentKind;

const MEDIA_TYPES: Readonly<Record<DocumentKind, string>> = {
  meta4: "application/metalink4+xml",
  torrent: "application/x-bittorrent",
  magnet: "text/plain; charset=utf-8",
  sha256: "text/plain; charset=utf-8",
  sha256sums: "text/plain; charset=utf-8",
  txt: "text/plain; charset=utf-8",
};

/** The name, in a folder, of the document with the digests of its files. */
const CHECKSUMS = "SHA256SUMS";

export function documentMediaType(kind: DocumentKind): string {
  return MEDIA_TYPES[kind];
}

/** The document that a path names, if no file has that name. */
export interface DocumentTarget {
  readonly kind: DocumentKind;
  /** Names of the file or folder that it is about; none for the root. */
  readonly segments: readonly string[];
}

/** The document that a target names. The root's stand beside the prefix: `/data.txt`. */
export function documentAt(target: Target): DocumentTarget | undefined {
  switch (target.kind) {
    case "path":
      return target.trailingSlash ? undefined : documentOf(target.segments);
    case "outside":
      if (target.beside !== ".meta4" && target.beside !== ".txt") return undefined;
      return { kind: target.beside === ".txt" ? "txt" : "meta4", segments: [] };
    default:
      return undefined;
  }
}

/** Reads the suffix of the last name; undefined when it is no document's, or all of the name. */
export function documentOf(segments: readonly string[]): DocumentTarget | undefined {
  if (segments.at(-1) === CHECKSUMS) return { kind: "sha256sums", segments: segments.slice(0, -1) };
  const [, name, suffix] = /^(.+)\.(.+)$/s.exec(segments.at(-1) ?? "") ?? [];
  // "..torrent" would be about the directory itself.
  if (name === undefined || name === "." || name === ".." || !isKind(suffix)) return undefined;
  return { kind: suffix, segments: [...segments.slice(0, -1), name] };
}

function isKind(suffix: string | undefined): suffix is DocumentKind {
  return suffix !== undefined && suffix !== "sha256sums" && Object.hasOwn(MEDIA_TYPES, suffix);
}

/** The documents of a file of `length` bytes. */
export function documentsOfFile(length: number): readonly FileDocumentKind[] {
  if (length > LONGEST_FILE) return NONE;
  return length === 0 ? WITHOUT_TORRENT : EVERY;
}

const EVERY: readonly FileDocumentKind[] = ["meta4", "torrent", "magnet", "sha256"];
/** A torrent has at least one piece. */
const WITHOUT_TORRENT: readonly FileDocumentKind[] = ["meta4", "sha256"];
const NONE: readonly FileDocumentKind[] = [];

/** References from the directory above to the documents about a folder, by kind. */
export function documentsOfFolder(name: string): Readonly<Record<string, string>> {
  const named = FOLDER_SUFFIXES.map((kind) => [kind, `${name}.${kind}`]);
  return { ...Object.fromEntries(named), sha256sums: `${name}/${CHECKSUMS}` };
}

const FOLDER_SUFFIXES = ["meta4", "torrent", "magnet", "txt"] as const satisfies DocumentKind[];

/** The file or folder that a document is about. */
export interface Subject {
  /** Decoded names below the prefix, at least one. */
  readonly segments: readonly string[];
  /** Undefined for a folder. */
  readonly digests: Digests | undefined;
  readonly torrent: MadeTorrent;
}

/** The URLs in documents. Those of a tree are of its prefix, and end in a slash. */
export interface DocumentUrls {
  readonly here: string;
  /** Other servers of the same tree, the best first. */
  readonly mirrors: readonly string[];
  /** Trees that torrents name as web seeds: some of those above, or none. */
  readonly webSeeds: readonly string[];
  /** URL of the tracker. */
  readonly announce: string | undefined;
  /** Makes a URL of a file that admits those who may read the document; undefined: anyone may. */
  readonly sign?: ((url: string) => string) | undefined;
}

/** How a client asked for a document: by its name, or by its media type in Accept at the file's URL. */
export type AskedBy = "name" | "accept";

/** A document as it is sent. */
export interface Document {
  readonly kind: DocumentKind;
  /** The file name to save it under. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Strong: a digest of the bytes. */
  readonly entityTag: string;
  readonly askedBy: AskedBy;
}

export type MadeDocument = { readonly kind: "document"; readonly document: Document } | Refused;

export function makeDocument(
  kind: FileDocumentKind,
  subject: Subject,
  urls: DocumentUrls,
  askedBy: AskedBy,
): MadeDocument {
  const content = makeContent(kind, subject, urls, askedBy);
  if (content.kind === "refused") return content;
  const bytes = new Uint8Array(content.bytes);
  const name = subject.segments.at(-1) ?? "";
  return { kind: "document", document: packDocument(kind, name, bytes, askedBy) };
}

/** `about`: the name of the file or folder. */
export function packDocument(
  kind: DocumentKind,
  about: string,
  bytes: Uint8Array<ArrayBuffer>,
  askedBy: AskedBy,
): Document {
  const digest = new Bun.CryptoHasher("sha256").update(bytes).digest("base64url");
  const name = kind === "sha256sums" ? CHECKSUMS : `${about}.${kind}`;
  return { kind, name, bytes, entityTag: `"${digest.slice(0, 22)}"`, askedBy };
}

type MadeContent = { readonly kind: "content"; readonly bytes: Uint8Array } | Refused;

function makeContent(
  kind: FileDocumentKind,
  subject: Subject,
  urls: DocumentUrls,
  askedBy: AskedBy,
): MadeContent {
  const { segments, digests, torrent } = subject;
  const { sign = unsigned } = urls;
  const name = segments.at(-1) ?? "";
  switch (kind) {
    case "torrent":
      if (torrent.kind === "refused") return torrent;
      return { kind: "content", bytes: formatTorrent(torrent.torrent, sources(subject, urls)) };
    case "magnet":
      if (torrent.kind === "refused") return torrent;
      return text(`${formatMagnet(torrent.torrent, sources(subject, urls))}\n`);
    case "sha256":
      if (digests === undefined) return NONE_OF_FOLDER;
      return text(formatChecksum(digests.sha256, name));
    case "meta4": {
      if (digests === undefined) return NONE_OF_FOLDER;
      const metalink = formatMetalink(name, digests, {
        urls: [urls.here, ...urls.mirrors].map((root) => sign(formatPath(root, segments, false))),
        // aria2 goes on seeding after a download by torrent. A client that asked for the file wants to be done.
        torrent:
          torrent.kind === "torrent" && askedBy === "name"
            ? torrentUrl(segments, urls.here, sign)
            : undefined,
      });
      return metalink.kind === "refused" ? metalink : text(metalink.text);
    }
  }
}

/** A link to a file admits to its documents: one to the torrent might be to another file. */
function torrentUrl(
  segments: readonly string[],
  here: string,
  sign: (url: string) => string,
): string {
  const file = sign(formatPath(here, segments, false));
  const query = file.includes("?") ? file.slice(file.indexOf("?")) : "";
  return formatPath(here, [...segments.slice(0, -1), `${segments.at(-1)}.torrent`], false) + query;
}

const unsigned = (url: string) => url;

function text(content: string): MadeContent {
  return { kind: "content", bytes: Buffer.from(content, "utf8") };
}

const NONE_OF_FOLDER: Refused = {
  kind: "refused",
  reason: `A folder has no .sha256; it has ${CHECKSUMS} in it`,
};

/** Why a folder has no such document, told without a walk; undefined when it has one. */
export function refuseFolder(kind: DocumentKind): Refused | undefined {
  return kind === "sha256" ? NONE_OF_FOLDER : undefined;
}

/** Whether a document is of folders alone. */
export function isOfFoldersAlone(kind: DocumentKind): kind is "sha256sums" | "txt" {
  return kind === "sha256sums" || kind === "txt";
}

function sources({ segments, digests }: Subject, urls: DocumentUrls): Sources {
  const { webSeeds, announce, sign } = urls;
  if (digests !== undefined) {
    const files = webSeeds.map((root) => formatPath(root, segments, false));
    return { announce, webSeeds: sign === undefined ? files : files.map(sign) };
  }
  // BEP 19: to the URL of a folder's parent, clients add the folder's name and the file's
  // path. A signature would stand before these.
  const folders = webSeeds.map((root) => formatPath(root, segments.slice(0, -1), true));
  return { announce, webSeeds: sign === undefined ? folders : [] };
}

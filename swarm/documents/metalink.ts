/**
 * Metalinks, RFC 5854: the URLs, size and digest of a file, with the digest of
 * every piece, so that a client fetches from many servers and repairs bad pieces.
 * One about a folder describes each of its files.
 */

import type { FileDigests } from "../../digests/job.ts";
import type { Digests } from "../../http/digest.ts";
import type { Refused } from "../bittorrent/torrent.ts";

/** Where a client gets a file. */
export interface Locations {
  /** URLs of the file, the best first. */
  readonly urls: readonly string[];
  /** URL of its .torrent, if it has one. */
  readonly torrent: string | undefined;
}

export type FormattedMetalink = { readonly kind: "metalink"; readonly text: string } | Refused;

/** Describes the file `name`, a last path segment. A name that XML can't hold is refused. */
export function formatMetalink(
  name: string,
  digests: Digests,
  { urls, torrent }: Locations,
): FormattedMetalink {
  if (!isXml(name)) {
    return { kind: "refused", reason: "The file's name has a character that XML 1.0 can't hold" };
  }
  const file = formatMetalinkFile(name, digests, { urls, torrent });
  return { kind: "metalink", text: `${METALINK_HEAD}${file}${METALINK_TAIL}` };
}

/** What stands before and behind the files. */
export const METALINK_HEAD = `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
 <generator>rangesrv</generator>
`;
export const METALINK_TAIL = "</metalink>\n";

/** One file; `name` is its path below the directory that a client downloads to (§4.2.8.3). */
export function formatMetalinkFile(
  name: string,
  digests: FileDigests & Pick<Digests, "completeLength">,
  { urls, torrent }: Locations,
): string {
  const lines = [
    ` <file name="${escapeXml(name)}">`,
    `  <size>${digests.completeLength}</size>`,
    `  <hash type="sha-256">${digests.sha256.toHex()}</hash>`,
    ...formatPieces(digests),
    // Lower numbers come first; a torrent is as good as the best URL.
    ...(torrent === undefined
      ? []
      : [`  <metaurl mediatype="torrent" priority="1">${escapeXml(torrent)}</metaurl>`]),
    ...urls.map((url, index) => `  <url priority="${index + 1}">${escapeXml(url)}</url>`),
    ` </file>`,
  ];
  return `${lines.join("\n")}\n`;
}

/** Nothing for an empty file, which has no piece, and where the pieces are left out. */
function formatPieces({ sha256PieceLength, sha256Pieces }: FileDigests): string[] {
  if (sha256Pieces.length === 0) return [];
  const hashes: string[] = [];
  for (let offset = 0; offset < sha256Pieces.length; offset += 32) {
    hashes.push(`   <hash>${sha256Pieces.subarray(offset, offset + 32).toHex()}</hash>`);
  }
  return [`  <pieces type="sha-256" length="${sha256PieceLength}">`, ...hashes, `  </pieces>`];
}

/** Whether XML 1.0 can hold a text: some characters no document can, not even as a reference (§2.2). */
export function isXml(text: string): boolean {
  return !NOT_XML.test(text);
}

const NOT_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** For text and attributes. An unescaped line break or tab in an attribute reads as a space (§3.3.3). */
function escapeXml(text: string): string {
  return text.replace(/[&<>"'\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

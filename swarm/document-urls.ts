/** The URLs that a document names, signed where not everybody may read. */

import type { Gate } from "../access/gate.ts";
import type { Terms } from "../http/pass.ts";
import type { DocumentUrls } from "./documents/document.ts";

/** What is the same for all documents. */
export interface Publishing {
  /** Of files; begins and ends with a slash. */
  readonly prefix: string;
  /** The same files elsewhere: URLs that end in a slash. */
  readonly mirrors: readonly string[];
  /** The tracker that torrents name; undefined: the one here. */
  readonly tracker: string | undefined;
  /** Who may read; undefined: anyone. */
  readonly gate?: Gate | undefined;
}

export interface Asked {
  /** The URL of this server without a path. */
  readonly base: string;
  /** 20 bytes; undefined: the file has no torrent. */
  readonly infoHash: Uint8Array | undefined;
  /** Of the links; undefined: they aren't signed. */
  readonly terms: Terms | undefined;
  /** Whether peers find the seeder. */
  readonly isSeeded: boolean;
}

/**
 * Peers don't know what others fetch from a web seed, so it sends the same pieces again
 * and again: torrents name this server as one only where its seeder can't be found.
 */
export function documentUrls(
  { prefix, mirrors, tracker, gate }: Publishing,
  { base, infoHash, terms, isSeeded }: Asked,
): DocumentUrls {
  const here = base + prefix;
  const own = `${base}/-/announce`;
  const signed = infoHash && gate?.signAnnounce(own, infoHash, terms);
  return {
    here,
    mirrors,
    webSeeds: isSeeded ? mirrors : [here, ...mirrors],
    announce: tracker ?? signed ?? own,
    sign: gate && terms && ((url) => gate.signUrl(url, terms)),
  };
}

/** Magnet links: BEP 9, with the web seeds of BEP 19 as `ws`. */

import type { Sources, Torrent } from "../bittorrent/torrent.ts";

/**
 * `magnet:?xt=urn:btih:HEX&dn=NAME&xl=BYTES&tr=ANNOUNCE&ws=WEBSEED`: enough to join
 * the swarm, whose peers send the info dictionary.
 */
export function formatMagnet(torrent: Torrent, { announce, webSeeds }: Sources): string {
  const parameters = [
    // The colons stay: clients don't decode them here.
    `xt=urn:btih:${torrent.infoHash.toHex()}`,
    `dn=${encode(torrent.name)}`,
    `xl=${torrent.length}`,
    ...(announce === undefined ? [] : [`tr=${encode(announce)}`]),
    ...webSeeds.map((url) => `ws=${encode(url)}`),
  ];
  return `magnet:?${parameters.join("&")}`;
}

/** Escapes all but unreserved characters (RFC 3986 §2): links are pasted into shells and pages. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

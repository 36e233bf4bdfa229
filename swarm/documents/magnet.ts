/** Magnet links: BEP 9, with the web seeds of BEP 19 as `ws`. */

import type { Sources, Torrent } from "../bittorrent/torrent.ts";

/**
 * `magnet:?xt=urn:btih:HEX&dn=NAME&xl=BYTES&tr=ANNOUNCE&ws=WEBSEED`: enough to join
 * the swarm, which hands out the info dictionary itself.
 */
export function formatMagnet(torrent: Torrent, { announce, webSeeds }: Sources): string {
  const parameters = [
    // A colon would be allowed encoded, but clients look for it as it is.
    `xt=urn:btih:${torrent.infoHash.toHex()}`,
    `dn=${encode(torrent.name)}`,
    `xl=${torrent.length}`,
    ...(announce === undefined ? [] : [`tr=${encode(announce)}`]),
    ...webSeeds.map((url) => `ws=${encode(url)}`),
  ];
  return `magnet:?${parameters.join("&")}`;
}

/** RFC 3986 §2: all but the unreserved, since a link is pasted into shells and pages. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /['()*!]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

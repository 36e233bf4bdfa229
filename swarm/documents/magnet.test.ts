/** Magnet links as text; what libtorrent reads in them is in torrent.test.ts. */

import { expect, test } from "bun:test";
import type { Sources, Torrent } from "../bittorrent/torrent.ts";
import { formatMagnet } from "./magnet.ts";

const TORRENT: Torrent = {
  infoHash: new Uint8Array(20).fill(0xab),
  info: new Uint8Array(),
  name: "plain.bin",
  length: 12,
  pieceLength: 65536,
  files: [{ path: [], length: 12 }],
};
const XT = `magnet:?xt=urn:btih:${"ab".repeat(20)}`;

test.each<[string, Partial<Torrent>, Sources, string]>([
  ["nobody", {}, { announce: undefined, webSeeds: [] }, `${XT}&dn=plain.bin&xl=12`],
  [
    "a tracker and two web seeds",
    {},
    { announce: "http://h:1/-/announce", webSeeds: ["http://h:1/a%20b", "http://m/"] },
    `${XT}&dn=plain.bin&xl=12&tr=http%3A%2F%2Fh%3A1%2F-%2Fannounce` +
      "&ws=http%3A%2F%2Fh%3A1%2Fa%2520b&ws=http%3A%2F%2Fm%2F",
  ],
  [
    "a name of reserved characters",
    { name: "a&b=c+d e#f%g?'(h)*!\n\ud83d" },
    { announce: undefined, webSeeds: [] },
    `${XT}&dn=a%26b%3Dc%2Bd%20e%23f%25g%3F%27%28h%29%2A%21%0A%EF%BF%BD&xl=12`,
  ],
])("%s", (_why, torrent, sources, expected) => {
  expect(formatMagnet({ ...TORRENT, ...torrent }, sources)).toBe(expected);
});

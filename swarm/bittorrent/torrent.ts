/**
 * Torrents of one file or one folder, by BEP 3. Two servers of the same bytes under the
 * same name make the same info dictionary, and so one swarm.
 */

import { LONGEST_FILE, MOST_FILES } from "../../digests/piece-length.ts";
import { encode, Encoded } from "./bencode.ts";

/** A file of a torrent. */
export interface TorrentFile {
  /** Below the torrent's name; empty when the torrent is that one file. */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
}

/** A file or folder that a swarm shares. */
export interface Torrent {
  /** SHA-1 of `info`: 20 bytes. */
  readonly infoHash: Uint8Array;
  /** The bencoded info dictionary. */
  readonly info: Uint8Array;
  readonly name: string;
  /** Bytes of all files. */
  readonly length: number;
  /** Bytes of every piece but the last. */
  readonly pieceLength: number;
  /** In the order in which their bytes are cut into pieces. */
  readonly files: readonly TorrentFile[];
}

/** Why there is no such torrent or document, for the client. */
export interface Refused {
  readonly kind: "refused";
  readonly reason: string;
}

export type MadeTorrent = { readonly kind: "torrent"; readonly torrent: Torrent } | Refused;

/** Where peers of a torrent are found. */
export interface Sources {
  /** URL of the tracker. */
  readonly announce: string | undefined;
  /** URLs by BEP 19: of the one file, or of the directory that holds the folder, with its slash. */
  readonly webSeeds: readonly string[];
}

/** Bytes. libtorrent takes no .torrent above 10 000 000; tracker and web seeds need some of them. */
const LONGEST_INFO = 9_900_000;

const NAMES_TOO_LONG = "The folder's names are too long for a torrent";

/**
 * Makes the torrent of a file (one of an empty path) or of a folder (sorted by
 * {@link sortKey}), given the SHA-1 of every piece, 20 bytes each.
 */
export function makeTorrent(
  name: string,
  files: readonly TorrentFile[],
  pieceLength: number,
  sha1Pieces: Uint8Array,
): MadeTorrent {
  const refused = refuseFiles(files);
  if (refused !== undefined) return refused;
  const length = totalLength(files);
  const pieces = Math.ceil(length / pieceLength);
  if (sha1Pieces.length !== pieces * 20) {
    throw new RangeError(
      `Cannot make a torrent: ${sha1Pieces.length / 20} digests of ${pieces} pieces`,
    );
  }
  const [first] = files;
  const content =
    first?.path.length === 0
      ? { length }
      : { files: files.map((file) => ({ length: file.length, path: file.path })) };
  const info = encode({
    ...content,
    name,
    "piece length": pieceLength,
    pieces: sha1Pieces,
  });
  if (info.length > LONGEST_INFO) return refuse(NAMES_TOO_LONG);
  const infoHash = new Uint8Array(new Bun.CryptoHasher("sha1").update(info).digest());
  return { kind: "torrent", torrent: { infoHash, info, name, length, pieceLength, files } };
}

/** Why these files have no torrent, told before any is read; undefined when they have one. */
export function refuseFiles(files: readonly TorrentFile[]): Refused | undefined {
  if (files.length > MOST_FILES) {
    return refuse(`The folder has more than ${MOST_FILES} files, the most that a torrent has here`);
  }
  const length = totalLength(files);
  // libtorrent and Transmission take no torrent without a piece.
  if (length === 0) return refuse("There are no bytes to share: a torrent has at least one piece");
  if (length > LONGEST_FILE) {
    return refuse(`There are more than ${LONGEST_FILE} bytes, the most that a torrent has here`);
  }
  // Each name stands in the torrent with its length and a colon in front.
  const names = files.reduce(
    (sum, { path }) => path.reduce((all, name) => all + name.length + 2, sum),
    0,
  );
  return names > LONGEST_INFO ? refuse(NAMES_TOO_LONG) : undefined;
}

/** Files of a folder are sorted by this key, so every server cuts the same pieces. One character for a byte of the path. */
export function sortKey(path: readonly string[]): string {
  return Buffer.from(path.join("/"), "utf8").toString("latin1");
}

/** The .torrent. */
export function formatTorrent(torrent: Torrent, { announce, webSeeds }: Sources): Uint8Array {
  return encode({
    announce,
    "created by": "rangesrv",
    info: new Encoded(torrent.info),
    "url-list": webSeeds.length === 0 ? undefined : webSeeds,
  });
}

function totalLength(files: readonly TorrentFile[]): number {
  return files.reduce((sum, file) => sum + file.length, 0);
}

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

/** What a swarm shares: one file or one folder, in the terms of BEP 3. */

/** A file of a torrent. */
export interface TorrentFile {
  /** Below the torrent's name; empty when the torrent is that one file. */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
}

/** A file or folder as a swarm knows it. */
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

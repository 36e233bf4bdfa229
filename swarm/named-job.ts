/**
 * The files of a torrent: the job that hashes them, and the names by which a client asked
 * for them. The torrent has these names, and peers get its bytes through them:
 * `latest.iso`, a link to `v1.iso`, is another torrent than `v1.iso` with the same digests.
 */

import type { Job } from "../digests/job.ts";
import type { SharedFile } from "../files/shared-content.ts";
import { type MadeTorrent, makeTorrent, type TorrentFile } from "./bittorrent/torrent.ts";

export interface NamedJob {
  readonly job: Job;
  /** Of the file or folder, below the root. */
  readonly segments: readonly string[];
  /** Of each file of the job, below that: none for the file itself. */
  readonly names: readonly (readonly string[])[];
}

export function torrentOf(named: NamedJob, sha1Pieces: Uint8Array): MadeTorrent {
  const name = named.segments.at(-1) ?? "";
  return makeTorrent(name, torrentFiles(named), named.job.pieceLength, sha1Pieces);
}

export function torrentFiles({ job, names }: NamedJob): TorrentFile[] {
  return job.files.map(({ size }, n) => ({ path: names[n] ?? [], length: size }));
}

/** The files as {@link SharedContent} reads them for peers. */
export function sharedFiles({ job, segments, names }: NamedJob): SharedFile[] {
  return job.files.map((identity, n) => ({
    segments: [...segments, ...(names[n] ?? [])],
    identity,
  }));
}

/** The info hash of a file under one of its names; undefined when it has no torrent. */
export function infoHashOf(
  job: Job,
  segments: readonly string[],
  sha1Pieces: Uint8Array,
): Uint8Array | undefined {
  const made = torrentOf({ job, segments, names: [[]] }, sha1Pieces);
  return made.kind === "torrent" ? made.torrent.infoHash : undefined;
}

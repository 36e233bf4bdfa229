/**
 * What an info hash stands for: a job about real files, and the names by which they
 * were asked for. A torrent is named by these, and its peers are served through them:
 * `latest.iso` that leads to `v1.iso` is another torrent than that, of the same digests.
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

/** Its files for those who are served. */
export function sharedFiles({ job, segments, names }: NamedJob): SharedFile[] {
  return job.files.map((identity, n) => ({
    segments: [...segments, ...(names[n] ?? [])],
    identity,
  }));
}

/** The info hash of a file by one of its names; undefined when no torrent is made of it. */
export function infoHashOf(
  job: Job,
  segments: readonly string[],
  sha1Pieces: Uint8Array,
): Uint8Array | undefined {
  const made = torrentOf({ job, segments, names: [[]] }, sha1Pieces);
  return made.kind === "torrent" ? made.torrent.infoHash : undefined;
}

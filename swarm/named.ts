/**
 * What an info hash stands for: a job about real files, and the names by which they
 * were asked for. A torrent is named by these, and its peers are served through them:
 * `latest.iso` that leads to `v1.iso` is another torrent than that, of the same digests.
 */
import { sep } from "node:path";
import { fileJob, type Job } from "../digests/job.ts";
import { MOST_FILES, pieceLengthFor } from "../digests/piece-length.ts";
import type { Identity } from "../files/identity.ts";
import { locate, type OpenDirectory, type Root } from "../files/locate.ts";
import type { SharedFile } from "../files/shared-content.ts";
import { walk } from "../files/walk.ts";
import {
  compareFiles,
  type MadeTorrent,
  makeTorrent,
  type Refused,
  type TorrentFile,
} from "./bittorrent/torrent.ts";

export interface Named {
  readonly job: Job;
  /** Of the file or folder, below the root. */
  readonly segments: readonly string[];
  /** Of each file of the job, below that: none for the file itself. */
  readonly names: readonly (readonly string[])[];
}

/** Entries of a folder looked at in one go: requests are answered in between. */
const BATCH = 200;

/** What stands at `segments` now, or why there is no torrent of it. */
export async function lookAt(
  root: Root,
  segments: readonly string[],
): Promise<Named | Refused | { readonly kind: "absent" }> {
  using place = locate(root, { segments, trailingSlash: false });
  switch (place.kind) {
    case "absent":
      return { kind: "absent" };
    case "directory":
      return await lookAtFolder(root, segments, place);
    case "file":
      return { job: fileJob(place.identity), segments, names: [[]] };
  }
}

export function torrentOf(named: Named, sha1Pieces: Uint8Array): MadeTorrent {
  const name = named.segments.at(-1) ?? "";
  return makeTorrent(name, torrentFiles(named), named.job.pieceLength, sha1Pieces);
}

export function torrentFiles({ job, names }: Named): TorrentFile[] {
  return job.files.map(({ size }, n) => ({ path: names[n] ?? [], length: size }));
}

/** Its files for those who are served. */
export function sharedFiles({ job, segments, names }: Named): SharedFile[] {
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

/** A folder with its files in the order of their torrent. */
async function lookAtFolder(
  root: Root,
  segments: readonly string[],
  folder: OpenDirectory,
): Promise<Named | Refused> {
  const { path: above, realPath } = folder;
  const found: { readonly path: readonly string[]; readonly length: number; file: Identity }[] = [];
  let steps = 0;
  for (const walked of walk(root, above)) {
    if (++steps % BATCH === 0) await new Promise(setImmediate);
    if (walked.kind === "unreadable") {
      return { kind: "refused", reason: "The folder has files that can't be read" };
    }
    if (walked.kind === "directory") continue;
    const { path, file } = walked;
    found.push({ path: path.slice(above.length + 1).split(sep), length: file.size, file });
    // Whoever judges them needs no more to refuse.
    if (found.length > MOST_FILES) break;
  }
  found.sort(compareFiles);
  const length = found.reduce((sum, { file }) => sum + file.size, 0);
  const files = found.map(({ file }) => file);
  const job: Job = { kind: "folder", path: realPath, files, pieceLength: pieceLengthFor(length) };
  return { job, segments, names: found.map(({ path }) => path) };
}

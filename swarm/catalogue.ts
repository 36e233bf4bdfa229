/**
 * The torrents that were made of a tree: what a file or a folder is as a torrent, and
 * what an info hash that a peer names stands for.
 */
import { basename, sep } from "node:path";
import { fileJob, type Job } from "../digests/job.ts";
import type { DigestKeeper } from "../digests/keeper.ts";
import type { Obtained, Unobtained } from "../digests/obtained.ts";
import { MOST_FILES, pieceLengthFor } from "../digests/piece-length.ts";
import { type FileFacts } from "../files/identity.ts";
import { locate, type Root } from "../files/locate.ts";
import { SharedContent, shareFiles } from "../files/shared-content.ts";
import { walk } from "../files/walk.ts";
import {
  compareFiles,
  type MadeTorrent,
  makeTorrent,
  type Refused,
  refuseFiles,
  type TorrentFile,
} from "./bittorrent/torrent.ts";
import type { Subject } from "./documents/document.ts";
import { KnownTorrents } from "./known-torrents.ts";
import type { Seed } from "./seeder/upload.ts";
import type { Knowledge } from "./tracker/route.ts";

/** What documents can be made of, or why they can't now, or can't at all. */
export type Described =
  | { readonly kind: "described"; readonly subject: Subject }
  | Extract<Unobtained, { kind: "pending" }>
  | Refused
  /** There is no such file or folder. */
  | { readonly kind: "absent" };

/** Entries of a folder looked at in one go: requests are answered in between. */
const BATCH = 200;

export class Catalogue {
  readonly #torrents: KnownTorrents;

  constructor(
    readonly root: Root,
    readonly keeper: DigestKeeper,
  ) {
    this.#torrents = new KnownTorrents({ find: (infoHash) => keeper.find(infoHash) });
  }

  /** The file or folder at `segments`, with its digests and as a torrent; `client` is who asks. */
  async describe(segments: readonly string[], client?: string): Promise<Described> {
    using place = locate(this.root, { segments, trailingSlash: false });
    switch (place.kind) {
      case "absent":
        return place;
      case "directory":
        return await this.#describeFolder(segments, place.path, client);
      case "file": {
        const job = fileJob(place);
        const obtained = await this.keeper.obtain(place, client);
        if (obtained.kind !== "known") return notYet(obtained);
        const { digests } = obtained;
        const torrent = this.#remember(job, torrentOf(job, digests.sha1Pieces));
        return { kind: "described", subject: { segments, digests, torrent } };
      }
    }
  }

  /** Whether a torrent with this info hash (20 bytes) was made here. */
  async knows(infoHash: Uint8Array): Promise<Knowledge> {
    return KNOWLEDGE[(await this.#torrents.find(infoHash)).kind];
  }

  /** What peers of a torrent can be given; undefined for one that wasn't made here, or whose files have changed. */
  async find(infoHash: Uint8Array): Promise<Seed | undefined> {
    const found = await this.#torrents.find(infoHash);
    if (found.kind !== "job") return undefined;
    const { job } = found;
    const files = shareFiles(this.root, job.files);
    if (files === undefined) return undefined;
    const obtained = await this.#obtain(job);
    if (obtained.kind !== "known") return undefined;
    const made = torrentOf(job, obtained.digests.sha1Pieces);
    // A peer that names another torrent's hash must not be given this one's bytes.
    if (made.kind === "refused" || Buffer.compare(made.torrent.infoHash, infoHash) !== 0) {
      return undefined;
    }
    const content = new SharedContent(this.root, files);
    return { torrent: made.torrent, read: (start, end) => content.read({ start, end }) };
  }

  #obtain(job: Job, client?: string): Promise<Obtained<{ readonly sha1Pieces: Uint8Array }>> {
    const [file] = job.files;
    return job.kind === "file" && file !== undefined
      ? this.keeper.obtain(file, client)
      : this.keeper.obtainFolder(job.path, job.files, job.pieceLength, client);
  }

  async #describeFolder(
    segments: readonly string[],
    path: string,
    client: string | undefined,
  ): Promise<Described> {
    const found = await listFolder(this.root, path);
    if (!Array.isArray(found)) return found;
    const refused = refuseFiles(torrentFiles({ kind: "folder", path, files: found }));
    if (refused !== undefined) return refused;
    const length = found.reduce((sum, { size }) => sum + size, 0);
    const job: Job = { kind: "folder", path, files: found, pieceLength: pieceLengthFor(length) };
    const obtained = await this.#obtain(job, client);
    if (obtained.kind !== "known") return notYet(obtained);
    const torrent = this.#remember(job, torrentOf(job, obtained.digests.sha1Pieces));
    return { kind: "described", subject: { segments, digests: undefined, torrent } };
  }

  #remember(job: Job, made: MadeTorrent): MadeTorrent {
    if (made.kind === "refused") return made;
    this.#torrents.remember(made.torrent.infoHash, job);
    return made;
  }
}

const KNOWLEDGE = { job: "made-here", none: "unknown", lost: "unavailable" } as const;

/** The info hash of what a job is about; undefined when no torrent is made of it. */
export function infoHashOf(job: Job, sha1Pieces: Uint8Array): Uint8Array | undefined {
  const made = torrentOf(job, sha1Pieces);
  return made.kind === "torrent" ? made.torrent.infoHash : undefined;
}

function torrentOf(job: Job, sha1Pieces: Uint8Array): MadeTorrent {
  return makeTorrent(basename(job.path), torrentFiles(job), job.pieceLength, sha1Pieces);
}

function torrentFiles({ kind, path, files }: Omit<Job, "pieceLength">): TorrentFile[] {
  return files.map((file) =>
    kind === "file" ? { path: [], length: file.size } : torrentFile(path, file),
  );
}

/** A file of the folder at `path`. */
function torrentFile(path: string, file: FileFacts): TorrentFile {
  return { path: file.path.slice(path.length + 1).split(sep), length: file.size };
}

/** The files below a folder in the order of their torrent, or why there is none. */
async function listFolder(root: Root, path: string): Promise<FileFacts[] | Refused> {
  const files: FileFacts[] = [];
  let seen = 0;
  for (const found of walk(root, path)) {
    if (++seen % BATCH === 0) await new Promise(setImmediate);
    if (found.kind === "unreadable") return refuse("The folder has files that can't be read");
    files.push(found.file);
    // Whoever judges them needs no more to refuse.
    if (files.length > MOST_FILES) break;
  }
  const below = (file: FileFacts) => torrentFile(path, file);
  return files.sort((a, b) => compareFiles(below(a), below(b)));
}

function notYet(obtained: Unobtained): Described {
  switch (obtained.kind) {
    case "pending":
      return obtained;
    case "too-large":
      return refuse("There are more bytes than digests are made of here");
    case "unreadable":
      return refuse("There is something that can't be read");
  }
}

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

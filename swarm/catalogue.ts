/**
 * The torrents of a tree, both ways: from a file or folder to its digests and torrent,
 * and from an info hash that a peer sent back to the files.
 */

import { fileJob, keyOf } from "../digests/job.ts";
import type { DigestKeeper, ObtainedFiles } from "../digests/keeper.ts";
import type { Unobtained } from "../digests/obtained.ts";
import { locate, type Root } from "../files/locate.ts";
import { SharedContent } from "../files/shared-content.ts";
import { type MadeTorrent, type Refused, refuseFiles } from "./bittorrent/torrent.ts";
import type { Subject } from "./documents/document.ts";
import { Folders, type Listed } from "./folders.ts";
import { JobCache } from "./job-cache.ts";
import { KnownTorrents, type TorrentLookup } from "./known-torrents.ts";
import { type NamedJob, sharedFiles, torrentFiles, torrentOf } from "./named-job.ts";
import type { SeedLookup } from "./seeder/upload.ts";
import type { Knowledge } from "./tracker/route.ts";

/** Why there is no {@link Subject} for documents, now or at all. */
export type NoSubject =
  | Extract<Unobtained, { kind: "pending" }>
  | Refused
  /** There is no such file or folder. */
  | { readonly kind: "absent" };

export type MadeSubject = { readonly kind: "subject"; readonly subject: Subject } | NoSubject;

export type FilesOrNone = Extract<ObtainedFiles, { kind: "files" }> | NoSubject;

/** Bytes of torrents that are kept. */
const MOST_KEPT = 16 * 1024 * 1024;
/** Milliseconds that a request waits for the walk of a folder: a worker waits ten seconds for the whole answer. */
const PATIENCE = 5_000;

export class Catalogue {
  readonly #root: Root;
  readonly #keeper: DigestKeeper;
  readonly #torrents: KnownTorrents;
  readonly #folders: Folders;
  readonly #made = new JobCache<MadeTorrent>(MOST_KEPT);

  constructor(root: Root, keeper: DigestKeeper) {
    this.#root = root;
    this.#keeper = keeper;
    this.#torrents = new KnownTorrents({ find: (infoHash) => this.#search(infoHash) });
    this.#folders = new Folders(root);
  }

  /** The file or folder at `segments` as it is now. `instead`: answers for a file, or a folder, unread. */
  async jobAt(
    segments: readonly string[],
    instead: {
      readonly ofFile?: NoSubject | undefined;
      readonly ofFolder?: NoSubject | undefined;
    } = {},
  ): Promise<NamedJob | NoSubject> {
    using located = locate(this.#root, { segments, trailingSlash: false });
    switch (located.kind) {
      case "absent":
        return { kind: "absent" };
      case "directory": {
        if (instead.ofFolder !== undefined) return instead.ofFolder;
        const listed = this.#folders.list(segments, located);
        // Not awaited, so that the directory is closed before a walk that has to wait.
        return listed === undefined ? PENDING : withPatience(listed);
      }
      case "file":
        if (instead.ofFile !== undefined) return instead.ofFile;
        return { job: fileJob(located.identity), segments, names: [[]] };
    }
  }

  /** Its digests and its torrent. `client` is the one that the hashing is done for. */
  async makeSubject(named: NamedJob, client?: string): Promise<MadeSubject> {
    const { segments } = named;
    const refused = refuseFiles(torrentFiles(named));
    if (refused !== undefined && named.job.kind === "folder") return refused;
    const obtained = await this.#keeper.obtain(named.job, client);
    if (obtained.kind !== "known") return noSubject(obtained);
    const torrent = this.#remember(named, this.#make(named, obtained.digests.sha1Pieces));
    const digests = "sha256" in obtained.digests ? obtained.digests : undefined;
    return { kind: "subject", subject: { segments, digests, torrent } };
  }

  /** The SHA-256 of each file of a folder, in the order of its job. */
  async digestsOfFiles({ job }: NamedJob, client?: string): Promise<FilesOrNone> {
    const obtained = await this.#keeper.obtainFiles(job, client);
    return obtained.kind === "files" ? obtained : noSubject(obtained);
  }

  /** The files of a torrent that was made or asked for lately. */
  remembered(infoHash: Uint8Array): NamedJob | undefined {
    return this.#torrents.peek(infoHash);
  }

  /** Whether a torrent with this info hash (20 bytes) was made here. */
  async knows(infoHash: Uint8Array): Promise<Knowledge> {
    return (await this.#torrents.find(infoHash)).kind;
  }

  /**
   * The bytes of a torrent, for its peers. Unknown: it wasn't made here, or its files have
   * changed. Unavailable: the hasher is down or at work, or the disk fails.
   */
  async find(infoHash: Uint8Array): Promise<SeedLookup> {
    const found = await this.#torrents.find(infoHash);
    if (found.kind !== "made-here") return found;
    const { named } = found;
    const obtained = await this.#keeper.obtain(named.job);
    if (obtained.kind === "too-large") return UNKNOWN;
    if (obtained.kind !== "known") return UNAVAILABLE;
    const made = this.#make(named, obtained.digests.sha1Pieces);
    // A peer that sent another torrent's hash must not get the bytes of this one.
    if (made.kind === "refused" || Buffer.compare(made.torrent.infoHash, infoHash) !== 0) {
      return UNKNOWN;
    }
    const content = new SharedContent(this.#root, sharedFiles(named));
    const read = (start: number, end: number) => content.read({ start, end });
    return { kind: "seed", seed: { torrent: made.torrent, read } };
  }

  #make(named: NamedJob, sha1Pieces: Uint8Array): MadeTorrent {
    const name = named.segments.join("/");
    const kept = this.#made.find(name, named.job);
    if (kept !== undefined) return kept;
    const made = torrentOf(named, sha1Pieces);
    const size = made.kind === "torrent" ? made.torrent.info.length : 0;
    this.#made.keep(name, named.job, made, size);
    return made;
  }

  #remember(named: NamedJob, made: MadeTorrent): MadeTorrent {
    if (made.kind === "refused") return made;
    const { infoHash } = made.torrent;
    if (this.#torrents.remember(infoHash, named)) {
      this.#keeper.name(infoHash, { key: keyOf(named.job), segments: named.segments });
    }
    return made;
  }

  /** Asks the hasher's store, and looks whether the same files are still there. */
  async #search(infoHash: Uint8Array): Promise<TorrentLookup> {
    const found = await this.#keeper.find(infoHash);
    if (found.kind === "none") return UNKNOWN;
    if (found.kind === "lost") return UNAVAILABLE;
    const { key, segments } = found.place;
    const named = await this.jobAt(segments);
    if ("kind" in named && named.kind === "pending") return UNAVAILABLE;
    const isSame = !("kind" in named) && Buffer.compare(keyOf(named.job), key) === 0;
    return isSame ? { kind: "made-here", named } : UNKNOWN;
  }
}

const UNKNOWN = { kind: "unknown" } as const;
const UNAVAILABLE = { kind: "unavailable" } as const;

const PENDING: NoSubject = { kind: "pending", percent: 0, retryAfter: 1 };

async function withPatience(listed: Promise<Listed>): Promise<Listed | NoSubject> {
  const { promise: over, resolve } = Promise.withResolvers<NoSubject>();
  const timer = setTimeout(resolve, PATIENCE, PENDING);
  return await Promise.race([listed, over]).finally(() => clearTimeout(timer));
}

function noSubject(obtained: Unobtained): NoSubject {
  switch (obtained.kind) {
    case "pending":
      return obtained;
    case "too-large":
      return refuse("There are more bytes or files than this server makes digests of");
    case "unreadable":
      return refuse("A file can't be read");
  }
}

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

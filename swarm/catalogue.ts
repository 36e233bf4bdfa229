/**
 * The torrents that were made of a tree: what a file or a folder is as a torrent, and
 * what an info hash that a peer names stands for.
 */

import { fileJob, keyOf } from "../digests/job.ts";
import type { DigestKeeper } from "../digests/keeper.ts";
import type { Unobtained } from "../digests/obtained.ts";
import { locate, type Root } from "../files/locate.ts";
import { SharedContent } from "../files/shared-content.ts";
import type { MadeTorrent, Refused } from "./bittorrent/torrent.ts";
import type { Subject } from "./documents/document.ts";
import { Folders, type Listed } from "./folders.ts";
import { type Found, KnownTorrents } from "./known-torrents.ts";
import { type Named, sharedFiles, torrentOf } from "./named.ts";
import type { Found as FoundSeed } from "./seeder/upload.ts";
import { Shelf } from "./shelf.ts";
import type { Knowledge } from "./tracker/route.ts";

/** Why documents can't be made now, or can't at all. */
export type Undescribed =
  | Extract<Unobtained, { kind: "pending" }>
  | Refused
  /** There is no such file or folder. */
  | { readonly kind: "absent" };

/** What documents can be made of. */
export type Described = { readonly kind: "described"; readonly subject: Subject } | Undescribed;

/** Bytes of torrents that are kept. */
const SHELF = 16 * 1024 * 1024;
/** Milliseconds that a request waits for a look at a folder: a worker waits ten seconds for all. */
const PATIENCE = 5_000;

export class Catalogue {
  readonly #torrents: KnownTorrents;
  readonly #folders: Folders;
  readonly #made = new Shelf<MadeTorrent>(SHELF);

  constructor(
    readonly root: Root,
    readonly keeper: DigestKeeper,
  ) {
    this.#torrents = new KnownTorrents({ find: (infoHash) => this.#search(infoHash) });
    this.#folders = new Folders(root);
  }

  /** The file or folder at `segments` as it is now; `refusal`: why a folder won't do. */
  async look(segments: readonly string[], refusal?: Refused): Promise<Named | Undescribed> {
    using place = locate(this.root, { segments, trailingSlash: false });
    switch (place.kind) {
      case "absent":
        return { kind: "absent" };
      case "directory": {
        if (refusal !== undefined) return refusal;
        const listed = this.#folders.list(segments, place);
        // Not awaited: the directory isn't kept open for a walk that has to wait.
        return listed === undefined ? LATER : withPatience(listed);
      }
      case "file":
        return { job: fileJob(place.identity), segments, names: [[]] };
    }
  }

  /** What was found, with its digests and as a torrent; `client` is who asks. */
  async describe(named: Named, client?: string): Promise<Described> {
    const { segments } = named;
    const obtained = await this.keeper.obtain(named.job, client);
    if (obtained.kind !== "known") return notYet(obtained);
    const torrent = this.#remember(named, this.#make(named, obtained.digests.sha1Pieces));
    const digests = "sha256" in obtained.digests ? obtained.digests : undefined;
    return { kind: "described", subject: { segments, digests, torrent } };
  }

  /** Whether a torrent with this info hash (20 bytes) was made here. */
  async knows(infoHash: Uint8Array): Promise<Knowledge> {
    return KNOWLEDGE[(await this.#torrents.find(infoHash)).kind];
  }

  /**
   * What peers of a torrent can be given. Absent: it wasn't made here, or its files have
   * changed. Later: the hasher is away or at work, or the disk fails.
   */
  async find(infoHash: Uint8Array): Promise<FoundSeed> {
    const found = await this.#torrents.find(infoHash);
    if (found.kind === "none") return { kind: "absent" };
    if (found.kind === "lost") return { kind: "later" };
    const { named } = found;
    const obtained = await this.keeper.obtain(named.job);
    if (obtained.kind === "too-large") return { kind: "absent" };
    if (obtained.kind !== "known") return { kind: "later" };
    const made = this.#make(named, obtained.digests.sha1Pieces);
    // A peer that names another torrent's hash must not be given this one's bytes.
    if (made.kind === "refused" || Buffer.compare(made.torrent.infoHash, infoHash) !== 0) {
      return { kind: "absent" };
    }
    const content = new SharedContent(this.root, sharedFiles(named));
    const read = (start: number, end: number) => content.read({ start, end });
    return { kind: "seed", seed: { torrent: made.torrent, read } };
  }

  #make(named: Named, sha1Pieces: Uint8Array): MadeTorrent {
    const name = named.segments.join("/");
    const kept = this.#made.find(name, named.job);
    if (kept !== undefined) return kept;
    const made = torrentOf(named, sha1Pieces);
    const size = made.kind === "torrent" ? made.torrent.info.length : 0;
    this.#made.keep(name, named.job, made, size);
    return made;
  }

  #remember(named: Named, made: MadeTorrent): MadeTorrent {
    if (made.kind === "refused") return made;
    const { infoHash } = made.torrent;
    if (this.#torrents.remember(infoHash, named)) {
      this.keeper.name(infoHash, { key: keyOf(named.job), segments: named.segments });
    }
    return made;
  }

  /** What is kept of an info hash, while the same files are still there. */
  async #search(infoHash: Uint8Array): Promise<Found> {
    const found = await this.keeper.find(infoHash);
    if (found.kind !== "place") return found;
    const { key, segments } = found.place;
    const named = await this.look(segments);
    if ("kind" in named && named.kind === "pending") return { kind: "lost" };
    const isSame = !("kind" in named) && Buffer.compare(keyOf(named.job), key) === 0;
    return isSame ? { kind: "named", named } : { kind: "none" };
  }
}

const KNOWLEDGE = { named: "made-here", none: "unknown", lost: "unavailable" } as const;

const LATER: Undescribed = { kind: "pending", percent: 0, retryAfter: 1 };

async function withPatience(listed: Promise<Listed>): Promise<Listed | Undescribed> {
  const { promise: over, resolve } = Promise.withResolvers<Undescribed>();
  const timer = setTimeout(resolve, PATIENCE, LATER);
  return await Promise.race([listed, over]).finally(() => clearTimeout(timer));
}

function notYet(obtained: Unobtained): Undescribed {
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

/**
 * The torrents that were made of a tree: what a file or a folder is as a torrent, and
 * what an info hash that a peer names stands for.
 */
import { type Job, keyOf } from "../digests/job.ts";
import type { DigestKeeper } from "../digests/keeper.ts";
import type { Obtained, Unobtained } from "../digests/obtained.ts";
import type { Root } from "../files/locate.ts";
import { SharedContent } from "../files/shared-content.ts";
import { type MadeTorrent, type Refused, refuseFiles } from "./bittorrent/torrent.ts";
import type { Subject } from "./documents/document.ts";
import { type Found, KnownTorrents } from "./known-torrents.ts";
import { lookAt, type Named, sharedFiles, torrentFiles, torrentOf } from "./named.ts";
import type { Found as FoundSeed } from "./seeder/upload.ts";
import type { Knowledge } from "./tracker/route.ts";

/** What documents can be made of, or why they can't now, or can't at all. */
export type Described =
  | { readonly kind: "described"; readonly subject: Subject }
  | Extract<Unobtained, { kind: "pending" }>
  | Refused
  /** There is no such file or folder. */
  | { readonly kind: "absent" };

export class Catalogue {
  readonly #torrents: KnownTorrents;

  constructor(
    readonly root: Root,
    readonly keeper: DigestKeeper,
  ) {
    this.#torrents = new KnownTorrents({ find: (infoHash) => this.#search(infoHash) });
  }

  /** The file or folder at `segments`, with its digests and as a torrent; `client` is who asks. */
  async describe(segments: readonly string[], client?: string): Promise<Described> {
    const named = await lookAt(this.root, segments);
    if ("kind" in named) return named;
    const { job } = named;
    const [file] = job.files;
    if (job.kind === "file" && file !== undefined) {
      const obtained = await this.keeper.obtain(file, client);
      if (obtained.kind !== "known") return notYet(obtained);
      const { digests } = obtained;
      const torrent = this.#remember(named, torrentOf(named, digests.sha1Pieces));
      return { kind: "described", subject: { segments, digests, torrent } };
    }
    const refused = refuseFiles(torrentFiles(named));
    if (refused !== undefined) return refused;
    const obtained = await this.#obtain(job, client);
    if (obtained.kind !== "known") return notYet(obtained);
    const torrent = this.#remember(named, torrentOf(named, obtained.digests.sha1Pieces));
    return { kind: "described", subject: { segments, digests: undefined, torrent } };
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
    const obtained = await this.#obtain(named.job);
    if (obtained.kind === "too-large") return { kind: "absent" };
    if (obtained.kind !== "known") return { kind: "later" };
    const made = torrentOf(named, obtained.digests.sha1Pieces);
    // A peer that names another torrent's hash must not be given this one's bytes.
    if (made.kind === "refused" || Buffer.compare(made.torrent.infoHash, infoHash) !== 0) {
      return { kind: "absent" };
    }
    const content = new SharedContent(this.root, sharedFiles(named));
    const read = (start: number, end: number) => content.read({ start, end });
    return { kind: "seed", seed: { torrent: made.torrent, read } };
  }

  #obtain(job: Job, client?: string): Promise<Obtained<{ readonly sha1Pieces: Uint8Array }>> {
    const [file] = job.files;
    return job.kind === "file" && file !== undefined
      ? this.keeper.obtain(file, client)
      : this.keeper.obtainFolder(job.path, job.files, job.pieceLength, client);
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
    const named = await lookAt(this.root, segments);
    const isSame = !("kind" in named) && Buffer.compare(keyOf(named.job), key) === 0;
    return isSame ? { kind: "named", named } : { kind: "none" };
  }
}

const KNOWLEDGE = { named: "made-here", none: "unknown", lost: "unavailable" } as const;

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

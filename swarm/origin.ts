/**
 * What one process of the program knows for all of them: the digests of the tree,
 * the torrents that were made of it, the tracker and the seeder.
 */

import { networkInterfaces } from "node:os";
import { sep } from "node:path";
import { HasherChild } from "../digests/hasher-child.ts";
import { DigestKeeper } from "../digests/keeper.ts";
import type { DigestSource, Need } from "../digests/open-file-digests.ts";
import type { Identity } from "../files/identity.ts";
import type { Root } from "../files/locate.ts";
import type { Digests } from "../http/digest.ts";
import { errorCode } from "../os/error-code.ts";
import {
  type Address,
  formatAddress,
  type Interfaces,
  networkOf,
  parseAddress,
  seederAddress,
} from "./bittorrent/address.ts";
import { isDialable } from "./bittorrent/dialable.ts";
import { Catalogue, type Undescribed } from "./catalogue.ts";
import {
  type Asked,
  type DocumentTarget,
  type MadeDocument,
  makeDocument,
  type Places,
  refuseFolder,
} from "./documents/document.ts";
import { Seeder } from "./seeder/seeder.ts";
import { Shelf } from "./shelf.ts";
import type { Announce } from "./tracker/announce.ts";
import { Announcer } from "./tracker/announcer.ts";
import type { Endpoint } from "./tracker/peer-list.ts";
import { answerTracker, type TrackerRequest } from "./tracker/route.ts";
import type { KnownPeer } from "./tracker/tracker-answer.ts";
import { Tracker } from "./tracker/tracker.ts";

/** What came of asking for a document. */
export type DocumentOutcome = MadeDocument | Undescribed;

/** What requests ask of the swarm, in whichever process it is known. */
export interface SwarmDesk extends DigestSource {
  /** `base` is the URL of this server without a path; `client` the address that asks. */
  document(
    target: DocumentTarget,
    asked: Asked,
    base: string,
    client: string,
  ): Promise<DocumentOutcome>;
  /** Answers with a bencoded dictionary; `host` is the request's Host field. */
  track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array>;
}

export interface OriginOptions {
  readonly root: Root;
  /** Of files; begins and ends with a slash. */
  readonly prefix: string;
  /** What the server is bound to; undefined: all addresses. */
  readonly host: string | undefined;
  /** How clients reach it, where a proxy hides it. */
  readonly url: string | undefined;
  /** Where digests are kept over a restart. */
  readonly state: string | undefined;
  /** The same files elsewhere: URLs that end in a slash. */
  readonly mirrors: readonly string[];
  /** The tracker that torrents name; undefined: the one here. */
  readonly tracker: string | undefined;
  readonly openTracker: boolean;
  /** Seconds. */
  readonly announceInterval: number | undefined;
  readonly seed: boolean;
  /** Whether every file is hashed, asked for or not. */
  readonly hash: boolean;
  /** Command that starts the process that hashes; undefined: this program again. */
  readonly hasher?: readonly string[] | undefined;
  /** Connections of the seeder, at most. */
  readonly peers: number;
  /** For what went wrong. */
  readonly log: (line: string) => void;
  /** For what is going on. */
  readonly tell: (line: string) => void;
}

/** Milliseconds for which the interfaces of this machine are taken to stay as they are. */
const INTERFACES_FOR = 5_000;

/** Bytes of documents that are kept. */
const SHELF = 48 * 1024 * 1024;

/** A document, or why there is none, and the torrent that it is about. */
interface Made {
  readonly outcome: MadeDocument;
  readonly infoHash: Uint8Array | undefined;
}

/** The id of a peer that a tracker named without one. */
const NOBODY = new Uint8Array();

export class Origin implements SwarmDesk, Disposable {
  readonly #options: OriginOptions;
  readonly #keeper: DigestKeeper;
  readonly #catalogue: Catalogue;
  readonly #tracker: Tracker;
  readonly #seeder: Seeder | undefined;
  readonly #made = new Shelf<Made>(SHELF);
  #seedPort: number | undefined;
  /** Of the seeder, at a tracker that isn't this one. */
  #announcer: Announcer | undefined;
  #seen: Interfaces = {};
  #looked = -Infinity;

  constructor(options: OriginOptions) {
    const { root, state, announceInterval, log, tell, hasher: command } = options;
    this.#options = options;
    const hasher = new HasherChild({ directory: state, log, command });
    this.#keeper = new DigestKeeper({ hasher, kept: state !== undefined, tell });
    const { path, symlinks, dotfiles } = root;
    if (options.hash) this.#keeper.crawl({ directory: path || sep, symlinks, dotfiles });
    this.#catalogue = new Catalogue(root, this.#keeper);
    this.#tracker = new Tracker(announceInterval === undefined ? {} : { announceInterval });
    const limits = { connections: options.peers };
    this.#seeder = options.seed ? new Seeder({ library: this.#catalogue, log, limits }) : undefined;
  }

  /** Opens the port for peers: the one it got, or undefined when nothing is seeded. Throws what the system says. */
  listen(where: { readonly host: string; readonly port: number }): number | undefined {
    if (this.#seeder === undefined) return undefined;
    const port = this.#seeder.listen(where);
    this.#seedPort = port;
    const { tracker, log } = this.#options;
    if (tracker !== undefined && Announcer.reaches(tracker)) {
      const { peerId } = this.#seeder;
      const meet = (infoHash: Uint8Array, { hostname, port }: KnownPeer) => {
        const address = parseAddress(hostname);
        if (address === undefined) return;
        this.#invite(infoHash, { address, port, peerId: NOBODY }, false);
      };
      this.#announcer = new Announcer({ tracker, peerId, port, log, meet });
    }
    return port;
  }

  knownDigests(file: Identity): Digests | undefined {
    return this.#keeper.known(file);
  }

  digestsOf(file: Identity, need: Need): Digests | undefined | Promise<Digests | undefined> {
    const known = this.#keeper.known(file);
    if (known !== undefined) return known;
    if (need === "computed" || this.#options.hash) this.#keeper.begin(file);
    else if (need === "kept") return this.#keeper.look(file);
    return undefined;
  }

  async document(
    target: DocumentTarget,
    asked: Asked,
    base: string,
    client: string,
  ): Promise<DocumentOutcome> {
    const { kind, segments } = target;
    const named = await this.#catalogue.look(segments, refuseFolder(kind));
    if ("kind" in named) return named;
    // All that a document depends on besides the versions of the files.
    const name = JSON.stringify([kind, asked, base, ...segments]);
    let made = this.#made.find(name, named.job);
    if (made === undefined) {
      const described = await this.#catalogue.describe(named, networkOf(client));
      if (described.kind !== "described") return described;
      const outcome = makeDocument(kind, described.subject, this.#places(base), asked);
      const { torrent } = described.subject;
      const infoHash = torrent.kind === "torrent" ? torrent.torrent.infoHash : undefined;
      made = { outcome, infoHash };
      const size = outcome.kind === "document" ? outcome.document.bytes.length : 0;
      this.#made.keep(name, named.job, made, size);
    }
    if (made.infoHash !== undefined) this.#announcer?.keep(made.infoHash, Date.now());
    return made.outcome;
  }

  async track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array> {
    const policy = {
      knows: (infoHash: Uint8Array) => this.#catalogue.knows(infoHash),
      open: this.#options.openTracker,
      meet: (announce: Announce, address: Address) => {
        // What a proxy passes on comes from its own address.
        if (!request.forwarded) this.#invite(announce.infoHash, { ...announce, address }, true);
      },
    };
    const seeder = this.#endpoint(request.client, host);
    const { bytes } = await answerTracker(this.#tracker, policy, request, Date.now(), seeder);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.#announcer?.[Symbol.dispose]();
    this.#seeder?.close();
    this.#keeper[Symbol.dispose]();
  }

  /** Has the seeder connect to a peer that another tracker named or that announced itself, if it may. */
  #invite(
    infoHash: Uint8Array,
    peer: { readonly address: Address; readonly port: number; readonly peerId: Uint8Array },
    announced: boolean,
  ): void {
    if (this.#seeder === undefined) return;
    const { host, url } = this.#options;
    const listed = Object.values(this.#interfaces()).flatMap((list) => list ?? []);
    const own = listed.flatMap(({ address }) => parseAddress(address) ?? []);
    const bound = host === undefined ? undefined : parseAddress(host);
    if (!isDialable(peer, { own, bound, proxied: url !== undefined }, announced)) return;
    const { address, port, peerId } = peer;
    void this.#seeder.invite(infoHash, { hostname: formatAddress(address), port, peerId });
  }

  /**
   * Peers can't tell what others are fetching from a web seed, so that it sends the same
   * pieces again and again: this server is one only where its seeder can't be found.
   */
  #places(base: string): Places {
    const { prefix, mirrors, tracker } = this.#options;
    const here = base + prefix;
    const isListed = tracker === undefined || this.#announcer !== undefined;
    const isSeeded = this.#seedPort !== undefined && isListed;
    return {
      here,
      mirrors,
      webSeeds: isSeeded ? mirrors : [here, ...mirrors],
      announce: tracker ?? `${base}/-/announce`,
    };
  }

  /** The seeder as a client can reach it. */
  #endpoint(client: string, host: string | undefined): Endpoint | undefined {
    const from = parseAddress(client);
    if (from === undefined || this.#seedPort === undefined) return undefined;
    const address = seederAddress(from, host, this.#interfaces());
    return address && { address, port: this.#seedPort };
  }

  /** As they were within the last seconds: asking the system takes longer than the rest of an announce. */
  #interfaces(): Interfaces {
    const now = performance.now();
    if (now - this.#looked > INTERFACES_FOR) {
      this.#looked = now;
      this.#seen = lookAtInterfaces();
    }
    return this.#seen;
  }
}

/** None where the system doesn't tell. */
function lookAtInterfaces(): Interfaces {
  try {
    return networkInterfaces();
  } catch (error) {
    if (errorCode(error) !== undefined) return {};
    throw error;
  }
}

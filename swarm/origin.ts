/**
 * What one process holds for all: the digests of the tree, its torrents and documents,
 * the tracker and the seeder. It is the supervisor, or the only process; workers ask it
 * (desk.ts).
 */

import { sep } from "node:path";
import type { Gate } from "../access/gate.ts";
import { HasherChild } from "../digests/hasher-child.ts";
import { DigestKeeper } from "../digests/keeper.ts";
import type { DigestSource, Need } from "../digests/open-file-digests.ts";
import type { Identity } from "../files/identity.ts";
import type { Root } from "../files/locate.ts";
import type { Digests } from "../http/digest.ts";
import type { Terms } from "../http/pass.ts";
import { type Address, formatAddress, parseAddress, sourceName } from "./bittorrent/address.ts";
import { isDialable } from "./bittorrent/dialable.ts";
import { Catalogue, type NoSubject } from "./catalogue.ts";
import { documentUrls } from "./document-urls.ts";
import type { AskedBy, DocumentTarget, DocumentUrls, MadeDocument } from "./documents/document.ts";
import { MadeDocuments } from "./made-documents.ts";
import { OriginCounts } from "./origin-counts.ts";
import { OwnAddresses } from "./own-addresses.ts";
import { Guests } from "./seeder/guests.ts";
import { Seeder } from "./seeder/seeder.ts";
import { figuresOfSwarms, type SwarmFigures } from "./swarm-figures.ts";
import type { Announce } from "./tracker/announce.ts";
import { Announcer } from "./tracker/announcer.ts";
import type { Endpoint } from "./tracker/peer-list.ts";
import { answerTracker, type TrackerRequest } from "./tracker/route.ts";
import { Tracker } from "./tracker/tracker.ts";

/** A document, or why there is none. */
export type DocumentOutcome = MadeDocument | NoSubject;

/** What requests need of the origin, which may be in another process. */
export interface SwarmDesk extends DigestSource {
  /**
   * `base` is the URL of this server without a path; `client` the client's address; `terms`
   * those of the links in it, undefined for links without a signature.
   */
  document(
    target: DocumentTarget,
    askedBy: AskedBy,
    base: string,
    client: string,
    terms?: Terms,
  ): Promise<DocumentOutcome>;
  /** The tracker's answer, a bencoded dictionary; `host` is the request's Host field. */
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
  /** Who may read, and so which peers may announce and are seeded; undefined: anyone. */
  readonly gate?: Gate | undefined;
  /** Whether every file is hashed, asked for or not. */
  readonly hash: boolean;
  /** Command that starts the hasher; undefined: this program again. */
  readonly hasher?: readonly string[] | undefined;
  /** The most connections of the seeder. */
  readonly peers: number;
  /** Told of each peer that connects to the seeder. */
  readonly joined?: ((descriptor: number, address: string) => void) | undefined;
  /** Logs what went wrong. */
  readonly log: (line: string) => void;
  /** Logs what is going on. */
  readonly tell: (line: string) => void;
}

/** The peer id of a peer that another tracker named: unknown. */
const NO_PEER_ID = new Uint8Array();

export class Origin implements SwarmDesk, Disposable {
  readonly #options: OriginOptions;
  readonly #keeper: DigestKeeper;
  readonly #catalogue: Catalogue;
  readonly #tracker: Tracker;
  readonly #seeder: Seeder | undefined;
  readonly #documents: MadeDocuments;
  readonly #own = new OwnAddresses();
  /** The peers that the seeder serves; undefined: all. */
  readonly #guests: Guests | undefined;
  readonly #counts = new OriginCounts();
  #seedPort: number | undefined;
  /** Announces the seeder at another tracker. */
  #announcer: Announcer | undefined;

  constructor(options: OriginOptions) {
    const { root, state, announceInterval, log, tell, hasher: command } = options;
    this.#options = options;
    const hasher = new HasherChild({ directory: state, log, command });
    this.#keeper = new DigestKeeper({ hasher, kept: state !== undefined, tell });
    const { path, symlinks, dotfiles } = root;
    if (options.hash) this.#keeper.crawl({ directory: path || sep, symlinks, dotfiles });
    this.#catalogue = new Catalogue(root, this.#keeper);
    this.#documents = new MadeDocuments(this.#catalogue, options.prefix);
    this.#tracker = new Tracker(announceInterval === undefined ? {} : { announceInterval });
    const limits = { connections: options.peers };
    this.#guests = options.gate && new Guests();
    const { joined } = options;
    const seeder = { library: this.#catalogue, log, limits, guests: this.#guests, joined };
    this.#seeder = options.seed ? new Seeder(seeder) : undefined;
  }

  /** Opens the port for peers and returns it; undefined when nothing is seeded. Throws the system's error. */
  listen(where: { readonly host: string; readonly port: number }): number | undefined {
    if (this.#seeder === undefined) return undefined;
    const port = this.#seeder.listen(where);
    this.#seedPort = port;
    const { tracker, log } = this.#options;
    // Who comes from another tracker has shown us no key.
    if (tracker !== undefined && this.#guests === undefined && Announcer.reaches(tracker)) {
      const { peerId } = this.#seeder;
      const meet = (infoHash: Uint8Array, peer: Endpoint) =>
        this.#invite(infoHash, { ...peer, peerId: NO_PEER_ID }, false);
      this.#announcer = new Announcer({ tracker, peerId, port, log, meet });
    }
    return port;
  }

  knownDigests(file: Identity): Digests | undefined {
    return this.#keeper.known(file);
  }

  digestsOf(file: Identity, need: Need): Digests | undefined | Promise<Digests | undefined> {
    const { lookups } = this.#keeper;
    const known = this.#keeper.known(file);
    if (known === undefined && need === "kept" && !this.#options.hash) {
      return this.#keeper.look(file);
    }
    lookups[known === undefined ? "none" : "memory"] += 1;
    if (known !== undefined) return known;
    if (need === "computed" || this.#options.hash) this.#keeper.begin(file);
    return undefined;
  }

  async document(
    target: DocumentTarget,
    askedBy: AskedBy,
    base: string,
    client: string,
    terms?: Terms,
  ): Promise<DocumentOutcome> {
    const isKept = terms === undefined;
    const urlsOf = (infoHash?: Uint8Array) => this.#urls(base, infoHash, terms);
    const request = { target, askedBy, base, client, isKept };
    const made = await this.#documents.make(request, urlsOf);
    if (made.kind !== "made") return made;
    if (made.outcome.kind === "document") this.#counts.documents[target.kind] += 1;
    if (made.infoHash !== undefined) this.#announcer?.keep(made.infoHash, Date.now());
    return made.outcome;
  }

  async track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array> {
    const { gate } = this.#options;
    const policy = {
      admits: gate && ((infoHash: Uint8Array) => this.#admits(gate, request, infoHash)),
      knows: (infoHash: Uint8Array) => this.#catalogue.knows(infoHash),
      open: this.#options.openTracker,
      meet: (announce: Announce, address: Address) => {
        // A proxy's address is not that of the peer.
        if (!request.forwarded) this.#invite(announce.infoHash, { ...announce, address }, true);
      },
      counted: this.#counts.announced,
    };
    const seeder = this.#endpoint(request.client, host);
    return await answerTracker(this.#tracker, policy, request, Date.now(), seeder);
  }

  /** Whether a peer has credentials, or a key for this swarm: then the seeder serves it, too. */
  #admits(gate: Gate, { query, client, hasCredentials }: TrackerRequest, infoHash: Uint8Array) {
    const now = Date.now();
    const admitted = hasCredentials === true || gate.admitsPeer(query, infoHash, client, now);
    if (admitted) this.#guests?.welcome(infoHash, client, now);
    return admitted;
  }

  /** What was done since the start, and what there is now. */
  get figures() {
    return {
      digests: this.#keeper.figures,
      counts: this.#counts,
      tracker: this.#tracker.figures,
      seeder: this.#seeder?.figures,
    };
  }

  /** What a client counts by: an IPv4 address or an IPv6 network of 64 bits. */
  sourceOf(client: string): string | undefined {
    return sourceName(client);
  }

  /** Whether a peer of the tracker has the address of a client. */
  isPeer(client: string): boolean {
    const address = parseAddress(client);
    return address !== undefined && this.#tracker.hasPeerAt(address);
  }

  /** Bytes that the seeder has sent since the start. */
  get seeded(): number {
    return this.#seeder?.sent ?? 0;
  }

  /** The swarms in which something goes on. */
  swarms(): readonly SwarmFigures[] {
    const [tracker, seeder, catalogue] = [this.#tracker, this.#seeder, this.#catalogue];
    const { prefix } = this.#options;
    return figuresOfSwarms({ tracker, seeder, catalogue, prefix }, Date.now());
  }

  [Symbol.dispose](): void {
    this.#announcer?.[Symbol.dispose]();
    this.#seeder?.close();
    this.#keeper[Symbol.dispose]();
  }

  /** Has the seeder connect to a peer, if it may. `announced`: to this tracker, by the peer itself. */
  #invite(
    infoHash: Uint8Array,
    peer: Endpoint & { readonly peerId: Uint8Array },
    announced: boolean,
  ): void {
    if (this.#seeder === undefined) return;
    const { host, url } = this.#options;
    const own = this.#own.all();
    const bound = host === undefined ? undefined : parseAddress(host);
    if (!isDialable(peer, { own, bound, proxied: url !== undefined }, announced)) return;
    const { address, port, peerId } = peer;
    void this.#seeder.invite(infoHash, { hostname: formatAddress(address), port, peerId });
  }

  #urls(base: string, infoHash: Uint8Array | undefined, terms: Terms | undefined): DocumentUrls {
    const { tracker } = this.#options;
    const isListed = tracker === undefined || this.#announcer !== undefined;
    const isSeeded = this.#seedPort !== undefined && isListed;
    return documentUrls(this.#options, { base, infoHash, terms, isSeeded });
  }

  /** The seeder as a client can reach it. */
  #endpoint(client: string, host: string | undefined): Endpoint | undefined {
    const from = parseAddress(client);
    if (from === undefined || this.#seedPort === undefined) return undefined;
    const address = this.#own.towards(from, host);
    return address && { address, port: this.#seedPort };
  }
}

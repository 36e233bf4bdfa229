/**
 * Connections that this server makes, to peers that a tracker named. A client that
 * connects to the origin by itself loses seconds: libtorrent first tries uTP, then an
 * encrypted handshake, then a plain one, each a second or more after the other. Strangers
 * choose the addresses, so attempts are bounded: in time, for each source, and in all.
 */

import { sourceName } from "../bittorrent/address.ts";
import { Upload } from "./upload.ts";
import type { Uploads } from "./uploads.ts";

/** A peer that a tracker named. */
export interface Invited {
  /** An address. */
  readonly hostname: string;
  readonly port: number;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
}

/**
 * Connects to a peer for an upload. May reject. An attempt can't be stopped: a connection
 * that opens after `patience` is over is closed.
 */
export type Dial = (
  upload: Upload,
  peer: Pick<Invited, "hostname" | "port">,
  patience: AbortSignal,
) => Promise<unknown>;

/**
 * Milliseconds before connecting. A client that is connecting to us takes ours for a
 * duplicate and may end both; after this time its attempt by uTP has been refused.
 */
const DELAY = 250;
/** Milliseconds that an attempt may take. */
const PATIENCE = 3000;
/** Attempts at a time, in all and to one source. */
const MOST_AT_A_TIME = 50;
const MOST_TO_ONE = 8;
/** The same with attempts that were given up: the kernel goes on for two minutes, and keeps a descriptor. */
const MOST_PENDING = 200;
/** Peers that are remembered as tried, in all and of one source. */
const MOST_TRIED = 10_000;
const MOST_TRIED_OF_ONE = 100;

/** An IPv4 address, or an IPv6 network of 64 bits. */
interface Source {
  readonly tried: Set<string>;
  dialing: number;
  /** Attempts that wait for another to end. */
  readonly waiting: (() => void)[];
  /** Whether an attempt took too long: there are no more to this source. */
  isSilent: boolean;
}

export class Invitations {
  readonly #sources = new Map<string, Source>();
  readonly #uploads: Uploads;
  readonly #dial: Dial;
  readonly #patience: number;
  #tried = 0;
  #dialing = 0;
  #pending = 0;

  constructor(uploads: Uploads, dial: Dial, patience = PATIENCE) {
    this.#uploads = uploads;
    this.#dial = dial;
    this.#patience = patience;
  }

  /** Connects unless the torrent isn't ours, the peer was tried of late, or `isWelcome` is false. */
  async invite(infoHash: Uint8Array, peer: Invited, isWelcome: () => boolean): Promise<void> {
    const source = this.#sourceOf(peer.hostname);
    const name = `${Buffer.from(infoHash).toString("hex")} ${peer.hostname} ${peer.port}`;
    if (source === undefined || source.isSilent || source.tried.has(name)) return;
    if (source.tried.size >= MOST_TRIED_OF_ONE || this.#tried >= MOST_TRIED) return;
    if (!isWelcome()) return;
    source.tried.add(name);
    this.#tried++;
    const upload = await this.#uploads.find(infoHash);
    if (!(upload instanceof Upload)) return;
    await Bun.sleep(DELAY);
    await takeTurn(source);
    const isFull = this.#dialing >= MOST_AT_A_TIME || this.#pending >= MOST_PENDING;
    if (isWelcome() && !isFull && !source.isSilent) await this.#connect(upload, peer, source);
    endTurn(source);
  }

  /** Lets every peer be tried again. */
  forget(): void {
    this.#tried = 0;
    for (const [key, source] of this.#sources) {
      source.tried.clear();
      source.isSilent = false;
      if (source.dialing === 0) this.#sources.delete(key);
    }
  }

  /** Ends when the connection is made, can't be made, or isn't made in time. */
  async #connect(upload: Upload, peer: Invited, source: Source): Promise<void> {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const patience = new AbortController();
    const timer = setTimeout(() => {
      patience.abort();
      source.isSilent = true;
      end();
    }, this.#patience);
    this.#dialing++;
    this.#pending++;
    void this.#attempt(upload, peer, patience.signal).then(end);
    await over;
    clearTimeout(timer);
    this.#dialing--;
  }

  /** Never rejects, and may end long after it was given up. */
  async #attempt(upload: Upload, peer: Invited, patience: AbortSignal): Promise<void> {
    try {
      await this.#dial(upload, peer, patience);
    } catch {
      // It can't be reached, but may still connect to us.
    } finally {
      this.#pending--;
    }
  }

  #sourceOf(hostname: string): Source | undefined {
    const key = sourceName(hostname);
    if (key === undefined) return undefined;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const source: Source = { tried: new Set(), dialing: 0, waiting: [], isSilent: false };
    this.#sources.set(key, source);
    return source;
  }
}

async function takeTurn(source: Source): Promise<void> {
  if (source.dialing < MOST_TO_ONE) source.dialing++;
  else await new Promise<void>((resolve) => void source.waiting.push(resolve));
}

/** Lets the next attempt begin. */
function endTurn(source: Source): void {
  const next = source.waiting.shift();
  if (next === undefined) source.dialing--;
  else next();
}

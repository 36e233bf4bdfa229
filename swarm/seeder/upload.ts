/**
 * One torrent that is being uploaded, to peers on their connections. {@link Seeding}
 * decides what goes to whom; here blocks are read and sent.
 */

import { isTransmission } from "../bittorrent/client.ts";
import type { Torrent } from "../bittorrent/torrent.ts";
import type { Connection } from "./connection.ts";
import { encodeExtensionHandshake } from "./metadata.ts";
import { receive } from "./receive.ts";
import { Seeding } from "./seeding.ts";
import type { SeedTotals } from "./totals.ts";
import { REQUEST_QUEUE } from "./tuning.ts";
import {
  type Block,
  type Handshake,
  HAVE_NONE,
  type Malformed,
  type Message,
  UNCHOKE,
  writeExtended,
  writeHave,
} from "./wire.ts";

/** A torrent whose bytes are here. */
export interface Seed {
  readonly torrent: Torrent;
  /** The bytes from `start` to `end`. Throws when they are no longer those of the torrent. */
  read(start: number, end: number): Promise<Uint8Array> | Uint8Array;
}

/** A torrent found by its info hash, or not. */
export type SeedLookup =
  | { readonly kind: "seed"; readonly seed: Seed }
  /** It wasn't made here, or its files are gone or changed. */
  | { readonly kind: "unknown" }
  /** It can't be told now. */
  | { readonly kind: "unavailable" };

/** What our handshakes say of this server. */
export interface Self {
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  readonly port: number;
}

export interface UploadFigures {
  /** Peers that are connected. */
  readonly peers: number;
  /** Bytes of blocks that were sent. */
  readonly sent: number;
  /** Bytes of the pieces that peers got, from here or from others, as they say. */
  readonly received: number;
  /** How many of them have the pieces of each stretch, on average. */
  readonly spread: readonly number[];
}

/** Milliseconds without a peer. */
const FORGOTTEN_AFTER = 600_000;

export class Upload {
  readonly #seed: Seed;
  readonly #totals: SeedTotals;
  readonly #now: () => number;
  readonly #fail: (reason: unknown) => void;
  readonly #seeding: Seeding;
  readonly #connections = new Map<number, Connection>();
  #isPumping = false;
  /** Milliseconds: when the last peer was seen. */
  #leftAt: number;

  /** `fail` is called once when bytes can't be read any more. */
  constructor(seed: Seed, totals: SeedTotals, now: () => number, fail: (reason: unknown) => void) {
    this.#seed = seed;
    this.#totals = totals;
    this.#now = now;
    this.#fail = fail;
    this.#seeding = new Seeding(seed.torrent);
    this.#leftAt = now();
  }

  get stats() {
    const { bytes, repeated } = this.#seeding.sent;
    return { name: this.#seed.torrent.name, peers: this.#connections.size, bytes, repeated };
  }

  /** What its peers have, for the picture of a swarm in up to `most` stretches. */
  figures(most: number): UploadFigures {
    const { bytes } = this.#seeding.sent;
    const { length, pieceLength } = this.#seed.torrent;
    const received = Math.min(this.#seeding.copied * pieceLength, this.#seeding.copied * length);
    return {
      peers: this.#connections.size,
      sent: bytes,
      received,
      spread: this.#seeding.spread(most),
    };
  }

  get infoHash(): Uint8Array {
    return this.#seed.torrent.infoHash;
  }

  /** Adds a peer that sent its handshake. */
  join(connection: Connection, handshake: Handshake, self: Self): void {
    const { torrent } = this.#seed;
    this.#connections.set(connection.id, connection);
    this.#seeding.join(connection.id, this.#now(), isTransmission(handshake.peerId));
    connection.speaksFast = handshake.fast;
    if (handshake.fast) connection.say(HAVE_NONE);
    if (handshake.extended) {
      const introduction = {
        metadataSize: torrent.info.length,
        port: self.port,
        requestQueue: REQUEST_QUEUE,
      };
      connection.say(writeExtended(0, encodeExtensionHandshake(introduction)));
    }
    // Every peer is unchoked: it may request only pieces that it was shown.
    connection.say(UNCHOKE);
    this.pump();
  }

  leave(connection: Connection): void {
    if (!this.#connections.delete(connection.id)) return;
    this.#seeding.leave(connection.id, this.#now());
    this.pump();
  }

  /** Takes a message. Returns why the peer's connection must end, if it must. */
  receive(connection: Connection, message: Handshake | Message | Malformed): string | undefined {
    const { torrent } = this.#seed;
    const receiving = { seeding: this.#seeding, torrent, totals: this.#totals, now: this.#now() };
    return receive(receiving, connection, message);
  }

  /** The connection takes bytes again. */
  drain(connection: Connection): void {
    connection.flush();
    connection.flushMetadata(this.#seed.torrent.info);
    this.pump();
  }

  /** Shows pieces and sends blocks, as many as the connections take. */
  pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      this.#showAndSend();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isPumping = false;
    }
  }

  #showAndSend(): void {
    const now = this.#now();
    const isReady = (peer: number) => this.#connections.get(peer)?.isReady ?? false;
    for (;;) {
      for (const { peer, piece } of this.#seeding.show(now)) {
        this.#connections.get(peer)?.say(writeHave(piece));
      }
      const turn = this.#seeding.next(now, isReady);
      const connection = turn && this.#connections.get(turn.peer);
      if (turn === undefined || connection === undefined) break;
      this.#sendBlock(connection, turn.block);
    }
  }

  #sendBlock(connection: Connection, block: Block): void {
    const start = block.piece * this.#seed.torrent.pieceLength + block.start;
    try {
      const read = this.#seed.read(start, start + block.length);
      if (read instanceof Uint8Array) this.#say(connection, block, read);
      else void this.#sendLater(connection, block, read);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #sendLater(connection: Connection, block: Block, read: Promise<Uint8Array>): Promise<void> {
    connection.isReading = true;
    try {
      const bytes = await read;
      connection.isReading = false;
      if (!connection.isClosed) this.#say(connection, block, bytes);
    } catch (error) {
      this.#fail(error);
    }
    this.pump();
  }

  #say(connection: Connection, block: Block, bytes: Uint8Array): void {
    this.#totals.bytes += bytes.length;
    connection.sayBlock(block, bytes);
  }

  /** Whether a peer has every piece and isn't interested. */
  isDone(connection: Connection): boolean {
    return !connection.isInterested && this.#seeding.isComplete(connection.id);
  }

  /** Ends every connection. */
  close(): void {
    for (const connection of [...this.#connections.values()]) connection.close();
  }

  /** Whether the last peer left so long ago that what is known of the swarm is out of date. */
  isForgotten(): boolean {
    if (this.#connections.size > 0) this.#leftAt = this.#now();
    return this.#now() - this.#leftAt > FORGOTTEN_AFTER;
  }
}

/**
 * One torrent that is being uploaded: what its peers say goes into {@link Seeding},
 * and what that decides goes out on their connections.
 */

import { isTransmission } from "../bittorrent/client.ts";
import type { Torrent } from "../bittorrent/torrent.ts";
import type { Connection } from "./connection.ts";
import {
  encodeExtensionHandshake,
  OUR_METADATA_ID,
  parseMetadataId,
  parseMetadataRequest,
} from "./metadata.ts";
import { Seeding } from "./seeding.ts";
import { REQUEST_QUEUE } from "./tuning.ts";
import {
  BLOCK,
  type Block,
  type Handshake,
  HAVE_NONE,
  type Malformed,
  type Message,
  UNCHOKE,
  writeExtended,
  writeHave,
  writeReject,
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

/** Who we are on the wire. */
export interface Self {
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  readonly port: number;
}

/** Milliseconds. */
const FORGOTTEN_AFTER = 600_000;

export class Upload {
  private readonly seeding: Seeding;
  private readonly connections = new Map<number, Connection>();
  private isPumping = false;
  /** Milliseconds: when the last peer was seen. */
  private leftAt: number;

  /** `fail` is called once when bytes can't be read any more. */
  constructor(
    private readonly seed: Seed,
    private readonly now: () => number,
    private readonly fail: (reason: unknown) => void,
  ) {
    this.seeding = new Seeding(seed.torrent);
    this.leftAt = now();
  }

  get stats() {
    const { bytes, repeated } = this.seeding.sent;
    return { name: this.seed.torrent.name, peers: this.connections.size, bytes, repeated };
  }

  get infoHash(): Uint8Array {
    return this.seed.torrent.infoHash;
  }

  /** Takes a peer in that shook hands. */
  join(connection: Connection, handshake: Handshake, self: Self): void {
    const { torrent } = this.seed;
    this.connections.set(connection.id, connection);
    this.seeding.join(connection.id, this.now(), isTransmission(handshake.peerId));
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
    // Whoever is here may ask: what it may ask for is bounded by what it is shown.
    connection.say(UNCHOKE);
    this.pump();
  }

  leave(connection: Connection): void {
    if (!this.connections.delete(connection.id)) return;
    this.seeding.leave(connection.id, this.now());
    this.pump();
  }

  /** What a peer said. A string: why its connection must end. */
  hear(connection: Connection, message: Handshake | Message | Malformed): string | undefined {
    switch (message.kind) {
      case "request":
        return this.hearRequest(connection, message.block);
      case "cancel":
        this.hearCancel(connection, message.block);
        return undefined;
      case "have":
        return this.seeding.gain(connection.id, message.piece, this.now())
          ? undefined
          : "a piece past the end";
      case "bitfield":
        return this.hearBitfield(connection, message.bits);
      case "have all":
        return this.hearHaveAll(connection);
      case "have none":
        connection.saidPieces = true;
        return undefined;
      case "extended":
        return this.hearExtended(connection, message.id, message.payload);
      case "interested":
        connection.isInterested = true;
        return undefined;
      case "not interested":
        connection.isInterested = false;
        return undefined;
      case "malformed":
        return message.reason;
      case "handshake":
      case "keep-alive":
      case "choke":
      case "unchoke":
      case "ignored":
        return undefined;
    }
  }

  private hearRequest(connection: Connection, block: Block): string | undefined {
    const { length, pieceLength } = this.seed.torrent;
    const pieceEnd = Math.min(pieceLength, length - block.piece * pieceLength);
    if (block.length === 0 || block.length > BLOCK || block.start + block.length > pieceEnd) {
      return "a request for no block of the torrent";
    }
    switch (this.seeding.ask(connection.id, block)) {
      case "queued":
        connection.idleMessages--;
        return undefined;
      case "refused":
        return this.refuse(connection, block) ? undefined : "it doesn't read";
      case "too many":
        return "too many requests";
    }
  }

  /** BEP 6: a request is answered by its block or by a rejection. */
  private refuse(connection: Connection, block: Block): boolean {
    return !connection.speaksFast || connection.say(writeReject(block));
  }

  private hearCancel(connection: Connection, block: Block): void {
    if (this.seeding.withdraw(connection.id, block)) this.refuse(connection, block);
  }

  private hearBitfield(connection: Connection, bits: Uint8Array): string | undefined {
    const { pieceCount } = this.seeding;
    if (bits.length !== Math.ceil(pieceCount / 8)) return "a bitfield of the wrong length";
    // aria2 says its pieces so again where that is shorter than HAVE for each new one.
    if (connection.saidPieces) this.seeding.gainAll(connection.id, bits, this.now());
    else this.seeding.bring(connection.id, bits, this.now());
    connection.saidPieces = true;
    return undefined;
  }

  /** BEP 6, where it takes the place of the bitfield. aria2 says it when it is complete, too. */
  private hearHaveAll(connection: Connection): string | undefined {
    if (connection.saidAll) return "that it has all, twice";
    connection.saidAll = true;
    const { pieceCount } = this.seeding;
    return this.hearBitfield(connection, new Uint8Array(Math.ceil(pieceCount / 8)).fill(0xff));
  }

  private hearExtended(
    connection: Connection,
    id: number,
    payload: Uint8Array,
  ): string | undefined {
    if (id === 0) connection.metadataId = parseMetadataId(payload);
    if (id !== OUR_METADATA_ID) return undefined;
    const piece = parseMetadataRequest(payload);
    if (piece === undefined) return undefined;
    if (!connection.askMetadata(piece)) return "too many requests for metadata";
    connection.flushMetadata(this.seed.torrent.info);
    return undefined;
  }

  /** A connection takes bytes again. */
  drain(connection: Connection): void {
    connection.flush();
    connection.flushMetadata(this.seed.torrent.info);
    this.pump();
  }

  /** Shows and sends as much as the connections take. */
  pump(): void {
    if (this.isPumping) return;
    this.isPumping = true;
    try {
      this.showAndSend();
    } catch (error) {
      this.fail(error);
    } finally {
      this.isPumping = false;
    }
  }

  private showAndSend(): void {
    const now = this.now();
    const isReady = (peer: number) => this.connections.get(peer)?.isReady ?? false;
    for (;;) {
      for (const { peer, piece } of this.seeding.show(now)) {
        this.connections.get(peer)?.say(writeHave(piece));
      }
      const turn = this.seeding.next(now, isReady);
      const connection = turn && this.connections.get(turn.peer);
      if (turn === undefined || connection === undefined) break;
      this.sendBlock(connection, turn.block);
    }
  }

  private sendBlock(connection: Connection, block: Block): void {
    const start = block.piece * this.seed.torrent.pieceLength + block.start;
    try {
      const read = this.seed.read(start, start + block.length);
      if (read instanceof Uint8Array) connection.sayBlock(block, read);
      else void this.sendLater(connection, block, read);
    } catch (error) {
      this.fail(error);
    }
  }

  private async sendLater(
    connection: Connection,
    block: Block,
    read: Promise<Uint8Array>,
  ): Promise<void> {
    connection.isReading = true;
    try {
      const bytes = await read;
      connection.isReading = false;
      if (!connection.isClosed) connection.sayBlock(block, bytes);
    } catch (error) {
      this.fail(error);
    }
    this.pump();
  }

  /** Whether a peer has everything, and says so. */
  isDone(connection: Connection): boolean {
    return !connection.isInterested && this.seeding.isComplete(connection.id);
  }

  /** Ends every connection. */
  close(): void {
    for (const connection of [...this.connections.values()]) connection.close();
  }

  /** Whether nobody has been here for so long that what is known of the swarm is of no use. */
  isForgotten(): boolean {
    if (this.connections.size > 0) this.leftAt = this.now();
    return this.now() - this.leftAt > FORGOTTEN_AFTER;
  }
}

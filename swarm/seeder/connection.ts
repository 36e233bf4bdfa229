/**
 * One connection of the seeder: the order of what is said on it, and that nothing
 * piles up. At most one block and some small messages wait here for the socket.
 */

import { encodeMetadataPiece } from "./metadata.ts";
import { type Block, KEEP_ALIVE, PeerReader, writeExtended, writePieceHead } from "./wire.ts";

/** Bytes of messages that may wait for a peer that doesn't read. */
const MOST_WAITING = 64 * 1024;
/** Pieces of the info dictionary that a peer may ask for at a time: that of 1 TiB has 80. */
const MOST_METADATA = 256;

/** What the connection needs of a socket. */
export interface Wire {
  readonly remoteAddress: string;
  /** Bytes that were taken; below zero when the socket is closed. */
  write(bytes: Uint8Array): number;
  terminate(): void;
}

export class Connection {
  readonly reader: PeerReader;
  /** Milliseconds: the last bytes of the peer, and the last bytes to it. */
  heardAt: number;
  saidAt: number;
  /** Messages of the peer, since the last tick, that asked for nothing. */
  idleMessages = 0;
  isInterested = false;
  speaksFast = false;
  /** The peer's number for ut_metadata, when it has one. */
  metadataId: number | undefined;
  isReading = false;
  /** Whether the peer said what it had when it came, and that it has everything. */
  saidPieces = false;
  saidAll = false;
  isClosed = false;
  readonly #messages: Uint8Array[] = [];
  #waiting = 0;
  readonly #metadata: number[] = [];

  constructor(
    readonly id: number,
    readonly wire: Wire,
    longestMessage: number,
    now: number,
  ) {
    this.reader = new PeerReader(longestMessage);
    this.heardAt = now;
    this.saidAt = now;
  }

  /** Whether a block could go out at once. */
  get isReady(): boolean {
    return !this.isClosed && !this.isReading && this.#messages.length === 0;
  }

  /** Says something. False: the peer reads too little, and the connection should end. */
  say(message: Uint8Array): boolean {
    this.#messages.push(message);
    this.#waiting += message.length;
    this.flush();
    return this.#waiting <= MOST_WAITING;
  }

  /** Sends a block, in one write so that it leaves in full packets. */
  sayBlock(block: Block, bytes: Uint8Array): void {
    this.say(Buffer.concat([writePieceHead(block), bytes]));
  }

  /** Takes a request for a piece of the info dictionary. False: too many of them. */
  askMetadata(piece: number): boolean {
    this.#metadata.push(piece);
    return this.#metadata.length <= MOST_METADATA;
  }

  /** Writes what waits, as much as the socket takes. */
  flush(): void {
    while (!this.isClosed) {
      const [message] = this.#messages;
      if (message === undefined) return;
      const written = this.wire.write(message);
      if (written <= 0) return;
      this.#waiting -= written;
      if (written < message.length) return void (this.#messages[0] = message.subarray(written));
      this.#messages.shift();
    }
  }

  /** Says the pieces of `info` that were asked for, one at a time. */
  flushMetadata(info: Uint8Array): void {
    while (this.metadataId !== undefined && this.#messages.length === 0) {
      const piece = this.#metadata.shift();
      if (piece === undefined) return;
      this.say(writeExtended(this.metadataId, encodeMetadataPiece(info, piece)));
    }
  }

  keepAlive(now: number, after: number): void {
    if (now - this.saidAt < after || this.#messages.length > 0) return;
    this.saidAt = now;
    this.say(KEEP_ALIVE);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#messages.length = 0;
    this.wire.terminate();
  }
}

/**
 * One connection of the seeder. It writes messages in order as the socket takes them; at
 * most one block and 64 KiB of small messages wait.
 */

import { encodeMetadataPiece } from "./metadata.ts";
import { PeerReader } from "./peer-reader.ts";
import { type Block, KEEP_ALIVE, writeExtended, writePieceHead } from "./wire.ts";

/** Bytes of messages that may wait for a peer that doesn't read. */
const MOST_WAITING = 64 * 1024;
/** Pieces of the info dictionary that a peer may request at a time: that of 1 TiB has 80. */
const MOST_METADATA = 256;

/** What the connection needs of a socket. */
export interface PeerSocket {
  readonly remoteAddress: string;
  /** Returns the bytes that were taken; below zero when the socket is closed. */
  write(bytes: Uint8Array): number;
  terminate(): void;
}

export class Connection {
  readonly reader: PeerReader;
  /** Milliseconds: when the last bytes came from the peer, and when a keep-alive was last sent. */
  heardAt: number;
  saidAt: number;
  /** Messages of the peer in this second that were no requests. */
  idleMessages = 0;
  isInterested = false;
  speaksFast = false;
  /** The id that the peer gave ut_metadata (BEP 10), if any. */
  metadataId: number | undefined;
  isReading = false;
  /** Whether the peer has sent a bitfield or the like, and HAVE ALL. */
  saidPieces = false;
  saidAll = false;
  isClosed = false;
  readonly #socket: PeerSocket;
  readonly #messages: Uint8Array[] = [];
  #waiting = 0;
  readonly #metadata: number[] = [];

  constructor(
    readonly id: number,
    socket: PeerSocket,
    longestMessage: number,
    now: number,
  ) {
    this.#socket = socket;
    this.reader = new PeerReader(longestMessage);
    this.heardAt = now;
    this.saidAt = now;
  }

  /** Whether the socket would take a block at once. */
  get isReady(): boolean {
    return !this.isClosed && !this.isReading && this.#messages.length === 0;
  }

  /** Sends a message. False: too much waits for the peer, so end the connection. */
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

  /** Notes a request for a piece of the info dictionary. False: too many wait. */
  requestMetadata(piece: number): boolean {
    this.#metadata.push(piece);
    return this.#metadata.length <= MOST_METADATA;
  }

  /** Writes waiting messages, as much as the socket takes. */
  flush(): void {
    while (!this.isClosed) {
      const [message] = this.#messages;
      if (message === undefined) return;
      const written = this.#socket.write(message);
      if (written <= 0) return;
      this.#waiting -= written;
      if (written < message.length) return void (this.#messages[0] = message.subarray(written));
      this.#messages.shift();
    }
  }

  /** Sends the requested pieces of `info`, one at a time. */
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
    this.#socket.terminate();
  }
}

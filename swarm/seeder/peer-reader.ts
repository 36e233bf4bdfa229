/**
 * The stream of a peer, in whatever chunks it comes: one handshake, then messages. The
 * reader keeps the message that has begun and nothing else, so never more than `longest`
 * bytes. A message that it returns shares the chunk's memory: use it before the next call.
 */

import {
  copy,
  type Handshake,
  HANDSHAKE_LENGTH,
  type Malformed,
  malformed,
  type Message,
  parseHandshake,
  parseMessage,
  read32,
} from "./wire.ts";

export class PeerReader {
  #chunk: Uint8Array = new Uint8Array();
  #shookHands = false;
  readonly #longest: number;

  /** `longest`: bytes of a message. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Bytes of a message that hasn't come whole. */
  get waiting(): number {
    return this.#chunk.length;
  }

  /** Adds bytes. Take all messages out with {@link next} before adding more. */
  add(bytes: Uint8Array): void {
    this.#chunk = this.#chunk.length === 0 ? bytes : Buffer.concat([this.#chunk, bytes]);
  }

  /** The next message; undefined until more bytes come. Nothing can be read after `malformed`. */
  next(): Handshake | Message | Malformed | undefined {
    if (!this.#shookHands) return this.#readHandshake();
    if (this.#chunk.length < 4) return this.hold();
    const length = read32(this.#chunk, 0);
    if (length > this.#longest) return malformed(`a message of ${length} bytes`);
    if (this.#chunk.length < 4 + length) return this.hold();
    return parseMessage(this.#take(4 + length).subarray(4));
  }

  #readHandshake(): Handshake | Malformed | undefined {
    const handshake = parseHandshake(this.#chunk);
    if (handshake === undefined) return this.hold();
    if (handshake.kind === "malformed") return handshake;
    this.#shookHands = true;
    this.#take(HANDSHAKE_LENGTH);
    return handshake;
  }

  #take(length: number): Uint8Array {
    const taken = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return taken;
  }

  /**
   * Copies the bytes that remain, since the socket reuses a chunk's memory. {@link next}
   * does so itself when it returns undefined.
   */
  hold(): undefined {
    this.#chunk = copy(this.#chunk);
  }
}

/**
 * The messages of the peer protocol as bytes: BEP 3, with the fast extension (BEP 6) and
 * the extension protocol (BEP 10), as far as an upload-only peer reads and writes them.
 *
 * ```
 * handshake: 19 "BitTorrent protocol"  reserved (8)  info hash (20)  peer id (20)
 * message:   length (4)  id (1)  payload (length - 1);  length 0 keeps alive
 * ```
 */

/** Bytes. */
export const HANDSHAKE_LENGTH = 68;
/** Bytes of a block as every client requests it, and the most that a request may name. */
export const BLOCK = 16 * 1024;

const PROTOCOL = Buffer.from("\x13BitTorrent protocol", "latin1");
/** Bits of the reserved bytes: BEP 10 in the sixth, BEP 6 in the eighth. */
const EXTENDED_BIT = { byte: 25, mask: 0x10 };
const FAST_BIT = { byte: 27, mask: 0x04 };

/** The first bytes of either peer. */
export interface Handshake {
  readonly kind: "handshake";
  /** 20 bytes each. */
  readonly infoHash: Uint8Array;
  readonly peerId: Uint8Array;
  /** Whether it speaks BEP 6 and BEP 10. */
  readonly fast: boolean;
  readonly extended: boolean;
}

/** A part of a piece, in bytes. */
export interface Block {
  readonly piece: number;
  readonly start: number;
  readonly length: number;
}

export type Message =
  | { readonly kind: "keep-alive" | "choke" | "unchoke" | "interested" | "not interested" }
  | { readonly kind: "have"; readonly piece: number }
  | { readonly kind: "have all" | "have none" }
  | { readonly kind: "bitfield"; readonly bits: Uint8Array }
  | { readonly kind: "request" | "cancel"; readonly block: Block }
  /** `payload` follows the extended message's own id; id 0 is the extension handshake. */
  | { readonly kind: "extended"; readonly id: number; readonly payload: Uint8Array }
  /** Well-formed, but meaningless to a peer that only uploads. */
  | { readonly kind: "ignored" };

/** Why a connection must end. */
export interface Malformed {
  readonly kind: "malformed";
  readonly reason: string;
}

const ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  extended: 20,
} as const;

export function malformed(reason: string): Malformed {
  return { kind: "malformed", reason };
}

/** Not `slice`: a socket's chunk is a Buffer, whose slice shares memory. */
export function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** The handshake that `bytes` begin with; undefined until there are enough. */
export function parseHandshake(bytes: Uint8Array): Handshake | Malformed | undefined {
  const protocol = bytes.subarray(0, PROTOCOL.length);
  // An encrypted handshake (MSE) ends here too: clients then try again in the clear.
  if (Buffer.compare(protocol, PROTOCOL.subarray(0, protocol.length)) !== 0) {
    return malformed("no BitTorrent handshake");
  }
  if (bytes.length < HANDSHAKE_LENGTH) return undefined;
  return {
    kind: "handshake",
    infoHash: copy(bytes.subarray(28, 48)),
    peerId: copy(bytes.subarray(48, 68)),
    fast: ((bytes[FAST_BIT.byte] ?? 0) & FAST_BIT.mask) !== 0,
    extended: ((bytes[EXTENDED_BIT.byte] ?? 0) & EXTENDED_BIT.mask) !== 0,
  };
}

/** Payload lengths of the messages that have one length. */
const PAYLOAD = new Map<number, number>([
  [ID.choke, 0],
  [ID.unchoke, 0],
  [ID.interested, 0],
  [ID.notInterested, 0],
  [ID.have, 4],
  [ID.request, 12],
  [ID.cancel, 12],
  [ID.haveAll, 0],
  [ID.haveNone, 0],
]);

/** `bytes`: id and payload. */
export function parseMessage(bytes: Uint8Array): Message | Malformed {
  const [id] = bytes;
  if (id === undefined) return { kind: "keep-alive" };
  const payload = bytes.subarray(1);
  if (payload.length !== (PAYLOAD.get(id) ?? payload.length)) {
    return malformed(`a message ${id} with ${payload.length} bytes`);
  }
  switch (id) {
    case ID.choke:
      return { kind: "choke" };
    case ID.unchoke:
      return { kind: "unchoke" };
    case ID.interested:
      return { kind: "interested" };
    case ID.notInterested:
      return { kind: "not interested" };
    case ID.have:
      return { kind: "have", piece: read32(payload, 0) };
    case ID.bitfield:
      return { kind: "bitfield", bits: payload };
    case ID.request:
      return { kind: "request", block: readBlock(payload) };
    case ID.cancel:
      return { kind: "cancel", block: readBlock(payload) };
    case ID.haveAll:
      return { kind: "have all" };
    case ID.haveNone:
      return { kind: "have none" };
    case ID.piece:
      return malformed("a block that was not requested");
    case ID.extended: {
      const [extension] = payload;
      if (extension === undefined) return malformed("an extended message without its id");
      return { kind: "extended", id: extension, payload: payload.subarray(1) };
    }
    default:
      return { kind: "ignored" };
  }
}

function readBlock(payload: Uint8Array): Block {
  return { piece: read32(payload, 0), start: read32(payload, 4), length: read32(payload, 8) };
}

export function read32(bytes: Uint8Array, offset: number): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32BE(offset);
}

/** Our handshake. */
export function writeHandshake(infoHash: Uint8Array, peerId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HANDSHAKE_LENGTH);
  bytes.set(PROTOCOL);
  bytes[EXTENDED_BIT.byte] = EXTENDED_BIT.mask;
  bytes[FAST_BIT.byte] = FAST_BIT.mask;
  bytes.set(infoHash, 28);
  bytes.set(peerId, 48);
  return bytes;
}

export const KEEP_ALIVE: Uint8Array = new Uint8Array(4);
export const UNCHOKE: Uint8Array = writeMessage(ID.unchoke, []);
/** BEP 6: instead of a bitfield. */
export const HAVE_NONE: Uint8Array = writeMessage(ID.haveNone, []);

export function writeHave(piece: number): Uint8Array {
  return writeMessage(ID.have, [piece]);
}

/** BEP 6: the request won't be answered. */
export function writeReject({ piece, start, length }: Block): Uint8Array {
  return writeMessage(ID.reject, [piece, start, length]);
}

/** A piece message up to the bytes of its block. */
export function writePieceHead({ piece, start, length }: Block): Uint8Array {
  const bytes = writeMessage(ID.piece, [piece, start]);
  new DataView(bytes.buffer).setUint32(0, 9 + length);
  return bytes;
}

/** BEP 10: `id` is the extended message's own. */
export function writeExtended(id: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(6 + payload.length);
  new DataView(bytes.buffer).setUint32(0, 2 + payload.length);
  bytes[4] = ID.extended;
  bytes[5] = id;
  bytes.set(payload, 6);
  return bytes;
}

function writeMessage(id: number, integers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(5 + 4 * integers.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 1 + 4 * integers.length);
  view.setUint8(4, id);
  integers.forEach((integer, i) => view.setUint32(5 + 4 * i, integer));
  return bytes;
}

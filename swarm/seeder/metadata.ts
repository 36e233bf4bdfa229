/**
 * The extension messages of an upload-only peer: its handshake (BEP 10) and the info
 * dictionary in pieces of 16 KiB, for those who come with a magnet link (BEP 9).
 */

import { type Bencoded, decodePrefix } from "../bittorrent/bdecode.ts";
import { encode } from "../bittorrent/bencode.ts";

/** Bytes of a piece of the info dictionary. */
const METADATA_PIECE = 16 * 1024;
/** Our id for ut_metadata: peers put it on the messages that they send us. */
export const OUR_METADATA_ID = 1;

/** The content of our extension handshake. */
export interface Introduction {
  /** Bytes of the info dictionary. */
  readonly metadataSize: number;
  /** The port that we listen at. */
  readonly port: number;
  /** Blocks that a peer may have asked for at a time. */
  readonly requestQueue: number;
}

export function encodeExtensionHandshake(introduction: Introduction): Uint8Array {
  return encode({
    m: { ut_metadata: OUR_METADATA_ID },
    metadata_size: introduction.metadataSize,
    p: introduction.port,
    reqq: introduction.requestQueue,
    v: "rangesrv",
  });
}

/** The peer's id for ut_metadata; undefined when it doesn't speak it. */
export function parseMetadataId(payload: Uint8Array): number | undefined {
  const extensions = read(payload, "m");
  const id = extensions instanceof Map ? extensions.get("ut_metadata") : undefined;
  return typeof id === "number" && id >= 1 && id <= 255 ? id : undefined;
}

/** The piece of the info dictionary that a message asks for; undefined when it asks for none. */
export function parseMetadataRequest(payload: Uint8Array): number | undefined {
  const piece = read(payload, "piece");
  if (read(payload, "msg_type") !== REQUEST) return undefined;
  return typeof piece === "number" && piece >= 0 ? piece : undefined;
}

const REQUEST = 0;
const DATA = 1;
const REJECT = 2;

/** The answer to a request for a piece of `info`: its bytes, or a rejection past the end. */
export function encodeMetadataPiece(info: Uint8Array, piece: number): Uint8Array {
  const start = piece * METADATA_PIECE;
  if (start >= info.length) return encode({ msg_type: REJECT, piece });
  const head = encode({ msg_type: DATA, piece, total_size: info.length });
  return Buffer.concat([head, info.subarray(start, start + METADATA_PIECE)]);
}

function read(payload: Uint8Array, key: string): Bencoded | undefined {
  const decoded = decodePrefix(payload);
  if (decoded.kind === "malformed" || !(decoded.value instanceof Map)) return undefined;
  return decoded.value.get(key);
}

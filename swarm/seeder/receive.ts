/**
 * A message of a peer: what it changes in {@link Seeding} and in its connection. Answers
 * that need no bytes of the torrent (rejections, metadata) go out at once. A returned
 * string says why the connection must end.
 */

import type { Torrent } from "../bittorrent/torrent.ts";
import type { Connection } from "./connection.ts";
import { OUR_METADATA_ID, parseMetadataId, parseMetadataRequest } from "./metadata.ts";
import type { Seeding } from "./seeding.ts";
import type { SeedTotals } from "./totals.ts";
import {
  BLOCK,
  type Block,
  type Handshake,
  type Malformed,
  type Message,
  writeReject,
} from "./wire.ts";

/** The upload that a message belongs to, and when it came, in milliseconds. */
export interface Receiving {
  readonly seeding: Seeding;
  readonly torrent: Torrent;
  readonly totals: SeedTotals;
  readonly now: number;
}

export function receive(
  receiving: Receiving,
  connection: Connection,
  message: Handshake | Message | Malformed,
): string | undefined {
  const { seeding, torrent, now } = receiving;
  switch (message.kind) {
    case "request":
      return receiveRequest(receiving, connection, message.block);
    case "cancel":
      if (seeding.cancel(connection.id, message.block)) reject(connection, message.block);
      return undefined;
    case "have":
      return seeding.gain(connection.id, message.piece, now) ? undefined : "a piece past the end";
    case "bitfield":
      return receiveBitfield(receiving, connection, message.bits);
    case "have all":
      return receiveHaveAll(receiving, connection);
    case "have none":
      connection.saidPieces = true;
      return undefined;
    case "extended":
      return receiveExtended(torrent.info, connection, message.id, message.payload);
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

function receiveRequest(
  { seeding, torrent, totals }: Receiving,
  connection: Connection,
  block: Block,
): string | undefined {
  const { length, pieceLength } = torrent;
  const pieceEnd = Math.min(pieceLength, length - block.piece * pieceLength);
  if (block.length === 0 || block.length > BLOCK || block.start + block.length > pieceEnd) {
    totals.requests.malformed += 1;
    return "a request for no block of the torrent";
  }
  switch (seeding.request(connection.id, block)) {
    case "queued":
      totals.requests.accepted += 1;
      connection.idleMessages--;
      return undefined;
    case "refused":
      totals.requests.refused += 1;
      return reject(connection, block) ? undefined : "it doesn't read";
    case "too many":
      totals.requests.excessive += 1;
      return "too many requests";
  }
}

/** BEP 6: every request is answered, by its block or by a rejection. False: the peer doesn't read. */
function reject(connection: Connection, block: Block): boolean {
  return !connection.speaksFast || connection.say(writeReject(block));
}

function receiveBitfield(
  { seeding, now }: Receiving,
  connection: Connection,
  bits: Uint8Array,
): string | undefined {
  if (bits.length !== Math.ceil(seeding.pieceCount / 8)) return "a bitfield of the wrong length";
  // aria2 sends a bitfield again where that is shorter than HAVE for each new piece.
  if (connection.saidPieces) seeding.gainAll(connection.id, bits, now);
  else seeding.bring(connection.id, bits, now);
  connection.saidPieces = true;
  return undefined;
}

/** BEP 6: HAVE ALL takes the place of the bitfield. aria2 sends it when it is complete, too. */
function receiveHaveAll(receiving: Receiving, connection: Connection): string | undefined {
  if (connection.saidAll) return "that it has all, twice";
  connection.saidAll = true;
  const bytes = Math.ceil(receiving.seeding.pieceCount / 8);
  return receiveBitfield(receiving, connection, new Uint8Array(bytes).fill(0xff));
}

function receiveExtended(
  info: Uint8Array,
  connection: Connection,
  id: number,
  payload: Uint8Array,
): string | undefined {
  if (id === 0) connection.metadataId = parseMetadataId(payload);
  if (id !== OUR_METADATA_ID) return undefined;
  const piece = parseMetadataRequest(payload);
  if (piece === undefined) return undefined;
  if (!connection.requestMetadata(piece)) return "too many requests for metadata";
  connection.flushMetadata(info);
  return undefined;
}

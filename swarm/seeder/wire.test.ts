/** Messages byte by byte: BEP 3, 6 and 10. */

import { expect, test } from "bun:test";
import {
  HAVE_NONE,
  KEEP_ALIVE,
  UNCHOKE,
  writeExtended,
  writeHandshake,
  writeHave,
  writePieceHead,
  writeReject,
} from "./wire.ts";

const HASH = "a".repeat(20);
const PEER = "-XX0000-bbbbbbbbbbbb";
const PROTOCOL = "\x13BitTorrent protocol";
const BLOCK = { piece: 0xfffefdfc, start: 0x4000, length: 0x1234 };

test.each<[string, Uint8Array, string]>([
  [
    "handshake",
    writeHandshake(Buffer.from(HASH), Buffer.from(PEER)),
    `${PROTOCOL}\0\0\0\0\0\x10\0\x04${HASH}${PEER}`,
  ],
  ["keep-alive", KEEP_ALIVE, "\0\0\0\0"],
  ["unchoke", UNCHOKE, "\0\0\0\x01\x01"],
  ["have none", HAVE_NONE, "\0\0\0\x01\x0f"],
  ["have", writeHave(0x01020304), "\0\0\0\x05\x04\x01\x02\x03\x04"],
  ["reject", writeReject(BLOCK), "\0\0\0\x0d\x10\xff\xfe\xfd\xfc\0\0\x40\0\0\0\x12\x34"],
  ["piece", writePieceHead(BLOCK), "\0\0\x12\x3d\x07\xff\xfe\xfd\xfc\0\0\x40\0"],
  ["extended", writeExtended(3, Buffer.from("de")), "\0\0\0\x04\x14\x03de"],
])("%s", (_why, bytes, expected) => {
  expect(Buffer.from(bytes).toString("latin1")).toEqual(expected);
});

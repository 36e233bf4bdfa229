/** A stream of handshake and messages, cut into chunks in every way: BEP 3, 6 and 10. */

import { describe, expect, test } from "bun:test";
import { PeerReader } from "./peer-reader.ts";

const HASH = "a".repeat(20);
const PEER = "-XX0000-bbbbbbbbbbbb";
const PROTOCOL = "\x13BitTorrent protocol";
const GREETING = `${PROTOCOL}\0\0\0\0\0\0\0\0${HASH}${PEER}`;
const LONGEST = 64;

/** What a reader returns for a stream in chunks of `chunk` bytes. */
function readAll(stream: string, chunk: number): unknown[] {
  const reader = new PeerReader(LONGEST);
  const bytes = Buffer.from(stream, "latin1");
  const read: unknown[] = [];
  for (let start = 0; start < bytes.length; start += chunk) {
    // The socket's memory is used again for the next chunk.
    const lent = Uint8Array.from(bytes.subarray(start, start + chunk));
    reader.add(lent);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      read.push(plain(message));
      if (message.kind === "malformed") return read;
    }
    lent.fill(0xff);
  }
  return read;
}

/** Bytes as text, so that expected values are literals. */
function plain(message: object): object {
  return Object.fromEntries(
    Object.entries(message).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value,
    ]),
  );
}

const HANDSHAKE = { kind: "handshake", infoHash: HASH, peerId: PEER, fast: false, extended: false };

describe("PeerReader: the handshake", () => {
  test.each<[string, string, unknown[]]>([
    ["of BEP 3", GREETING, [HANDSHAKE]],
    [
      "with BEP 6 and BEP 10",
      `${PROTOCOL}\0\0\0\0\0\x10\0\x04${HASH}${PEER}`,
      [{ ...HANDSHAKE, fast: true, extended: true }],
    ],
    [
      "with every other bit",
      `${PROTOCOL}\xff\xff\xff\xff\xff\xef\xff\xfb${HASH}${PEER}`,
      [HANDSHAKE],
    ],
    ["not all of it yet", GREETING.slice(0, 67), []],
    ["encrypted", "\x8e".repeat(96), [{ kind: "malformed", reason: "no BitTorrent handshake" }]],
    ["HTTP", "GET / HTTP/1.1\r\n\r\n", [{ kind: "malformed", reason: "no BitTorrent handshake" }]],
    [
      "almost",
      `${PROTOCOL.slice(0, 19)}L`,
      [{ kind: "malformed", reason: "no BitTorrent handshake" }],
    ],
    ["nothing", "", []],
  ])("%s", (_why, stream, expected) => {
    for (const chunk of [1, 7, 1000]) {
      const read = readAll(stream, chunk);
      expect(read).toEqual(expected);
    }
  });
});

describe("PeerReader: messages", () => {
  const block = { piece: 1, start: 0x4000, length: 0x4000 };
  const triple = "\0\0\0\x01\0\0\x40\0\0\0\x40\0";
  test.each<[string, string, unknown[]]>([
    ["keep-alive", "\0\0\0\0", [{ kind: "keep-alive" }]],
    [
      "four without payload",
      "\0\0\0\x01\0\0\0\0\x01\x01\0\0\0\x01\x02\0\0\0\x01\x03",
      [{ kind: "choke" }, { kind: "unchoke" }, { kind: "interested" }, { kind: "not interested" }],
    ],
    ["have", "\0\0\0\x05\x04\xff\xfe\xfd\xfc", [{ kind: "have", piece: 0xfffefdfc }]],
    ["bitfield", "\0\0\0\x03\x05\x80\x01", [{ kind: "bitfield", bits: "\x80\x01" }]],
    ["request", `\0\0\0\x0d\x06${triple}`, [{ kind: "request", block }]],
    ["cancel", `\0\0\0\x0d\x08${triple}`, [{ kind: "cancel", block }]],
    ["port", "\0\0\0\x03\x09\x1a\xe1", [{ kind: "ignored" }]],
    ["suggest, BEP 6", "\0\0\0\x05\x0d\0\0\0\x01", [{ kind: "ignored" }]],
    [
      "have all and have none, BEP 6",
      "\0\0\0\x01\x0e\0\0\0\x01\x0f",
      [{ kind: "have all" }, { kind: "have none" }],
    ],
    ["reject, BEP 6", `\0\0\0\x0d\x10${triple}`, [{ kind: "ignored" }]],
    ["extended, BEP 10", "\0\0\0\x04\x14\0de", [{ kind: "extended", id: 0, payload: "de" }]],
    ["a number that nobody gave away", "\0\0\0\x03\xc8..", [{ kind: "ignored" }]],
    ["the longest", `\0\0\0\x40\xc8${".".repeat(63)}`, [{ kind: "ignored" }]],
    ["longer", "\0\0\0\x41\xc8", [{ kind: "malformed", reason: "a message of 65 bytes" }]],
    [
      "as long as can be",
      "\xff\xff\xff\xff",
      [{ kind: "malformed", reason: "a message of 4294967295 bytes" }],
    ],
    [
      "have, too long",
      "\0\0\0\x06\x04\0\0\0\0\0",
      [{ kind: "malformed", reason: "a message 4 with 5 bytes" }],
    ],
    [
      "request, too short",
      "\0\0\0\x09\x06\0\0\0\0\0\0\0\0",
      [{ kind: "malformed", reason: "a message 6 with 8 bytes" }],
    ],
    [
      "interested, with more",
      "\0\0\0\x02\x02\0",
      [{ kind: "malformed", reason: "a message 2 with 1 bytes" }],
    ],
    [
      "a block for us",
      "\0\0\0\x0a\x07\0\0\0\0\0\0\0\0!",
      [{ kind: "malformed", reason: "a block that was not requested" }],
    ],
    [
      "extended without a number",
      "\0\0\0\x01\x14",
      [{ kind: "malformed", reason: "an extended message without its id" }],
    ],
    ["not all of it yet", "\0\0\0\x05\x04\0\0\0", []],
    [
      "a handshake again",
      GREETING,
      [{ kind: "malformed", reason: "a message of 323119476 bytes" }],
    ],
  ])("%s", (_why, stream, expected) => {
    for (const chunk of [1, 7, 1000]) {
      const read = readAll(GREETING + stream, chunk);
      expect(read).toEqual([HANDSHAKE, ...expected]);
    }
  });

  test("A message that has begun is copied out of the chunk's memory", () => {
    const reader = new PeerReader(LONGEST);
    const lent = Buffer.from(`${GREETING}\0\0\0\x01\x02`, "latin1");
    reader.add(lent);
    reader.next();
    reader.hold();
    lent.fill(0xff);
    expect(reader.next()).toEqual({ kind: "interested" });
  });

  test("The reader holds no more than one message", () => {
    const reader = new PeerReader(LONGEST);
    reader.add(Buffer.from(`${GREETING}\0\0\0\x40${".".repeat(10)}`, "latin1"));
    const kinds = [reader.next()?.kind, reader.next()?.kind, reader.waiting];
    expect(kinds).toEqual(["handshake", undefined, 14]);
  });
});

/**
 * Dragonfly against the executable. Its peers (dfget v0.4.1, byte by byte as they
 * send it) fetch pieces of a file that the supernode is still writing; the supernode
 * and v2 fetch it as from an origin. Writers and peers wait for each other, never
 * for time.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Running, startBinary } from "./binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { Wire, type WireResponse } from "./wire.ts";

// Real processes and many megabytes take longer than a unit.
setDefaultTimeout(60_000);

const MiB = 1024 * 1024;
/** Nine pieces of 4 MiB and a shorter one. */
const LENGTH = 40_000_050;
const PIECE = pieceSize(LENGTH);
const PIECES = Math.ceil(LENGTH / PIECE);
const FILE = offsetBytes(LENGTH);

/** HOME/repo of a supernode. */
const repository = temporaryDirectory();
let server: Running;

beforeAll(async () => {
  server = await startBinary(["--host", "127.0.0.1", "--prefix", "/", repository]);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(repository, { recursive: true, force: true });
});

/** 4 MiB up to 200 MiB of file, and one more for each further 100 MiB, up to 15. */
function pieceSize(length: number): number {
  if (length <= 200 * MiB) return 4 * MiB;
  return Math.min(4 * MiB + (Math.floor(length / (100 * MiB)) - 2) * MiB, 15 * MiB);
}

/** A task of its own: the path in a URL, and the file, whose directory is there. */
function task(name: string): { readonly path: string; readonly file: string } {
  const id = Bun.CryptoHasher.hash("sha256", name, "hex");
  const path = `/download/${id.slice(0, 3)}/${id}`;
  const file = join(repository, path);
  mkdirSync(dirname(file), { recursive: true });
  return { path, file };
}

/** A peer's request for a piece, which always ends at a whole piece. */
function pieceRequest(path: string, piece: number, size = PIECE): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${server.port}`,
    "User-Agent: dfget/0.4.1",
    `Piecenum: ${piece}`,
    `Piecesize: ${size}`,
    `Range: bytes=${piece * size}-${(piece + 1) * size - 1}`,
    "\r\n",
  ].join("\r\n");
}

function bytesOf(piece: number, content: Buffer = FILE): Buffer {
  return content.subarray(piece * PIECE, (piece + 1) * PIECE);
}

/** What decides whether a peer can use an answer; `chunked` and `coded` only when it is. */
function describe({ status, fields, complete }: WireResponse) {
  return {
    status,
    range: fields["content-range"],
    length: Number(fields["content-length"]),
    ...(fields["transfer-encoding"] === undefined ? {} : { chunked: true }),
    ...(fields["content-encoding"] === undefined ? {} : { coded: true }),
    ...(complete ? {} : { complete }),
  };
}

/** Asks on a connection of its own, as bytes. */
async function exchange(request: string): Promise<WireResponse> {
  using wire = await Wire.connect(server.port);
  wire.send(request);
  return await wire.response();
}

/** A file that comes into being: each piece is written, and then has been begun to be read. */
interface Growth {
  readonly path: string;
  readonly written: readonly PromiseWithResolvers<void>[];
  readonly begun: readonly PromiseWithResolvers<void>[];
}

function growth(path: string): Growth {
  const signals = () => Array.from({ length: PIECES }, () => Promise.withResolvers<void>());
  return { path, written: signals(), begun: signals() };
}

/** Writes pieces one after the other, each while the one before is on its way to a peer. */
async function write(handle: FileHandle, pieces: Iterator<number>, into: Growth): Promise<void> {
  for (let next = pieces.next(); !next.done; next = pieces.next()) {
    const piece = next.value;
    await handle.write(bytesOf(piece), 0, bytesOf(piece).length, piece * PIECE);
    into.written[piece]?.resolve();
    await into.begun[piece]?.promise;
  }
}

/** A peer: four pieces in flight, in the order in which they are written. */
async function download(from: Growth, order: readonly number[]) {
  const file = Buffer.alloc(LENGTH);
  const answers: string[] = [];
  const pieces = order.values();
  async function lane(): Promise<void> {
    using wire = await Wire.connect(server.port);
    for (const piece of pieces) {
      await from.written[piece]?.promise;
      // A peer looks whether the port is open, and sends nothing.
      using _bare = await Wire.connect(server.port);
      wire.send(pieceRequest(from.path, piece));
      await wire.waitFor(1);
      from.begun[piece]?.resolve();
      const { status, fields, body } = await wire.response();
      // The total is whatever had been written at that moment, in the middle of a piece too.
      const framing = fields["transfer-encoding"] ?? "by length";
      answers[piece] = `${status} ${fields["content-range"]?.split("/")[0]} ${framing}`;
      body.copy(file, piece * PIECE);
    }
  }
  await Promise.all([lane(), lane(), lane(), lane()]);
  return { answers, identical: file.equals(FILE) };
}

const EVERY_PIECE = [
  "206 bytes 0-4194303 by length",
  "206 bytes 4194304-8388607 by length",
  "206 bytes 8388608-12582911 by length",
  "206 bytes 12582912-16777215 by length",
  "206 bytes 16777216-20971519 by length",
  "206 bytes 20971520-25165823 by length",
  "206 bytes 25165824-29360127 by length",
  "206 bytes 29360128-33554431 by length",
  "206 bytes 33554432-37748735 by length",
  "206 bytes 37748736-40000049 by length",
];

test.each<[string, number, readonly number[]]>([
  ["in order by one writer", 1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ["out of order by four writers, with holes", 4, [3, 9, 0, 6, 8, 1, 7, 2, 5, 4]],
  ["from its end by four writers, with holes", 4, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]],
])("Three peers get a file that is written %s", async (why, writers, order) => {
  const { path, file } = task(why);
  const growing = growth(path);
  const handle = await open(file, "w");
  const rest = order.values();
  const [peers] = await Promise.all([
    Promise.all([1, 2, 3].map(() => download(growing, order))),
    ...Array.from({ length: writers }, () => write(handle, rest, growing)),
  ]);
  await handle.close();
  const got = { answers: EVERY_PIECE, identical: true };
  expect(peers).toEqual([got, got, got]);
});

test("A piece that isn't there yet is 416, and 206 as soon as it is written", async () => {
  const { path, file } = task("one connection");
  const descriptor = openSync(file, "w");
  using wire = await Wire.connect(server.port);
  const observed: string[] = [];
  for (let piece = 0; piece < PIECES; piece++) {
    writeSync(descriptor, bytesOf(piece), 0, bytesOf(piece).length, piece * PIECE);
    for (const asked of [piece, piece + 1]) {
      wire.send(pieceRequest(path, asked));
      const { status, fields, body } = await wire.response();
      const right = status === 416 || body.equals(bytesOf(asked));
      observed.push(`${status} ${fields["content-range"]} ${right}`);
    }
  }
  closeSync(descriptor);
  expect(observed).toEqual([
    "206 bytes 0-4194303/4194304 true",
    "416 bytes */4194304 true",
    "206 bytes 4194304-8388607/8388608 true",
    "416 bytes */8388608 true",
    "206 bytes 8388608-12582911/12582912 true",
    "416 bytes */12582912 true",
    "206 bytes 12582912-16777215/16777216 true",
    "416 bytes */16777216 true",
    "206 bytes 16777216-20971519/20971520 true",
    "416 bytes */20971520 true",
    "206 bytes 20971520-25165823/25165824 true",
    "416 bytes */25165824 true",
    "206 bytes 25165824-29360127/29360128 true",
    "416 bytes */29360128 true",
    "206 bytes 29360128-33554431/33554432 true",
    "416 bytes */33554432 true",
    "206 bytes 33554432-37748735/37748736 true",
    "416 bytes */37748736 true",
    "206 bytes 37748736-40000049/40000050 true",
    "416 bytes */40000050 true",
  ]);
});

test("A task that is deleted and created again is another file at once", async () => {
  const { path, file } = task("again");
  const other = offsetBytes(LENGTH - PIECE, "a");
  using idle = await Wire.connect(server.port);
  using slow = await Wire.connect(server.port);
  const observed: [number, string | undefined, string][] = [];
  async function ask(piece: number): Promise<void> {
    idle.send(pieceRequest(path, piece));
    const { status, fields, body } = await idle.response();
    const known = body.equals(bytesOf(piece))
      ? "old bytes"
      : body.equals(bytesOf(piece, other))
        ? "new bytes"
        : "no piece";
    observed.push([status, fields["content-range"], known]);
  }
  writeFileSync(file, FILE);
  await ask(9);
  slow.send(pieceRequest(path, 1));
  await slow.waitFor(1);
  slow.pause();
  unlinkSync(file);
  await ask(1);
  writeFileSync(file, other);
  await ask(1);
  await ask(8);
  await ask(9);
  slow.resume();
  const { body, complete } = await slow.response();
  expect({ observed, slow: { complete, old: body.equals(bytesOf(1)) } }).toEqual({
    observed: [
      [206, "bytes 37748736-40000049/40000050", "old bytes"],
      [404, undefined, "no piece"],
      [206, "bytes 4194304-8388607/35805746", "new bytes"],
      [206, "bytes 33554432-35805745/35805746", "new bytes"],
      [416, "bytes */35805746", "no piece"],
    ],
    slow: { complete: true, old: true },
  });
});

test("Connections that send nothing and connections that idle disturb nobody", async () => {
  const { path, file } = task("idle");
  writeFileSync(file, FILE);
  const bare = await Promise.all(Array.from({ length: 50 }, () => Wire.connect(server.port)));
  const kept = await Promise.all(Array.from({ length: 12 }, () => Wire.connect(server.port)));
  const observed = new Set<string>();
  for (const piece of [9, 0]) {
    const asked = kept.map(async (wire) => {
      wire.send(pieceRequest(path, piece));
      const { status, body } = await wire.response();
      observed.add(`${piece}: ${status} ${body.equals(bytesOf(piece))}`);
    });
    await Promise.all(asked);
    for (const wire of bare.splice(0, 25)) wire[Symbol.dispose]();
  }
  for (const wire of kept) wire[Symbol.dispose]();
  expect([...observed]).toEqual(["9: 206 true", "0: 206 true"]);
});

test.each<[string, number, number, readonly number[]]>([
  ["200 MiB", 200 * MiB, 4 * MiB, [0, 49]],
  ["301 MiB and 17 bytes", 301 * MiB + 17, 5 * MiB, [0, 60]],
  ["1 GiB less one byte", 1024 * MiB - 1, 12 * MiB, [0, 85]],
  ["5 GiB and 17 bytes", 5120 * MiB + 17, 15 * MiB, [0, 273, 341]],
])("Pieces of a file of %s have their size and bytes", async (why, length, size, pieces) => {
  const { path, file } = task(why);
  const descriptor = openSync(file, "w");
  ftruncateSync(descriptor, length);
  // A mark every MiB tells its own place; the rest of the file is a hole.
  const wanted = pieces.map((piece) => {
    const [start, end] = [piece * size, Math.min((piece + 1) * size, length)];
    const bytes = Buffer.alloc(end - start);
    for (let at = start; at + 16 <= end; at += MiB) bytes.write(`${at}`.padStart(16), at - start);
    writeSync(descriptor, bytes, 0, bytes.length, start);
    return { range: `bytes ${start}-${end - 1}/${length}`, status: 206, bytes };
  });
  closeSync(descriptor);
  const observed = [];
  for (const [index, piece] of pieces.entries()) {
    const { status, fields, body } = await exchange(pieceRequest(path, piece, size));
    observed.push([status, fields["content-range"], body.equals(wanted[index]!.bytes)]);
  }
  unlinkSync(file);
  expect([pieceSize(length), observed]).toEqual([
    size,
    wanted.map(({ status, range }) => [status, range, true]),
  ]);
});

test("A link inside the repository leads to its file", async () => {
  const { path, file } = task("link");
  mkdirSync(join(repository, "qtdown"), { recursive: true });
  writeFileSync(file, FILE);
  symlinkSync(`..${path}`, join(repository, "qtdown", "x"));
  const { status, fields, body } = await exchange(pieceRequest("/qtdown/x", 9));
  expect([status, fields["content-range"], body.equals(bytesOf(9))]).toEqual([
    206,
    "bytes 37748736-40000049/40000050",
    true,
  ]);
});

/** A GET of the supernode, whose HTTP library adds the coding by itself where there is no Range. */
function originRequest(path: string, fields: readonly string[]): string {
  const agent = "User-Agent: Go-http-client/1.1";
  const coding = fields.some((field) => field.startsWith("Range")) ? [] : ["Accept-Encoding: gzip"];
  const lines = [`Host: 127.0.0.1:${server.port}`, agent, ...fields, ...coding];
  return `GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`;
}

test("A supernode probes, downloads, revalidates and resumes from its origin", async () => {
  const { path, file } = task("origin");
  writeSettled(file, FILE);
  // The probe is given up as soon as its header is there.
  const aborted = await Wire.connect(server.port);
  aborted.send(originRequest(path, []));
  await aborted.waitFor(1000);
  aborted[Symbol.dispose]();

  const full = await exchange(originRequest(path, []));
  const [date, tag] = [full.fields["last-modified"] ?? "", full.fields["etag"] ?? ""];
  const conditions = [`If-Modified-Since: ${date}`, `If-None-Match: ${tag}`];
  const unchanged = await exchange(originRequest(path, conditions));
  const probe = await exchange(originRequest(path, ["Range: bytes=0-0"]));
  const half = await exchange(originRequest(path, [`Range: bytes=20000025-${LENGTH - 1}`]));
  writeFileSync(file, FILE.subarray(1));
  const changed = await exchange(originRequest(path, conditions));

  const observed = { full, unchanged, probe, half, changed };
  const described = Object.entries(observed).map(([step, answer]) => [step, describe(answer)]);
  const bodies = [
    full.body.equals(FILE),
    probe.body.equals(FILE.subarray(0, 1)),
    half.body.equals(FILE.subarray(20_000_025)),
    changed.body.equals(FILE.subarray(1)),
  ];
  expect([Object.fromEntries(described), bodies]).toEqual([
    {
      full: { status: 200, range: undefined, length: 40_000_050 },
      unchanged: { status: 304, range: undefined, length: NaN },
      probe: { status: 206, range: "bytes 0-0/40000050", length: 1 },
      half: { status: 206, range: "bytes 20000025-40000049/40000050", length: 20_000_025 },
      changed: { status: 200, range: undefined, length: 40_000_049 },
    },
    [true, true, true, true],
  ]);
});

test("Dragonfly v2 is told the length and gets the pieces that it asks for", async () => {
  const { path, file } = task("v2");
  writeSettled(file, FILE);
  using wire = await Wire.connect(server.port);
  const observed = [];
  for (const [first, last] of [
    [0, 0],
    [4_194_304, 8_388_607],
    [37_748_736, 40_000_049],
    [40_000_050, 40_000_050],
  ] as const) {
    const fields = [`range: bytes=${first}-${last}`, "accept: */*"];
    const lines = [...fields, `host: 127.0.0.1:${server.port}`];
    wire.send(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    const answer = await wire.response();
    const right = answer.status === 416 || answer.body.equals(FILE.subarray(first, last + 1));
    observed.push({ ...describe(answer), right });
  }
  expect(observed).toEqual([
    { status: 206, range: "bytes 0-0/40000050", length: 1, right: true },
    { status: 206, range: "bytes 4194304-8388607/40000050", length: 4_194_304, right: true },
    { status: 206, range: "bytes 37748736-40000049/40000050", length: 2_251_314, right: true },
    { status: 416, range: "bytes */40000050", length: 48, right: true },
  ]);
});

/** The seeder on a real socket, with peers that send any bytes. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { networkInterfaces } from "node:os";
import { makeSample, peerId, RawPeer, type Sample, seed } from "../../test/raw-peer.ts";
import type { Torrent } from "../bittorrent/torrent.ts";
import type { SeedLookup } from "./upload.ts";
import { BLOCK, writeHandshake } from "./wire.ts";

// Limits of time are looked at once a second.
setDefaultTimeout(15_000);

const PIECE = 2 * BLOCK;
const sample = makeSample(5 * PIECE + 1000, PIECE);

/** More pieces than one peer is shown at first. */
const wide = makeSample(40 * PIECE, PIECE);

const HAS_IPV6 = networkInterfaces()["lo"]?.some(({ family }) => family === "IPv6") ?? false;

const ID = { unchoke: 1, have: 4, piece: 7, reject: 16, extended: 20 } as const;

function request(piece: number, start: number, length: number, id = 6): Buffer {
  const bytes = Buffer.alloc(17);
  bytes.writeUInt32BE(13, 0);
  bytes[4] = id;
  [piece, start, length].forEach((value, i) => bytes.writeUInt32BE(value, 5 + 4 * i));
  return bytes;
}

/** A message as text, numbers first. */
function tell(message: Buffer | undefined): string {
  if (message === undefined) return "closed";
  const [id = -1] = message;
  switch (id) {
    case ID.have:
      return `have ${message.readUInt32BE(1)}`;
    case ID.piece:
      return `piece ${message.readUInt32BE(1)} ${message.readUInt32BE(5)} ${message.length - 9}`;
    case ID.reject:
      return `reject ${[1, 5, 9].map((offset) => message.readUInt32BE(offset)).join(" ")}`;
    case ID.extended:
      return `extended ${message[1]} ${message.subarray(2).toString("latin1")}`;
    default:
      return String(id);
  }
}

async function tellNext(peer: RawPeer, count: number): Promise<string[]> {
  const told: string[] = [];
  for (let i = 0; i < count; i++) told.push(tell(await peer.message()));
  return told;
}

/** Downloads all that is shown until it is the whole file. */
async function download(peer: RawPeer, { torrent, bytes }: Sample): Promise<boolean> {
  const received = Buffer.alloc(bytes.length);
  for (let left = bytes.length; left > 0;) {
    const message = await peer.message();
    if (message === undefined) return false;
    if (message[0] === ID.have) {
      const piece = message.readUInt32BE(1);
      const end = Math.min(torrent.pieceLength, bytes.length - piece * torrent.pieceLength);
      for (let start = 0; start < end; start += BLOCK) {
        peer.say(request(piece, start, Math.min(BLOCK, end - start)));
      }
    } else if (message[0] === ID.piece) {
      const offset = message.readUInt32BE(1) * torrent.pieceLength + message.readUInt32BE(5);
      message.copy(received, offset, 9);
      left -= message.length - 9;
    }
  }
  return received.equals(bytes);
}

describe("What the seeder sends", () => {
  test("to a peer with extensions", async () => {
    using seeding = seed(sample);
    using peer = await RawPeer.connect(seeding.port);
    peer.say(writeHandshake(sample.torrent.infoHash, peerId("1")));
    const handshake = await peer.take(68);
    const size = sample.torrent.info.length;
    expect([handshake.toString("latin1"), await tellNext(peer, 5)]).toEqual([
      `\x13BitTorrent protocol\0\0\0\0\0\x10\0\x04${Buffer.from(sample.torrent.infoHash).toString("latin1")}${seeding.seeder.peerId.toString("latin1")}`,
      [
        "15",
        `extended 0 d1:md11:ut_metadatai1ee13:metadata_sizei${size}e1:pi${seeding.port}e4:reqqi500e1:v8:rangesrve`,
        "1",
        "have 0",
        "have 1",
      ],
    ]);
    expect(seeding.seeder.peerId.toString("latin1")).toStartWith("-RS0100-");
  });

  test("to a peer without extensions", async () => {
    using seeding = seed(wide);
    using peer = await RawPeer.connect(seeding.port);
    const handshake = writeHandshake(wide.torrent.infoHash, peerId("1")).fill(0, 20, 28);
    peer.say(handshake);
    await peer.take(68);
    const told = await tellNext(peer, 2);
    // Without BEP 6 there is no rejection: the answer is that to the second request.
    peer.say(request(39, 0, BLOCK));
    peer.say(request(0, 0, BLOCK));
    const [answer] = (await tellNext(peer, 8)).filter((line) => !line.startsWith("have"));
    expect([told, answer]).toEqual([["1", "have 0"], `piece 0 0 ${BLOCK}`]);
  });

  test("to Transmission, which requests once a second: it is shown more pieces when the link is idle", async () => {
    using seeding = seed(wide);
    using peer = await RawPeer.connect(seeding.port);
    const id = Buffer.from("-TR3000-000000000001", "latin1");
    peer.say(writeHandshake(wide.torrent.infoHash, id));
    await peer.take(68);
    for (let piece = 0; piece < 8; piece++) {
      await peer.messageOf(ID.have);
      for (const start of [0, BLOCK]) peer.say(request(piece, start, BLOCK));
    }
    let told = "";
    while (told !== "have 39" && told !== "closed") told = tell(await peer.messageOf(ID.have));
    expect(told).toEqual("have 39");
  });

  test("to a peer whose handshake comes in two parts, with a request behind it", async () => {
    using seeding = seed(wide);
    using peer = await RawPeer.connect(seeding.port);
    const handshake = writeHandshake(wide.torrent.infoHash, peerId("1"));
    peer.say(handshake.subarray(0, 30));
    peer.say(Buffer.concat([handshake.subarray(30), request(39, 0, 10)]));
    await peer.take(68);
    expect(tell(await peer.messageOf(ID.reject))).toEqual("reject 39 0 10");
  });

  test("the info dictionary, for magnet links", async () => {
    const large = makeSample(1000 * BLOCK, BLOCK);
    using seeding = seed(large);
    using peer = await RawPeer.join(seeding.port, large);
    peer.say(extended(0, "d1:md11:ut_metadatai9eee"));
    for (const piece of [1, 0, 2]) peer.say(extended(1, `d8:msg_typei0e5:piecei${piece}ee`));
    const own = await peer.messageOf(ID.extended);
    const pieces: string[] = [];
    for (let i = 0; i < 3; i++) {
      pieces.push((await peer.messageOf(ID.extended))?.toString("latin1") ?? "");
    }
    const info = Buffer.from(large.torrent.info).toString("latin1");
    const head = (piece: number) =>
      `\x14\x09d8:msg_typei1e5:piecei${piece}e10:total_sizei${info.length}ee`;
    expect([own?.[1], info.length > 16_384, pieces]).toEqual([
      0,
      true,
      [
        head(1) + info.slice(16_384),
        head(0) + info.slice(0, 16_384),
        "\x14\x09d8:msg_typei2e5:piecei2ee",
      ],
    ]);
  });

  test("the bytes of the file", async () => {
    using seeding = seed(sample);
    using peer = await RawPeer.join(seeding.port, sample);
    const whole = await download(peer, sample);
    expect([whole, seeding.seeder.stats()]).toEqual([
      true,
      {
        connections: 1,
        uploads: [{ name: "sample", peers: 1, bytes: sample.bytes.length, repeated: 0 }],
      },
    ]);
    const { peers, totals } = seeding.seeder.figures;
    expect([peers, totals.bytes, totals.requests.accepted > 0]).toEqual([
      ...[1, sample.bytes.length, true],
    ]);
  });

  test("the bytes of a file that is read from disk first", async () => {
    const read = async (start: number, end: number) => {
      await Bun.file(import.meta.path).text();
      return sample.bytes.subarray(start, end);
    };
    using seeding = seed(sample, { read });
    using one = await RawPeer.join(seeding.port, sample, "1");
    using other = await RawPeer.join(seeding.port, sample, "2");
    expect(await Promise.all([download(one, sample), download(other, sample)])).toEqual([
      true,
      true,
    ]);
  });
});

describe("What a peer may do", () => {
  test("cancel: a request that waits is rejected, any other is not", async () => {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const { promise: isReading, resolve: begin } = Promise.withResolvers<void>();
    using seeding = seed(sample, { read: () => (begin(), promise) });
    using peer = await RawPeer.join(seeding.port, sample);
    await peer.messageOf(ID.have);
    peer.say(request(0, 0, BLOCK));
    await isReading;
    peer.say(request(0, BLOCK, 2));
    // The first is being read; the third was never asked for.
    for (const start of [0, BLOCK, 7]) peer.say(request(0, start, start === 0 ? BLOCK : 2, 8));
    const rejected = tell(await peer.messageOf(ID.reject));
    resolve(sample.bytes.subarray(0, BLOCK));
    const next = tell(await peer.messageOf(ID.piece));
    expect([rejected, next]).toEqual([`reject 0 ${BLOCK} 2`, `piece 0 0 ${BLOCK}`]);
  });

  test("stop reading: the seeder holds no more than the kernel does", async () => {
    let reads = 0;
    const read = (start: number, end: number) => (reads++, large.bytes.subarray(start, end));
    const large = makeSample(16 * 1024 * 1024, 8 * 1024 * 1024);
    using seeding = seed(large, { read });
    using peer = await RawPeer.join(seeding.port, large);
    await peer.messageOf(ID.have);
    peer.pause();
    peer.say(Buffer.concat(Array.from({ length: 400 }, (_, i) => request(0, i * BLOCK, BLOCK))));
    // The rejection of another's request comes behind all that is done for this one.
    using other = await RawPeer.join(seeding.port, large, "2");
    for (let turn = 0; turn < 3; turn++) {
      other.say(request(1, 0, 1));
      await other.messageOf(ID.reject);
    }
    expect(reads < 200 ? "fewer than 200" : reads).toEqual("fewer than 200");
  });
});

function extended(id: number, payload: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(2 + payload.length);
  head[4] = ID.extended;
  head[5] = id;
  return Buffer.concat([head, Buffer.from(payload, "latin1")]);
}

describe("The seeder ends a connection", () => {
  const unknown = writeHandshake(new Uint8Array(20), peerId("1"));
  test.each<[string, Uint8Array]>([
    ["an unknown torrent", unknown],
    ["an encrypted handshake", new Uint8Array(96).fill(0x8e)],
    ["a web browser", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    [
      "more behind a handshake than waits for the look-up",
      Buffer.concat([unknown, new Uint8Array(100_000)]),
    ],
  ])("before the peer has joined: %s", async (_why, bytes) => {
    using seeding = seed(sample);
    using peer = await RawPeer.connect(seeding.port);
    peer.say(bytes);
    expect([await peer.closed(), seeding.seeder.stats()]).toEqual([
      true,
      { connections: 0, uploads: [] },
    ]);
  });

  test.each<[string, Uint8Array]>([
    ["a length past all bounds", Buffer.from("ffffffff06", "hex")],
    ["a block for us", Buffer.from("0000000907000000000000000000", "hex")],
    ["a piece past the end", Buffer.from("000000050400000006", "hex")],
    ["a bitfield too short", Buffer.from("0000000105", "hex")],
    ["a bitfield too long", Buffer.from("00000003058000", "hex")],
    ["that it has all, twice", Buffer.from("000000010e" + "000000010e", "hex")],
    ["a request past the last piece", request(6, 0, BLOCK)],
    ["a request past the end of a piece", request(0, BLOCK, BLOCK + 1)],
    ["a request past the end of the file", request(5, 0, 1001)],
    ["a request whose sum wraps", request(0, 0xffffffff, BLOCK)],
    ["a request for nothing", request(0, 0, 0)],
    ["a request for too much", request(0, 0, PIECE)],
    [
      "too many requests for metadata",
      Buffer.concat([
        extended(0, "de"),
        ...Array.from({ length: 300 }, () => extended(1, "d8:msg_typei0e5:piecei0ee")),
      ]),
    ],
  ])("%s", async (_why, bytes) => {
    // Nothing is read, so that what was asked for stays asked for.
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    using seeding = seed(sample, { read: () => promise });
    using good = await RawPeer.join(seeding.port, sample, "1");
    using bad = await RawPeer.join(seeding.port, sample, "2");
    await bad.messageOf(ID.unchoke);
    bad.say(bytes);
    const ended = await bad.closed();
    good.say(request(0, 0, BLOCK));
    resolve(sample.bytes.subarray(0, BLOCK));
    const block = tell(await good.messageOf(ID.piece));
    expect([ended, block, seeding.seeder.stats().connections]).toEqual([
      true,
      `piece 0 0 ${BLOCK}`,
      1,
    ]);
  });

  test("after too many requests", async () => {
    const { promise } = Promise.withResolvers<Uint8Array>();
    using seeding = seed(sample, { read: () => promise });
    using peer = await RawPeer.join(seeding.port, sample);
    await peer.messageOf(ID.have);
    peer.say(Buffer.concat(Array.from({ length: 502 }, () => request(0, 0, 1000))));
    expect(await peer.closed()).toEqual(true);
  });

  test("of a peer that is connected already, and to itself", async () => {
    using seeding = seed(sample);
    using first = await RawPeer.join(seeding.port, sample, "1");
    using second = await RawPeer.connect(seeding.port);
    second.say(writeHandshake(sample.torrent.infoHash, peerId("1")));
    using own = await RawPeer.connect(seeding.port);
    own.say(writeHandshake(sample.torrent.infoHash, seeding.seeder.peerId));
    const ended = [await second.closed(), await own.closed()];
    expect([ended, await download(first, sample)]).toEqual([[true, true], true]);
  });

  test.if(HAS_IPV6)("Not who has the id of another, at another address", async () => {
    using seeding = seed(sample, { host: "::" });
    using thief = await RawPeer.join(seeding.port, sample, "1", "::1");
    using owner = await RawPeer.join(seeding.port, sample, "1", "127.0.0.1");
    using again = await RawPeer.connect(seeding.port, "127.0.0.1");
    again.say(writeHandshake(sample.torrent.infoHash, peerId("1")));
    const ended = await again.closed();
    thief[Symbol.dispose]();
    expect([ended, await download(owner, sample)]).toEqual([true, true]);
  });

  test("but not of a peer that was gone and comes again", async () => {
    using seeding = seed(sample);
    const first = await RawPeer.join(seeding.port, sample, "1");
    first[Symbol.dispose]();
    // Until its end was seen here, which takes a turn of the loop.
    while (seeding.seeder.stats().connections > 0) await Bun.sleep(1);
    using again = await RawPeer.join(seeding.port, sample, "1");
    expect(await download(again, sample)).toEqual(true);
  });

  // These wait for the seeder to look at its clock, all at once.
  test.concurrent("More than a limit", async () => {
    using seeding = seed(sample, { limits: { connectionsPerSource: 2 } });
    using one = await RawPeer.join(seeding.port, sample, "1");
    using two = await RawPeer.join(seeding.port, sample, "2");
    using three = await RawPeer.connect(seeding.port);
    const ended = await three.closed();
    const whole = await Promise.all([download(one, sample), download(two, sample)]);
    expect([ended, whole]).toEqual([true, [true, true]]);
  });

  test.concurrent.each<[string, number, (peer: RawPeer) => void | Promise<void>]>([
    ["who doesn't say what it wants", 5001, () => {}],
    [
      "who says half of it",
      5001,
      (peer) => peer.say(writeHandshake(sample.torrent.infoHash, peerId("1")).subarray(0, 50)),
    ],
    [
      "who is silent",
      150_001,
      async (peer) => {
        peer.say(writeHandshake(sample.torrent.infoHash, peerId("1")));
        // It has been heard when it is answered.
        await peer.take(68);
      },
    ],
  ])("by time: %s", async (_why, later, act) => {
    let now = 1000;
    using seeding = seed(sample, { now: () => now });
    using peer = await RawPeer.connect(seeding.port);
    while (seeding.seeder.stats().connections === 0) await Bun.sleep(1);
    await act(peer);
    const early = await Promise.race([peer.closed(), Bun.sleep(1)]);
    now += later;
    expect([early, await peer.closed()]).toEqual([undefined, true]);
  });

  test.concurrent("Not who says its pieces by bits again and again, as aria2 does", async () => {
    using seeding = seed(sample);
    using peer = await RawPeer.join(seeding.port, sample);
    for (const bits of ["00", "80", "c0", "fc"]) {
      peer.say(Buffer.from(`0000000102${"0000000205"}${bits}`, "hex"));
    }
    using other = await RawPeer.join(seeding.port, sample, "2");
    expect(await download(other, sample)).toEqual(true);
    peer.say(Buffer.from("0000000103", "hex"));
    expect(await peer.closed()).toEqual(true);
  });

  test.concurrent("Who has everything and wants nothing", async () => {
    using seeding = seed(sample);
    using good = await RawPeer.join(seeding.port, sample, "1");
    using done = await RawPeer.join(seeding.port, sample, "2");
    done.say(Buffer.from("0000000102" + "0000000103" + "000000010e", "hex"));
    expect([await done.closed(), await download(good, sample)]).toEqual([true, true]);
  });

  test.concurrent("Whoever floods", async () => {
    using seeding = seed(sample, { limits: { idleMessages: 1000 } });
    using good = await RawPeer.join(seeding.port, sample, "1");
    using bad = await RawPeer.join(seeding.port, sample, "2");
    bad.say(new Uint8Array(4 * 2000));
    expect([await bad.closed(), await download(good, sample)]).toEqual([true, true]);
  });
});

describe("A peer that the tracker names", () => {
  test("is connected to, once, if the torrent is ours", async () => {
    using seeding = seed(sample);
    const greetings: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    using listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, bytes) {
          if (greetings.push(bytes.subarray(0, 68).toString("latin1")) > 1) return;
          socket.write(writeHandshake(sample.torrent.infoHash, peerId("9")));
          resolve();
        },
      },
    });
    const peer = { hostname: "127.0.0.1", port: listener.port, peerId: peerId("9") };
    const { infoHash } = sample.torrent;
    const other = new Uint8Array(20);
    await Promise.all([
      seeding.seeder.invite(other, peer),
      seeding.seeder.invite(infoHash, peer),
      seeding.seeder.invite(infoHash, peer),
    ]);
    await promise;
    while (seeding.seeder.stats().uploads[0]?.peers !== 1) await Bun.sleep(1);
    expect([greetings[0], seeding.seeder.stats().connections]).toEqual([
      Buffer.from(writeHandshake(infoHash, seeding.seeder.peerId)).toString("latin1"),
      1,
    ]);
  });

  test("may be out of reach, or want another torrent", async () => {
    const torrents = [sample, wide];
    const library = {
      find: async (infoHash: Uint8Array) => {
        const found = torrents.find(
          ({ torrent }) => Buffer.compare(torrent.infoHash, infoHash) === 0,
        );
        if (found === undefined) return { kind: "unknown" as const };
        const { torrent } = found;
        return { kind: "seed" as const, seed: { torrent, read: () => new Uint8Array() } };
      },
    };
    using seeding = seed(sample, { library });
    using gone = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = gone;
    gone.stop(true);
    const { promise, resolve } = Promise.withResolvers<true>();
    let greeted = false;
    using listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          if (!greeted) socket.write(writeHandshake(wide.torrent.infoHash, peerId("8")));
          greeted = true;
        },
        close: () => resolve(true),
      },
    });
    const { infoHash } = sample.torrent;
    const hostname = "127.0.0.1";
    await Promise.all([
      seeding.seeder.invite(infoHash, { hostname, port, peerId: peerId("7") }),
      seeding.seeder.invite(infoHash, { hostname, port: listener.port, peerId: peerId("8") }),
    ]);
    expect([await promise, seeding.lines]).toEqual([true, []]);
  });

  test("is refused by uTP", async () => {
    using seeding = seed(sample);
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: (_socket, packet) => resolve(packet.toString("hex")) },
    });
    const syn = Buffer.from("410032ff2b75b3e1000000000000000083240000", "hex");
    // The seeder's own socket may not be there yet, and UDP may be lost.
    const timer = setInterval(() => socket.send(syn, seeding.port, "127.0.0.1"), 10);
    const answer = await promise;
    clearInterval(timer);
    socket.close();
    expect(answer).toEqual("310032ff00000000000000000000000000008324");
  });
});

describe("A torrent whose bytes changed", () => {
  test.each<[string, (error: Error) => Promise<Uint8Array>]>([
    [
      "seen at once",
      (error) => {
        throw error;
      },
    ],
    ["seen later", (error) => Promise.reject(error)],
  ])("%s: its connections end, and it is looked up again", async (_why, fail) => {
    let fails = true;
    let finds = 0;
    const read = (start: number, end: number) =>
      fails ? fail(new Error("changed")) : sample.bytes.subarray(start, end);
    const library = {
      find: async () => {
        finds++;
        return { kind: "seed" as const, seed: { torrent: sample.torrent, read } };
      },
    };
    using seeding = seed(sample, { library });
    using one = await RawPeer.join(seeding.port, sample, "1");
    using other = await RawPeer.join(seeding.port, sample, "2");
    one.say(request(0, 0, BLOCK));
    const ended = [await one.closed(), await other.closed()];
    fails = false;
    using again = await RawPeer.join(seeding.port, sample, "3");
    const whole = await download(again, sample);
    expect([ended, whole, finds, seeding.lines]).toEqual([
      [true, true],
      true,
      2,
      ["No longer seeding sample: changed"],
    ]);
  });
});

describe("A torrent that is unavailable", () => {
  const { torrent, bytes } = sample;
  const found: SeedLookup = {
    kind: "seed",
    seed: { torrent, read: (start, end) => bytes.subarray(start, end) },
  };

  test.each<[string, () => SeedLookup, string[]]>([
    ["its library says so", () => ({ kind: "unavailable" }), []],
    [
      "its library fails",
      () => {
        throw new Error("no descriptors left");
      },
      [`Cannot seed ${torrent.infoHash.toHex()}: no descriptors left`],
    ],
  ])("%s: the peer waits, and downloads", async (_why, fail, lines) => {
    let finds = 0;
    const library = { find: async () => (finds++ === 0 ? fail() : found) };
    using seeding = seed(sample, { library, limits: { lookAgain: 1 } });
    using peer = await RawPeer.join(seeding.port, sample);
    expect([await download(peer, sample), finds, seeding.lines]).toEqual([true, 2, lines]);
  });

  test("gets its peer a handshake at once, and the peer's messages are read later", async () => {
    let now = 1000;
    let isThere = false;
    const seeded: SeedLookup = {
      kind: "seed",
      seed: { torrent: wide.torrent, read: () => new Uint8Array() },
    };
    const library = {
      find: async (): Promise<SeedLookup> => (isThere ? seeded : { kind: "unavailable" }),
    };
    using seeding = seed(wide, { library, now: () => now, limits: { lookAgain: 1 } });
    using peer = await RawPeer.connect(seeding.port);
    peer.say(writeHandshake(wide.torrent.infoHash, peerId("1")));
    peer.say(request(39, 0, 10));
    while (seeding.seeder.stats().connections === 0) await Bun.sleep(1);
    now += 2001;
    await peer.take(68);
    isThere = true;
    expect(tell(await peer.messageOf(ID.reject))).toEqual("reject 39 0 10");
  });

  test("ends the connection after a while", async () => {
    let now = 1000;
    const library = { find: async (): Promise<SeedLookup> => ({ kind: "unavailable" }) };
    using seeding = seed(sample, { library, now: () => now, limits: { lookAgain: 1 } });
    using peer = await RawPeer.connect(seeding.port);
    peer.say(writeHandshake(torrent.infoHash, peerId("1")));
    while (seeding.seeder.stats().connections === 0) await Bun.sleep(1);
    now += 89_000;
    await peer.take(68);
    now += 1001;
    expect(await peer.closed()).toEqual(true);
  });
});

describe("A failure of the seeder", () => {
  const broken = (what: string): Torrent =>
    new Proxy(sample.torrent, {
      get(torrent, name) {
        if (name === what) throw new Error(`no ${what}`);
        return Reflect.get(torrent, name);
      },
    });

  test("in a connection ends that one, and is logged", async () => {
    const torrent = broken("info");
    const read = (start: number, end: number) => sample.bytes.subarray(start, end);
    const library = {
      find: async (): Promise<SeedLookup> => ({ kind: "seed", seed: { torrent, read } }),
    };
    using seeding = seed(sample, { library });
    using peer = await RawPeer.join(seeding.port, sample);
    expect([await peer.closed(), seeding.lines]).toEqual([
      true,
      ["A peer's connection failed: no info"],
    ]);
  });

  test("in a message, too", async () => {
    const shared = { torrent: sample.torrent, read: () => new Uint8Array() };
    const library = { find: async (): Promise<SeedLookup> => ({ kind: "seed", seed: shared }) };
    using seeding = seed(sample, { library });
    using peer = await RawPeer.join(seeding.port, sample);
    await peer.messageOf(ID.have);
    shared.torrent = broken("length");
    peer.say(request(0, 0, 10));
    expect([await peer.closed(), seeding.lines]).toEqual([
      true,
      ["A peer's connection failed: no length"],
    ]);
  });

  test("in the clock, too", async () => {
    let fails = false;
    const now = () => {
      if (fails) throw new Error("no clock");
      return 1000;
    };
    using seeding = seed(sample, { now });
    using peer = await RawPeer.join(seeding.port, sample);
    fails = true;
    while (seeding.lines.length === 0) await Bun.sleep(1);
    fails = false;
    expect([await download(peer, sample), seeding.lines[0]]).toEqual([
      true,
      "The seeder failed: no clock",
    ]);
  });
});

describe("Fuzz", () => {
  test("Mutated streams end or go on, and others download meanwhile", async () => {
    using seeding = seed(sample);
    const random = draws(4);
    const valid = Buffer.concat([
      extended(0, "d1:md11:ut_metadatai2eee"),
      Buffer.from("0000000102", "hex"),
      Buffer.from("00000002052c", "hex"),
      request(0, 0, BLOCK),
      request(1, BLOCK, BLOCK),
      Buffer.from("000000050400000003", "hex"),
      request(0, 0, BLOCK, 8),
      extended(1, "d8:msg_typei0e5:piecei0ee"),
      new Uint8Array(4),
    ]);
    for (let round = 0; round < 300; round++) {
      using peer = await RawPeer.connect(seeding.port);
      const handshake = writeHandshake(sample.torrent.infoHash, peerId(`f${round}`));
      const stream = Buffer.concat([handshake, valid, valid]);
      // The first ones break the handshake too.
      const first = round < 50 ? 0 : 68;
      for (let n = random(12); n >= 0; n--) {
        stream[first + random(stream.length - first)] = random(256);
      }
      const cut = random(stream.length);
      peer.say(stream.subarray(0, cut));
      peer.say(stream.subarray(cut));
    }
    using good = await RawPeer.join(seeding.port, sample, "good");
    expect(await download(good, sample)).toEqual(true);
  });

  test("Random streams", async () => {
    using seeding = seed(sample);
    const random = draws(7);
    for (let round = 0; round < 200; round++) {
      using peer = await RawPeer.connect(seeding.port);
      if (round % 2 === 0) peer.say(writeHandshake(sample.torrent.infoHash, peerId(`r${round}`)));
      peer.say(Uint8Array.from({ length: random(3000) }, () => random(256)));
    }
    using good = await RawPeer.join(seeding.port, sample, "good");
    expect(await download(good, sample)).toEqual(true);
  });
});

/** Numbers below a bound, the same in every run. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

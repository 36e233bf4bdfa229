/** What strangers do to the seeder's ports, TCP and UDP, of the executable. */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../../swarm/bittorrent/bdecode.ts";
import { encode } from "../../swarm/bittorrent/bencode.ts";
import { writeHandshake } from "../../swarm/seeder/wire.ts";
import { type Running, startBinary } from "../binary.ts";
import { peerId, RawPeer } from "../raw-peer.ts";
import { settle, temporaryDirectory, writeSettled } from "../site.ts";
import { ask } from "../wire.ts";
import { processesOf, processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const directory = temporaryDirectory();
let server: Running;
let seedPort: number;

beforeAll(async () => {
  writeSettled(join(directory, "small"), "small");
  for (const name of ["large", "other"]) {
    writeSettled(join(directory, name), "");
    truncateSync(join(directory, name), 256 * 1024 * 1024);
    settle(join(directory, name));
  }
  server = await startBinary(["--host", "127.0.0.1", directory]);
  seedPort = portForPeers(server);
});

afterAll(async () => await server[Symbol.asyncDispose]());

/** The port after its own, unless that was taken. */
function portForPeers({ port, stderr }: Running): number {
  return Number(/peers are told (\d+)/.exec(stderr())?.[1] ?? port + 1);
}

/** A wish to connect by uTP, as libtorrent sends it. */
const SYN = Buffer.from("410032ff2b75b3e1000000000000000083240000", "hex");

/** Sends a datagram from a port that is closed by the time of the answer. */
async function sendAndLeave(packet: Uint8Array): Promise<void> {
  const socket = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { error() {} } });
  socket.send(packet, seedPort, "127.0.0.1");
  socket.close();
}

test("A datagram whose answer nobody takes", async () => {
  const seen = await withstand(server, "small", async () => {
    for (let n = 0; n < 200; n++) await sendAndLeave(SYN);
  });
  expect(seen).toEqual(UNHARMED);
});

/** Where somebody may be sent; `dialed` resolves when a connection comes. */
function lurk() {
  let connections = 0;
  const { promise: dialed, resolve } = Promise.withResolvers<void>();
  const socket = {
    open: () => {
      connections++;
      resolve();
    },
    data: () => {},
  };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  return {
    port: listener.port,
    dialed,
    get connections() {
      return connections;
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

/** The info hash of a file's torrent. */
async function infoHashOf({ port }: Running, path: string): Promise<Buffer> {
  for (;;) {
    const { status, body } = await ask(port, "GET", `/data/${path}.torrent`);
    if (status === 503) continue;
    const torrent = decode(body);
    const info =
      torrent.kind === "value" && torrent.value instanceof Map && torrent.value.get("info");
    if (!(info instanceof Map)) throw new Error(`no torrent: ${status}`);
    return new Bun.CryptoHasher("sha1").update(encode(info)).digest();
  }
}

async function announce(
  { port }: Running,
  infoHash: Uint8Array,
  peerPort: number,
  fields: Record<string, string> = {},
): Promise<void> {
  const escaped = infoHash.toHex().replaceAll(/../g, "%$&");
  const query = `info_hash=${escaped}&peer_id=${"-".repeat(20)}&port=${peerPort}&left=1`;
  const { body } = await ask(port, "GET", `/-/announce?${query}&uploaded=0&downloaded=0`, fields);
  if (body.includes("failure")) throw new Error(body.toString("latin1"));
}

// Whom a server connects to it connects to a quarter of a second after the announce. So one
// that is announced first, and isn't connected to before the second is, isn't at all.
test.each<[string, string[], Record<string, string>]>([
  ["through a proxy that says so", ["--host", "127.0.0.1"], { "X-Forwarded-For": "192.0.2.1" }],
  ["through a proxy that says so otherwise", ["--host", "127.0.0.1"], { Via: "1.1 proxy" }],
  ["through a proxy that the operator names", ["--host", "127.0.0.1", "--url", "http://a"], {}],
  ["to a server bound to all addresses", [], {}],
  ["to workers", ["--host", "127.0.0.1", "--workers", "2"], { Forwarded: "for=192.0.2.1" }],
])("Nobody is connected to for an announce %s", async (_why, args, fields) => {
  await using attacked = await startBinary([...args, directory]);
  using victim = lurk();
  using welcome = lurk();
  const infoHash = await infoHashOf(attacked, "small");
  const hashHere = await infoHashOf(server, "small");
  const seen = await withstand(attacked, "small", async () => {
    await announce(attacked, infoHash, victim.port, fields);
    await announce(server, hashHere, welcome.port);
    await welcome.dialed;
  });
  expect({ ...seen, connections: victim.connections }).toEqual({ ...UNHARMED, connections: 0 });
});

/** Comes to a port for peers and shakes hands. */
async function joinPeers(port: number, infoHash: Uint8Array, id: string): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  peer.say(writeHandshake(infoHash, peerId(id)));
  await peer.take(68);
  return peer;
}

const HAVE_ALL = "\0\0\0\x01\x0e";

describe("Peers that say they have everything", () => {
  test("thirteen thousand times", async () => {
    const infoHash = await infoHashOf(server, "large");
    let busy = Infinity;
    const seen = await withstand(server, "small", async () => {
      using peer = await joinPeers(seedPort, infoHash, "again");
      const before = processorSeconds(server.process.pid);
      peer.say(HAVE_ALL.repeat(13_000));
      await peer.closed();
      busy = processorSeconds(server.process.pid) - before;
    });
    expect({ ...seen, busy: busy < 0.2 ? "little" : busy }).toEqual({
      ...UNHARMED,
      busy: "little",
    });
  });

  test("and leave, one after the other", async () => {
    const infoHash = await infoHashOf(server, "large");
    let busy = Infinity;
    const seen = await withstand(server, "small", async () => {
      const before = processorSeconds(server.process.pid);
      for (let n = 0; n < 500; n++) {
        using peer = await joinPeers(seedPort, infoHash, `n${n}`);
        peer.say(HAVE_ALL);
      }
      busy = processorSeconds(server.process.pid) - before;
    });
    expect({ ...seen, busy: busy < 1 ? "little" : busy }).toEqual({ ...UNHARMED, busy: "little" });
  });
});

test("A hundred peers of one address that ask and read nothing", async () => {
  const infoHash = await infoHashOf(server, "large");
  const peers: RawPeer[] = [];
  const seen = await withstand(server, "small", async () => {
    for (let n = 0; n < 120; n++) {
      // The last ones are reset.
      const peer = await RawPeer.connect(seedPort).catch(() => undefined);
      if (peer === undefined) continue;
      peers.push(peer);
      peer.say(writeHandshake(infoHash, peerId(`s${n}`)));
      for (let piece = 0; piece < 400; piece++) peer.say(requestOf(piece));
      peer.pause();
    }
  });
  for (const peer of peers) peer[Symbol.dispose]();
  expect(seen).toEqual(UNHARMED);
});

function requestOf(piece: number): Buffer {
  const bytes = Buffer.alloc(17);
  bytes.writeUInt32BE(13, 0);
  bytes[4] = 6;
  bytes.writeUInt32BE(piece, 5);
  bytes.writeUInt32BE(16_384, 13);
  return bytes;
}

test("While the hasher is down, a peer of a torrent that is kept waits", async () => {
  const state = temporaryDirectory();
  const args = ["--host", "127.0.0.1", "--state", state, directory];
  let infoHash: Uint8Array;
  {
    await using first = await startBinary(args);
    infoHash = await infoHashOf(first, "small");
  }
  await using second = await startBinary(args);
  let greeting = "";
  const seen = await withstand(second, "small", async () => {
    // This starts the hasher, and is more than it has done by the time that it ends.
    await ask(second.port, "GET", "/data/other.sha256");
    const [, hasher] = processesOf(second.process.pid);
    if (hasher === undefined) throw new Error("no hasher");
    process.kill(hasher, "SIGKILL");
    await second.printed("ended with SIGKILL");
    using peer = await RawPeer.connect(portForPeers(second));
    peer.say(writeHandshake(infoHash, peerId("w")));
    greeting = (await peer.take(68)).subarray(28, 48).toString("hex");
  });
  expect({ ...seen, greeting }).toEqual({ ...UNHARMED, greeting: infoHash.toHex() });
});

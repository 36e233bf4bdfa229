/** What strangers do to the seeder's ports, TCP and UDP, of the executable. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { decode, encode } from "../../swarm/bittorrent/bencode.ts";
import { type Running, startBinary } from "../binary.ts";
import { temporaryDirectory, writeSettled } from "../site.ts";
import { ask } from "../wire.ts";
import { UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const directory = temporaryDirectory();
let server: Running;
let seedPort: number;

beforeAll(async () => {
  writeSettled(join(directory, "small"), "small");
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

/** The info hash of a file's torrent, as a query has it. */
async function infoHashOf({ port }: Running, path: string): Promise<string> {
  for (;;) {
    const { status, body } = await ask(port, "GET", `/data/${path}.torrent`);
    if (status === 503) continue;
    const torrent = decode(body);
    const info =
      torrent.kind === "value" && torrent.value instanceof Map && torrent.value.get("info");
    if (!(info instanceof Map)) throw new Error(`no torrent: ${status}`);
    const hash = new Bun.CryptoHasher("sha1").update(encode(info)).digest("hex");
    return hash.replaceAll(/../g, "%$&");
  }
}

async function announce(
  { port }: Running,
  infoHash: string,
  peerPort: number,
  fields: Record<string, string> = {},
): Promise<void> {
  const query = `info_hash=${infoHash}&peer_id=${"-".repeat(20)}&port=${peerPort}&left=1`;
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

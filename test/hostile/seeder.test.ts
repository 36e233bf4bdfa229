/** What strangers do to the seeder's ports, TCP and UDP, of the executable. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { temporaryDirectory, writeSettled } from "../site.ts";
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

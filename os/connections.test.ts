import { expect, test } from "bun:test";
import {
  bytesRead,
  type Connection,
  endConnection,
  findConnections,
  type Peer,
  peerKey,
  progressOf,
} from "./connections.ts";

test.each<[string, Peer, string]>([
  ["IPv4", { address: "192.0.2.1", port: 80 }, "192.0.2.1:80"],
  ["IPv4 seen by an IPv6 socket", { address: "::ffff:192.0.2.1", port: 80 }, "192.0.2.1:80"],
  ["IPv6", { address: "2001:DB8:0:0::1", port: 80 }, "[2001:db8::1]:80"],
  ["IPv6 with an interface", { address: "fe80::1%eth0", port: 80 }, "[fe80::1]:80"],
])("%s is one peer however it is written", (_, peer, key) => {
  expect(peerKey(peer)).toBe(key);
});

/** A connection, both ends of it in this process. */
async function connect(hostname: string) {
  const accepted = Promise.withResolvers<Bun.Socket<undefined>>();
  const closed = Promise.withResolvers<void>();
  const listener = Bun.listen<undefined>({
    hostname,
    port: 0,
    socket: { data() {}, open: (socket) => accepted.resolve(socket) },
  });
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: { data() {}, close: () => closed.resolve() },
  });
  client.write("hello");
  return {
    client,
    closed: closed.promise,
    server: await accepted.promise,
    peer: peerKey({ address: "127.0.0.1", port: client.localPort }),
    port: listener.port,
    [Symbol.dispose]() {
      client.terminate();
      listener.stop(true);
    },
  };
}

function find(port: number, peer: string): Connection[] {
  return findConnections(port, new Map([[peer, undefined]]))?.get(peer) ?? [];
}

test.each(["127.0.0.1", "::"])("A connection to %s is found by both its ends", async (host) => {
  using one = await connect(host);
  const other = peerKey({ address: "127.0.0.2", port: one.client.localPort });
  expect([
    find(one.port, one.peer).length,
    find(one.port + 1, one.peer).length,
    find(one.port, other).length,
    // The client's own end of it: this machine's port is the client's there.
    find(one.client.localPort, `127.0.0.1:${one.port}`).length,
  ]).toEqual([1, 0, 0, 1]);
});

test("How far the bytes of a connection have come", async () => {
  using one = await connect("127.0.0.1");
  const [connection] = find(one.port, one.peer);
  one.server.write("12345678");
  one.server.flush();
  let progress = progressOf(connection!);
  while (progress?.acknowledged !== 8) {
    await new Promise(setImmediate);
    progress = progressOf(connection!);
  }
  while (bytesRead(connection!) !== 5) await new Promise(setImmediate);
  expect(progress.sending).toBe(false);
});

test("A descriptor that has become another connection's is left alone", async () => {
  using first = await connect("127.0.0.1");
  using second = await connect("127.0.0.1");
  const [gone] = find(first.port, first.peer);
  const [other] = find(second.port, second.peer);
  // As if the first had been closed and the second had got its number.
  const stale = { descriptor: other!.descriptor, cookie: gone!.cookie };
  endConnection(stale);
  const seen = [progressOf(stale), bytesRead(stale), progressOf(other!)?.sending];
  endConnection(other!);
  await second.closed;
  expect(seen).toEqual([undefined, undefined, false]);
});

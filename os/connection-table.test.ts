import { expect, test } from "bun:test";
import { ConnectionTable } from "./connection-table.ts";
import { peerKey, progressOf } from "./connections.ts";
import { openLibc } from "./libc.ts";
import { pace, paceOf } from "./pacing.ts";

const libc = openLibc({
  dup2: { args: ["int", "int"], returns: "int" },
  close: { args: ["int"], returns: "int" },
} as const);

/** A listener, and clients that come and go; each client's end and the server's are in this process. */
function listen() {
  const waiting: ((socket: Bun.Socket<undefined>) => void)[] = [];
  const listener = Bun.listen<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data() {}, open: (socket) => waiting.shift()?.(socket) },
  });
  return {
    port: listener.port,
    /** Connects, and waits until the connection is accepted. */
    async connect() {
      const { promise, resolve } = Promise.withResolvers<Bun.Socket<undefined>>();
      waiting.push(resolve);
      const closed = Promise.withResolvers<void>();
      const socket = { data() {}, close: () => closed.resolve() };
      const client = await Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket });
      const server = await promise;
      const peer = peerKey({ address: "127.0.0.1", port: client.localPort });
      return { closed: closed.promise, server, peer };
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

/** As often as it takes until searching is allowed again. */
async function found(table: ConnectionTable, peer: string) {
  for (;;) {
    const [connection] = table.find(peer);
    if (connection !== undefined) return connection;
    await new Promise(setImmediate);
  }
}

test("A connection is found, and those that came with it are in the table", async () => {
  using listener = listen();
  const table = new ConnectionTable(() => listener.port);
  const all = [await listener.connect(), await listener.connect(), await listener.connect()];
  const [connection] = table.find(all[1]!.peer);
  const seen = {
    size: table.size,
    found: table.find(all[2]!.peer).length,
    progress: progressOf(connection!)?.acknowledged,
    client: table.of("127.0.0.1").length,
    stranger: table.find("192.0.2.1:1").length,
  };
  expect(seen).toEqual({ size: 3, found: 1, progress: 0, client: 3, stranger: 0 });
});

test("A connection that is gone isn't found, and neither is who has its number now", async () => {
  using listener = listen();
  using elsewhere = listen();
  const table = new ConnectionTable(() => listener.port);
  const strangers = new ConnectionTable(() => elsewhere.port);
  const stranger = await found(strangers, (await elsewhere.connect()).peer);
  const first = await listener.connect();
  const before = await found(table, first.peer);
  first.server.terminate();
  await first.closed;
  // Its number is given to another, which no search of the table enters.
  libc?.dup2(stranger.descriptor, before.descriptor);
  const { peer } = await listener.connect();
  const other = await found(table, peer);
  pace(before, 1000);
  const seen = {
    gone: table.find(first.peer),
    rates: [paceOf(before), paceOf(stranger)],
    others: table.find(peer),
    all: table.size,
  };
  libc?.close(before.descriptor);
  const expected = { gone: [], rates: [undefined, Infinity], others: [other], all: 1 };
  expect(seen).toEqual(expected);
});

test("The kernel holds a connection to a rate, and lets it go", async () => {
  using listener = listen();
  const table = new ConnectionTable(() => listener.port);
  const connection = await found(table, (await listener.connect()).peer);
  const rates = [1, 10_000.4, 50e6, 20e9, Infinity].map((rate) => {
    pace(connection, rate);
    return paceOf(connection);
  });
  expect(rates).toEqual([1, 10_000, 50e6, 20e9, Infinity]);
});

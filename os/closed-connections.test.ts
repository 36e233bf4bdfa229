/** What the kernel says of a connection that was closed here: while it sends, when all arrived, after a reset. */

import { expect, test } from "bun:test";
import { bytesLeft, questionAbout } from "./closed-connections.ts";
import { findConnections, peerKey } from "./connections.ts";

const BYTES = Buffer.alloc(1_000_000);

/** A client that doesn't read, and what the server has of it. */
async function connect(host: string) {
  const accepted = Promise.withResolvers<Bun.Socket<undefined>>();
  const listener = Bun.listen({
    hostname: host,
    port: 0,
    socket: { open: (socket) => void accepted.resolve(socket), data() {} },
  });
  let received = 0;
  const data = (_: unknown, chunk: Uint8Array) => void (received += chunk.length);
  const hostname = host === "::1" ? host : "127.0.0.1";
  const client = await Bun.connect({ hostname, port: listener.port, socket: { data } });
  client.pause();
  const server = await accepted.promise;
  const key = peerKey({ address: hostname, port: client.localPort });
  const [connection] = findConnections(listener.port, new Map([[key, 0]]))?.get(key) ?? [];
  const question = connection && questionAbout(connection);
  return { listener, client, server, question, received: () => received };
}

test.each(["127.0.0.1", "::1", "::"])("A connection of %s", async (host) => {
  const { listener, client, server, question, received } = await connect(host);
  const ask = () => (question === undefined ? -1 : bytesLeft(question));
  const open = ask();
  const written = server.write(BYTES);
  server.end();
  while (ask() === undefined) await new Promise(setImmediate);
  const sending = ask() ?? 0;
  client.resume();
  while (received() < written) await new Promise(setImmediate);
  while (ask() !== 0) await new Promise(setImmediate);
  client.terminate();
  listener.stop(true);
  expect([open, sending > 0 && sending <= BYTES.length + 1]).toEqual([undefined, true]);
});

test("After a reset nothing is known", async () => {
  const { listener, client, server, question } = await connect("127.0.0.1");
  server.write(BYTES);
  server.end();
  const ask = () => (question === undefined ? -1 : bytesLeft(question));
  while (ask() === undefined) await new Promise(setImmediate);
  client.terminate();
  while (ask() !== undefined) await new Promise(setImmediate);
  listener.stop(true);
  expect(ask()).toBe(undefined);
});

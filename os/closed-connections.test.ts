/** What the kernel says of a connection that was closed here: while it sends, when all arrived, after a reset. */

import { expect, test } from "bun:test";
import { join } from "node:path";
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

/** Of a process of its own: others may have asked before in this one. */
const SHORT_OF_DESCRIPTORS = `
  const { closeSync, openSync } = require("node:fs");
  const { bytesLeft, questionAbout } = require("./os/closed-connections.ts");
  const { listConnections } = require("./os/connections.ts");
  const accepted = Promise.withResolvers();
  const socket = { open: accepted.resolve, data() {} };
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  const to = { hostname: "127.0.0.1", port: listener.port };
  const client = await Bun.connect({ ...to, socket: { data() {} } });
  client.pause();
  const server = await accepted.promise;
  const question = questionAbout(listConnections(listener.port)[0]);
  const taken = [];
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {}
  const without = bytesLeft(question);
  for (const descriptor of taken) closeSync(descriptor);
  server.end("bytes");
  for (let n = 0; n < 1000 && bytesLeft(question) !== 0; n++) await Bun.sleep(1);
  console.log([without, bytesLeft(question)]);
  process.exit();
`;

test("One that is asked about when no descriptor is left doesn't keep others from being asked about", async () => {
  const command = ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh", process.execPath];
  const child = Bun.spawn([...command, "-e", SHORT_OF_DESCRIPTORS], {
    cwd: join(import.meta.dir, ".."),
    ...{ stdout: "pipe", stderr: "pipe" },
  });
  const said = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(said).toEqual(["[ undefined, 0 ]\n", ""]);
});

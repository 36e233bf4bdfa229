/** What a file in flight that can't be looked at means: to its own downloads, and to the others. */

import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "../os/connections.ts";
import { removeTemporaryDirectories, temporaryDirectory } from "../test/site.ts";
import { InFlight } from "./in-flight.ts";
import { OpenFile } from "./open-file.ts";
import { Transfer } from "./transfer.ts";
import { Transfers } from "./transfers.ts";

/** Connections to one port, and the side of each that a client has. */
async function connectTo(count: number) {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const closed: number[] = [];
  const sockets = await Promise.all(
    Array.from({ length: count }, (_, n) => {
      const socket = { data() {}, close: () => void closed.push(n) };
      return Bun.connect({ hostname: "127.0.0.1", port: listener.port, socket });
    }),
  );
  const peers = sockets.map(({ localPort }) => ({ address: "127.0.0.1", port: localPort }));
  return { listener, sockets, peers, closed };
}

function openFile(name: string): OpenFile {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, name);
  const descriptor = openSync(path, "r");
  return new OpenFile(descriptor, path, name);
}

test("A file that can't be looked at ends its own downloads, with a line in the log", async () => {
  const { listener, sockets, peers, closed } = await connectTo(3);
  const lines: string[] = [];
  const transfers = new Transfers();
  const outcomes: unknown[] = [];
  transfers.observe({ ended: ({ client, outcome }) => void outcomes.push([client, outcome]) });
  const log = (line: string) => void lines.push(line);
  const inFlight = new InFlight(() => listener.port, log, transfers);
  const [broken, whole] = [openFile("broken"), openFile("whole")];
  // The files came to rest long ago.
  const now = Date.now() + 3_600_000;
  const watch = (peer: Peer, file: OpenFile, owed: number) => {
    const server = { requestIP: () => ({ ...peer, family: "IPv4" as const }), timeout() {} };
    const transfer = new Transfer(new Request("http://host/"), server, inFlight, now, 0);
    transfer.owed = owed;
    inFlight.watch(transfer, file);
  };
  watch(peers[0]!, broken, 6);
  watch(peers[1]!, broken, 6);
  watch(peers[2]!, whole, 5);
  // Looking at it fails from now on, as at a stale handle of NFS, and so does closing it.
  closeSync(broken.descriptor);
  broken.release();
  while (closed.length < 2) await new Promise(setImmediate);
  const running = transfers.size;
  const seen = { lines, closed: closed.toSorted(), watched: inFlight.size, running, outcomes };
  for (const socket of sockets) socket.terminate();
  listener.stop(true);
  removeTemporaryDirectories();
  expect(seen).toEqual({
    lines: [`Cannot look at ${broken.path} (${EBADF}); ending its downloads: 2`],
    closed: [0, 1],
    watched: 1,
    running: 1,
    outcomes: [
      ["127.0.0.1", "changed"],
      ["127.0.0.1", "changed"],
    ],
  });
});

const EBADF = "Error: EBADF: bad file descriptor, fstat";

test("Of several answers on a connection each is over when the runtime has read it and it has arrived", async () => {
  const { listener, sockets, peers } = await connectTo(2);
  const transfers = new Transfers();
  const ended: string[] = [];
  transfers.observe({ ended: ({ request, outcome }) => void ended.push(request.url + outcome) });
  const inFlight = new InFlight(
    () => listener.port,
    () => {},
    transfers,
  );
  const beingRead = new Set<string>();
  const watch = (peer: Peer, url: string) => {
    // It tells the peer first, and nothing once the body is read.
    const address = { ...peer, family: "IPv4" as const };
    const server = {
      requestIP: () => (known || beingRead.has(url) ? address : null),
      timeout() {},
    };
    let known = true;
    const transfer = new Transfer(new Request(url), server, inFlight, Date.now(), 0);
    inFlight.watch(transfer, openFile("file"));
    known = false;
    return transfer;
  };
  // One of another client ends by two looks.
  const afterLooks = async () => {
    const control = watch(peers[1]!, "http://control/");
    while (control.outcome === undefined) await new Promise(setImmediate);
  };
  for (const url of ["http://a/", "http://b/"]) {
    beingRead.add(url);
    watch(peers[0]!, url);
  }
  await afterLooks();
  inFlight.release(peers[0]!);
  await afterLooks();
  const stalled = ended.filter((one) => !one.includes("control"));
  beingRead.delete("http://a/");
  while (!ended.includes("http://a/complete")) await new Promise(setImmediate);
  const stillRead = ended.includes("http://b/complete");
  beingRead.delete("http://b/");
  while (!ended.includes("http://b/complete")) await new Promise(setImmediate);
  for (const socket of sockets) socket.terminate();
  listener.stop(true);
  expect({ stalled, stillRead, running: transfers.size }).toEqual({
    stalled: [],
    stillRead: false,
    running: 0,
  });
});

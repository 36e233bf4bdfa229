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

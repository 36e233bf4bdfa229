/** What becomes of connections between reports, with a ledger that answers as the test says. */

import { expect, test } from "bun:test";
import { ConnectionTable } from "../../os/connection-table.ts";
import { paceOf } from "../../os/pacing.ts";
import type { Shares, Usage } from "./ledger.ts";
import { Pacer } from "./pacer.ts";

/** A pacer of the connections to a listener, on each of which bytes wait for a client that doesn't read. */
function start(settle: (usage: readonly Usage[]) => Shares | Promise<Shares>) {
  const accepted: ((socket: Bun.Socket<undefined>) => void)[] = [];
  const listener = Bun.listen<undefined>({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data() {}, open: (socket) => accepted.shift()?.(socket) },
  });
  const table = new ConnectionTable(() => listener.port);
  const rates = { total: 10_000_000, client: Infinity, connection: Infinity };
  const pacer = new Pacer({ rates: () => rates, connections: table, settle });
  return {
    pacer,
    async begin() {
      const { promise, resolve } = Promise.withResolvers<Bun.Socket<undefined>>();
      accepted.push(resolve);
      const client = await Bun.connect({
        hostname: "127.0.0.1",
        port: listener.port,
        socket: { data: (socket) => socket.pause() },
      });
      const server = await promise;
      const peer = { address: "127.0.0.1", port: client.localPort };
      pacer.begin(peer, 100_000_000, "127.0.0.1");
      server.write(Buffer.alloc(32_000_000));
      return client;
    },
    paces: () => table.of("127.0.0.1").map((one) => paceOf(one)),
    [Symbol.dispose]: () => listener.stop(true),
  };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

test("Each connection has its part before any report is answered, and keeps it without an answer", async () => {
  let failed = 0;
  using started = start(() => {
    failed += 1;
    return Promise.reject(new Error("The supervisor is gone"));
  });
  await started.begin();
  const one = started.paces();
  await started.begin();
  const before = failed;
  await until(() => failed > before + 2);
  // The first keeps what it had: nobody said that it must give way.
  expect([one, started.paces()[0]]).toEqual([[10_000_000], 10_000_000]);
});

test("The shares of an answer are held; reports end when the connections do", async () => {
  const reports: (readonly Usage[])[] = [];
  using started = start((usage) => {
    reports.push(usage);
    const share = { level: 3_000_000, assured: 2_000_000, scope: "total" as const };
    const shares = usage.map(({ client, connections }) => ({
      ...{ ...share, client, connections, overdrawn: false },
    }));
    return Promise.resolve({ shares, clients: shares.length });
  });
  const clients = [await started.begin(), await started.begin()];
  const isHeld = (pace?: number) => pace === 3_000_000 || pace === 2_000_000;
  await until(() => started.paces().every(isHeld));
  for (const client of clients) client.terminate();
  await until(() => started.pacer.size === 0);
  const last = reports.at(-1)?.map(({ client, connections }) => [client, connections]);
  const count = reports.length;
  await new Promise(setImmediate);
  expect([last, reports.length - count]).toEqual([[["127.0.0.1", 0]], 0]);
});

/**
 * What many connections that ask for nothing do to those that ask: `bun bench/slow.ts
 * --executable EXECUTABLE [--rounds N] [--seconds N]`.
 *
 * Some ordinary clients ask for windows of 64 KiB, alone and beside 500 connections that
 * send one byte a second of a request and 5000 that send nothing, in turns. The connections
 * are held by a process of their own, on the processor of the clients and behind them, so
 * that what is measured is the server, which has the other processor.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { start, stopAll } from "./servers.ts";
import { row, spread, table, writeFile } from "./setup.ts";
import { measure, type Throughput } from "./wrk.ts";

const SLOW = 500;
const IDLE = 5000;
const LENGTH = 64 * 1024 * 1024;
const WINDOW = 64 * 1024;
const CONNECTIONS = 4;
/** A request that doesn't end: more bytes than a connection lives seconds here. */
const REQUEST = `GET /data/file HTTP/1.1\r\nHost: x\r\nX-Padding: ${"a".repeat(1000)}`;

const { values } = parseArgs({
  options: {
    executable: { type: "string", default: "dist/rangesrv" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    hold: { type: "string" },
  },
});

if (values.hold === undefined) await compare();
else await hold(Number(values.hold));

async function compare(): Promise<void> {
  const directory = mkdtempSync("/dev/shm/slow-");
  const scratch = mkdtempSync(join(tmpdir(), "slow-"));
  writeFile(join(directory, "file"), LENGTH);
  const { executable } = values;
  const command = ({ port }: { port: number }) => [
    ...[executable, "--host", "127.0.0.1", "--port", `${port}`, "--no-seed", "--quiet", directory],
  ];
  const peer = { name: "rangesrv", about: "", needs: executable, command };
  const server = await start(peer, { directory, scratch }, 1, "0");
  const url = `http://127.0.0.1:${server.port}/data/file`;
  const load = { url, pid: server.child.pid, length: LENGTH, window: WINDOW, scratch };
  const turn = async () =>
    await measure({
      ...{ ...load, connections: CONNECTIONS, processors: "1" },
      seconds: Number(values.seconds),
    });
  const alone: Throughput[] = [];
  const beside: Throughput[] = [];
  const ratios: { rate: number; p99: number }[] = [];
  try {
    await turn();
    for (let round = 0; round < Number(values.rounds); round++) {
      const first = await turn();
      const { seen, measured } = await besideOthers(server.port, turn);
      const again = await turn();
      const normal = (figure: "rate" | "p99") => (first[figure] + again[figure]) / 2;
      alone.push(first, again);
      beside.push(measured);
      const ratio = (figure: "rate" | "p99") => measured[figure] / normal(figure);
      ratios.push({ rate: ratio("rate"), p99: ratio("p99") });
      console.error(`round ${round + 1}: ${seen}`);
    }
  } finally {
    await stopAll([server]);
    for (const one of [directory, scratch]) rmSync(one, { recursive: true, force: true });
  }
  const cells = (name: string, all: readonly Throughput[]) => [
    ...[name, spread(all.map(({ rate }) => rate))],
    ...[
      spread(
        all.map(({ p99 }) => p99),
        2,
      ),
      spread(
        all.map(({ processor }) => processor),
        1,
      ),
    ],
  ];
  const rows = [row(...cells("alone", alone)), row(...cells("beside the others", beside))];
  const [rate, p99] = (["rate", "p99"] as const).map((figure) =>
    spread(
      ratios.map((one) => one[figure]),
      3,
    ),
  );
  console.log(table([`${CONNECTIONS} clients`, "requests/s", "p99 ms", "CPU µs"], rows));
  console.log(`beside the others ÷ alone: requests/s ${rate}, p99 ${p99}`);
}

/** Measures once while another process holds the connections; answers what that process said, too. */
async function besideOthers(port: number, turn: () => Promise<Throughput>) {
  const command = ["taskset", "-c", "1", "nice", "-n", "10", process.execPath, import.meta.path];
  const holder = Bun.spawn([...command, "--hold", String(port)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const said = holder.stdout.pipeThrough(new TextDecoderStream()).getReader();
  // The first line: all are open.
  await said.read();
  const measured = await turn();
  await holder.stdin.end();
  const { value } = await said.read();
  await holder.exited;
  return { seen: value?.trim() ?? "", measured };
}

/** Opens the connections and keeps them until stdin ends. */
async function hold(port: number): Promise<void> {
  let [closed, answered, sent] = [0, 0, 0];
  const open = async () =>
    await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => void answered++, close: () => void closed++, error() {} },
    });
  const sockets: Bun.Socket<undefined>[] = [];
  while (sockets.length < SLOW + IDLE)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, open))));
  let turn = 0;
  // A fiftieth of them at a time: never all at once.
  setInterval(() => {
    const byte = REQUEST[Math.floor(turn / 50)] ?? "a";
    for (let n = turn % 50; n < SLOW; n += 50) sent += sockets[n]!.write(byte);
    turn++;
  }, 20);
  await Bun.sleep(1000);
  console.log("open");
  const began = performance.now();
  const before = sent;
  for await (const _ of Bun.stdin.stream());
  const rate = ((sent - before) * 1000) / (performance.now() - began);
  console.log(
    `${sockets.length - closed} open, ${closed} closed, ${answered} answered, ${rate.toFixed(0)} bytes/s`,
  );
  process.exit();
}

/**
 * Whether rates are held: bytes of bodies a second that clients get, for one connection and
 * for fifty, whole files and pieces. By hand, as root:
 *
 *     unshare -n bun bench/rates.ts EXECUTABLE
 *
 * In a network of its own the loopback interface has packets of 1500 bytes, as a real link
 * has; with those of 64 KiB the first ten packets of a connection, which are never held
 * back, are half a megabyte.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { freePort, row, spread, table, writeFile } from "./setup.ts";

const MIB = 1024 * 1024;
const LENGTH = 512 * MIB;

/** What one client does. */
interface Way {
  readonly name: string;
  /** Bytes of each request; undefined: the whole file. */
  readonly piece?: number;
  /** Whether each piece comes on a connection of its own. */
  readonly fresh?: boolean;
  /** Whether it stops reading after the first bytes. */
  readonly stalled?: boolean;
}

const WHOLE: Way = { name: "whole file" };
const WAYS: readonly Way[] = [
  WHOLE,
  { name: "pieces of 1 MiB", piece: MIB },
  { name: "pieces of 256 KiB", piece: MIB / 4 },
  { name: "pieces of 256 KiB, a connection each", piece: MIB / 4, fresh: true },
];
const STALLED: Way = { name: "stalled", stalled: true };

/** A download that goes on until it is closed. */
class Client {
  received = 0;
  #socket: Bun.Socket<undefined> | undefined;
  #owed: number | undefined;
  #head = "";
  #first = 0;
  #isClosed = false;

  constructor(
    readonly port: number,
    readonly way: Way,
    seed: number,
  ) {
    this.#first = way.piece === undefined ? 0 : (seed * 7919 * way.piece) % LENGTH;
  }

  async connect(): Promise<void> {
    this.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: this.port,
      socket: {
        data: (socket, bytes) => this.#take(socket, bytes),
        close: () => void (!this.#isClosed && this.way.fresh && this.connect()),
        error: () => {},
      },
    });
    this.#ask(this.#socket);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket?.terminate();
  }

  #ask(socket: Bun.Socket<undefined>): void {
    const { piece } = this.way;
    this.#owed = undefined;
    this.#head = "";
    const range =
      piece === undefined ? "" : `Range: bytes=${this.#first}-${this.#first + piece - 1}\r\n`;
    socket.write(`GET /data/large HTTP/1.1\r\nHost: bench\r\n${range}\r\n`);
    if (piece !== undefined) this.#first = (this.#first + piece) % (LENGTH - piece);
  }

  #take(socket: Bun.Socket<undefined>, bytes: Buffer): void {
    let body = bytes.length;
    if (this.#owed === undefined) {
      this.#head += bytes.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end === -1) return;
      this.#owed = Number(/content-length: (\d+)/i.exec(this.#head)?.[1] ?? 0);
      body = this.#head.length - end - 4;
      if (this.way.stalled) socket.pause();
    }
    this.received += body;
    this.#owed -= body;
    if (this.#owed > 0) return;
    if (this.way.fresh) socket.end();
    else this.#ask(socket);
  }
}

interface Case {
  readonly rate: string;
  readonly flags: readonly string[];
  readonly count: number;
  readonly way: Way;
  /** Clients besides, that aren't counted. */
  readonly others?: number;
  /** Seconds before and while it is measured. */
  readonly warm: number;
  readonly seconds: number;
}

/** Bytes of bodies a second of all counted clients, and of each. */
async function measure(executable: string, directory: string, one: Case) {
  const port = freePort();
  const args = [...one.flags, "--no-seed", "--quiet", "--host", "127.0.0.1", "--port", `${port}`];
  const child = Bun.spawn([executable, ...args, directory], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const clients = Array.from({ length: one.count }, (_, at) => new Client(port, one.way, at));
  const others = Array.from({ length: one.others ?? 0 }, () => new Client(port, STALLED, 0));
  try {
    while (!(await isAnswered(port)));
    for (const client of [...others, ...clients]) await client.connect();
    await Bun.sleep(1000 * one.warm);
    const before = clients.map(({ received }) => received);
    const began = performance.now();
    await Bun.sleep(1000 * one.seconds);
    const seconds = (performance.now() - began) / 1000;
    return clients.map(({ received }, at) => (received - (before[at] ?? 0)) / seconds);
  } finally {
    for (const client of [...clients, ...others]) client.close();
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function isAnswered(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/-/healthy`)).status > 0;
  } catch {
    return false;
  }
}

const ROUNDS = Number(process.env["ROUNDS"] ?? 3);

async function rowOf(executable: string, directory: string, label: string, one: Case) {
  const totals: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const each = await measure(executable, directory, one);
    totals.push(each.reduce((sum, rate) => sum + rate, 0) / 1e6);
    const sorted = each.toSorted((a, b) => a - b);
    ratios.push((sorted[0] ?? 0) / (sorted.at(-1) ?? 1));
  }
  return row(label, String(one.count), one.flags.join(" "), spread(totals, 3), spread(ratios, 2));
}

async function main([executable]: readonly string[]): Promise<void> {
  if (executable === undefined) throw new Error("Usage: bun bench/rates.ts EXECUTABLE");
  Bun.spawnSync(["ip", "link", "set", "lo", "mtu", "1500", "up"]);
  const scratch = mkdtempSync("/dev/shm/rangesrv-rates-");
  const directory = scratch;
  writeFile(join(directory, "large"), LENGTH);
  const rows: string[] = [];
  try {
    for (const rate of ["1M", "100M"]) {
      const isSlow = rate === "1M";
      for (const count of [1, 50]) {
        // At 20 kB/s a piece of 256 KiB takes 13 s, and the kernel sends up to 64 KiB at once.
        const [warm, seconds] = !isSlow ? [1, 2] : count === 1 ? [1, 4] : [8, 10];
        for (const way of WAYS) {
          const one = { rate, flags: ["--rate", rate], count, way, warm, seconds };
          rows.push(await rowOf(executable, directory, way.name, one));
          console.log(rows.at(-1));
        }
      }
    }
    const two = { rate: "100M", count: 50, way: WHOLE, warm: 1, seconds: 2 };
    for (const flags of ["--rate 100M --workers 2", "--rate-client 100M", "--rate-connection 2M"]) {
      rows.push(
        await rowOf(executable, directory, "whole file", { ...two, flags: flags.split(" ") }),
      );
    }
    const beside = { ...two, warm: 4, count: 4, others: 500, flags: ["--rate", "100M"] };
    rows.push(await rowOf(executable, directory, "whole file, beside 500 that don't read", beside));
  } finally {
    rmSync(scratch, { recursive: true });
  }
  const columns = ["clients", "connections", "options", "MB/s", "least ÷ most of a connection"];
  console.log(`\n${table(columns, rows)}`);
}

await main(process.argv.slice(2));

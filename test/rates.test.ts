/** What the kernel is told to hold connections to; whether it does is measured in bench/rates.ts. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { ConnectionTable } from "../os/connection-table.ts";
import { paceOf } from "../os/pacing.ts";
import type { Options } from "../service/options.ts";
import { reloads } from "../service/reload.ts";
import { type Running, startBinary } from "./binary.ts";
import { freePort, run, testWith } from "./clients.ts";
import {
  offsetBytes,
  removeTemporaryDirectories,
  startSite,
  temporaryDirectory,
  writeSettled,
} from "./site.ts";
import { Wire } from "./wire.ts";

setDefaultTimeout(30_000);
afterAll(removeTemporaryDirectories);

const LINUX = process.platform === "linux";
/** Enough that the first packets of a connection, which are of 64 KiB here, are no excess. */
const RATE = 10_000_000;
const LARGE = 64 * 1024 * 1024;

const TREE = temporaryDirectory();
writeSettled(join(TREE, "large"), offsetBytes(LARGE));

/** A server, and clients that ask it and read no more than the header. */
function serve(options: Partial<Options>) {
  const site = startSite({ ...options, seed: false }, TREE);
  const table = new ConnectionTable(() => site.port);
  const wires: Wire[] = [];
  return {
    site,
    async ask(range?: string, address = "127.0.0.1"): Promise<Wire> {
      const wire = await Wire.connect(site.port, address);
      wires.push(wire);
      await again(wire, range);
      return wire;
    },
    /** In order, once there are `count` of them and they are what is expected, if they ever are. */
    async paces(expected: readonly number[]): Promise<number[]> {
      for (;;) {
        const sorted = this.pacesNow()
          .map((pace) => Math.round(pace))
          .sort((a, b) => a - b);
        if (Bun.deepEquals(sorted, expected)) return sorted;
        await new Promise(setImmediate);
      }
    },
    pacesNow(): number[] {
      // A search finds all.
      table.find("nobody:0");
      return table.of("127.0.0.1").map((one) => paceOf(one) ?? 0);
    },
    [Symbol.dispose]() {
      for (const wire of wires) wire[Symbol.dispose]();
      site.server.stop(true);
    },
  };
}

async function again(wire: Wire, range: string | undefined): Promise<void> {
  wire.request("GET", "/data/large", range === undefined ? {} : { Range: `bytes=${range}` });
  await wire.waitFor(1);
}

// The bytes of an answer, and what its connection is held to.
test.if(LINUX).each<[string, Partial<Options>, (string | undefined)[], number[]]>([
  ["no rate", {}, [undefined], [Infinity]],
  ["a rate in all", { rate: RATE }, [undefined], [RATE]],
  ["two downloads", { rate: RATE }, [undefined, undefined], [RATE / 2, RATE / 2]],
  ["a rate for each client", { rateClient: RATE }, [undefined, undefined], [RATE / 2, RATE / 2]],
  ["a rate for each connection", { rateConnection: RATE }, [undefined, undefined], [RATE, RATE]],
  [
    "the least of all",
    { rate: 10 * RATE, rateClient: 4 * RATE, rateConnection: RATE },
    [undefined, undefined],
    [RATE, RATE],
  ],
  ["an answer of 64 KiB", { rate: 20_000 }, ["0-65535"], [Infinity]],
  ["an answer that is read at once", { rate: 20_000 }, ["0-65536"], [20_000]],
  ["a small one beside a large one", { rate: 20_000 }, [undefined, "0-9"], [20_000, Infinity]],
])("%s", async (_, options, ranges, expected) => {
  using server = serve(options);
  for (const range of ranges) await server.ask(range);
  expect(await server.paces(expected)).toEqual(expected);
});

test.if(LINUX)("The share follows the end of another download, and a new rate", async () => {
  using server = serve({ rate: RATE });
  const [first] = [await server.ask(), await server.ask()];
  const seen = [await server.paces([RATE / 2, RATE / 2])];
  first[Symbol.dispose]();
  seen.push(await server.paces([RATE]));
  const parsed = { ...server.site.options, rate: 3 * RATE };
  reloads.prepare(parsed)();
  seen.push(await server.paces([3 * RATE]));
  reloads.prepare({ ...parsed, rate: undefined })();
  seen.push(await server.paces([Infinity]));
  expect(seen).toEqual([[RATE / 2, RATE / 2], [RATE], [3 * RATE], [Infinity]]);
});

test.if(LINUX)("Fifty clients that stop reading leave their shares to one that reads", async () => {
  using server = serve({ rate: RATE });
  for (let n = 0; n < 50; n++) (await server.ask()).pause();
  await server.ask();
  // Nine tenths and more for one; each of the others may begin again at its even share.
  while (Math.max(...server.pacesNow()) < 0.9 * RATE) await new Promise(setImmediate);
  const others = server
    .pacesNow()
    .toSorted((a, b) => a - b)
    .slice(0, 50);
  expect(others.map((pace) => pace < RATE / 10)).toEqual(others.map(() => true));
});

test.if(LINUX)(
  "A connection between two pieces is let go after a while, and held again",
  async () => {
    using server = serve({ rate: RATE });
    const wire = await server.ask("0-299999");
    const seen = [await server.paces([RATE])];
    await wire.response();
    seen.push(await server.paces([Infinity]));
    await again(wire, "0-299999");
    seen.push(await server.paces([RATE]));
    expect(seen).toEqual([[RATE], [Infinity], [RATE]]);
  },
);

test.if(LINUX)("The time for which a download was held back is in its record", async () => {
  using server = serve({ rate: RATE });
  await server.ask();
  const throttled = () => [...server.site.served.transfers].map((one) => one.throttled);
  while (throttled()[0] === 0) await new Promise(setImmediate);
  expect(throttled().length).toBe(1);
});

test.if(LINUX)("Small answers are free until their client is far over its rate", async () => {
  using server = serve({ rateClient: 100_000 });
  const wire = await server.ask("0-65535");
  const seen = [await server.paces([Infinity])];
  let pace = Infinity;
  while (pace === Infinity) {
    await wire.response();
    await again(wire, "0-65535");
    [pace = 0] = server.pacesNow();
  }
  expect([seen, pace > 0 && pace <= 100_000]).toEqual([[[Infinity]], true]);
});

/** What the kernel says of the connections to a port: bits a second that they are held to. */
async function rates(port: number): Promise<number[]> {
  const { stdout } = await run(["ss", "-Htin", `sport = :${port}`]);
  const told = stdout.matchAll(/pacing_rate [\d.]+[KMG]?bps\/([\d.]+)([KMG]?)bps/g);
  return [...told].map(([, digits = "", unit = ""]) => Number(digits) * (FACTORS[unit] ?? 0));
}

const FACTORS: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9 };

/** Waits until `count` connections are held to `rate`, within a twentieth: what isn't paced is made up for. */
async function untilRates(port: number, count: number, rate: number): Promise<number> {
  for (;;) {
    const seen = await rates(port);
    const held = seen.filter((one) => one > 0.95 * rate && one <= rate);
    if (held.length === count) return count;
  }
}

testWith("ss").each<[string, string[]]>([
  ["one process", []],
  ["three workers", ["--workers", "3"]],
])("Over %s and the seeder, all downloads share one rate", async (_, args) => {
  const seedPort = freePort();
  const options = ["--rate", "24M", "--seed-port", String(seedPort), ...args, TREE];
  await using server: Running = await startBinary(options);
  const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.connect(server.port)));
  for (const wire of wires) {
    wire.request("GET", "/data/large");
    await wire.waitFor(1);
  }
  const seen = await untilRates(server.port, 8, 24e6);
  // A peer that asks for nothing takes nothing from the others, and is held to a share.
  using peer = await Wire.connect(seedPort);
  const [seeded = 0] = await (async () => {
    for (;;) {
      const found = await rates(seedPort);
      if (found.length > 0) return found;
    }
  })();
  for (const wire of wires) wire[Symbol.dispose]();
  expect({ seen, held: seeded > 0 && seeded <= 192e6, peer: peer.buffered }).toEqual({
    ...{ seen: 8, held: true, peer: 0 },
  });
});

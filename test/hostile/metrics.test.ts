/** Strangers who scrape without pause, invent methods, and fetch files in crumbs. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startBinary } from "../binary.ts";
import { scrape, scrapeText, scrapeUntil } from "../scrape.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

async function start(...args: string[]) {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "large"), offsetBytes(1024 * 1024));
  return await startBinary(["--no-seed", ...args, directory]);
}

/** The same request again and again on `connections` connections, `count` times on each. */
async function repeat(port: number, connections: number, count: number, target: string) {
  const loop = async () => {
    using wire = await Wire.connect(port);
    for (let n = 0; n < count; n++) {
      wire.request("GET", target);
      if ((await wire.response()).status !== 200) throw new Error("It was refused");
    }
  };
  await Promise.all(Array.from({ length: connections }, loop));
}

test("Scrapes without pause: one costs less than ten small answers", async () => {
  await using server = await start();
  const { pid } = server.process;
  const spent: number[] = [];
  const seen = await withstand(server, "small", async () => {
    for (const target of ["/data/small", "/-/metrics"]) {
      const before = processorSeconds(pid);
      await repeat(server.port, 32, 250, target);
      spent.push(processorSeconds(pid) - before);
    }
  });
  const [small = 0, scrapes = 0] = spent;
  expect([seen, scrapes < 10 * small]).toEqual([UNHARMED, true]);
});

test("Methods and paths that clients invent make no series", async () => {
  await using server = await start();
  const { port } = server;
  const seen = await withstand(server, "small", async () => {
    for (let n = 0; n < 500; n++) {
      const { status } = await ask(port, n % 2 === 0 ? "PROPFIND" : "LOCK", `/data/${n}`);
      if (status !== 405) throw new Error(`It answered ${status}`);
    }
  });
  const series = await scrape(port);
  const methods = [...series].filter(([name]) =>
    /^http_requests_total\{method="_OTHER"/.test(name),
  );
  expect([seen, methods, (await scrapeText(port)).length < 65_536]).toEqual([
    UNHARMED,
    [['http_requests_total{method="_OTHER",code="405",kind="other"}', 500]],
    true,
  ]);
});

test.if(process.platform === "linux")(
  "A file in twenty thousand crumbs is no download, and each is counted",
  async () => {
    await using server = await start("--workers", "2");
    const { port } = server;
    const seen = await withstand(server, "small", async () => {
      const loop = async (_: unknown, lane: number) => {
        using wire = await Wire.connect(port);
        for (let n = 0; n < 1250; n++) {
          const start = 2 * ((1250 * lane + n * 7) % 500_000);
          wire.request("GET", "/data/large", { Range: `bytes=${start}-${start}` });
          if ((await wire.response()).body.length !== 1) throw new Error("It wasn't one byte");
        }
      };
      await Promise.all(Array.from({ length: 16 }, loop));
    });
    const range = 'http_requests_total{method="GET",code="206",kind="range"}';
    const { downloads_started_total: started } = Object.fromEntries(
      await scrapeUntil(port, { [range]: 20_000, downloads_started_total: 20 }),
    );
    // The small file, which is asked for before and after the attack. Crumbs are no download.
    expect([seen, started]).toEqual([UNHARMED, 20]);
  },
);

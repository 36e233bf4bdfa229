/** The live section in a real browser: the bar moves while peers download, and nothing is left over. */

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Snapshot } from "../live/snapshot.ts";
import { FAULTS } from "./accessibility.ts";
import { type Running, startBinary } from "./binary.ts";
import { type Browser, CHROMIUM, openBrowser } from "./browser.ts";
import { testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";

setDefaultTimeout(120_000);

const testLive = testWith(CHROMIUM, "aria2c");

const directory = temporaryDirectory("/dev/shm");
let server: Running;
let browser: Browser;

beforeAll(async () => {
  if (Bun.which(CHROMIUM) === null) return;
  mkdirSync(join(directory, "sub"));
  writeSettled(join(directory, "sub/shared.bin"), offsetBytes(32 * 1024 * 1024));
  writeSettled(join(directory, "other.bin"), offsetBytes(32 * 1024 * 1024));
  server = await startBinary(["--host", "0.0.0.0", "--workers", "2", directory]);
  browser = await openBrowser();
});

afterAll(async () => {
  browser?.[Symbol.dispose]();
  await server?.[Symbol.asyncDispose]();
});

/** A client of the swarm that takes so many bytes a second; it ends with the test. */
function download(name: string, rate: string): Bun.Subprocess & Disposable {
  const options = ["--no-conf", "--quiet", "--enable-dht=false", "--seed-time=1", "--retry-wait=1"];
  const url = `${server.origin}/data/${name}.torrent`;
  const into = temporaryDirectory();
  const child = Bun.spawn(["aria2c", ...options, `--max-download-limit=${rate}`, "-d", into, url]);
  return Object.assign(child, { [Symbol.dispose]: () => child.kill("SIGKILL") });
}

/** What the bar of the first shared file shows. */
const BAR = `[...document.querySelectorAll("#live .spread path")].map((path) => path.getAttribute("d")).join()`;

testLive(
  "A bar moves while a torrent client downloads; peers and downloads have theirs",
  async () => {
    using _one = download("sub/shared.bin", "3M");
    await browser.open(`${server.origin}/data/sub/`);
    await browser.evaluate(`document.querySelector("#live summary").click()`);
    await browser.until(`document.querySelector("#live .spread path[d^=M]")`);
    const before = await browser.evaluate<string>(BAR);
    await browser.until(`${BAR} !== ${JSON.stringify(before)}`);
    await browser.until(`document.querySelector("#live .peers progress")?.value > 0`);
    const seen = await browser.evaluate<string[]>(
      `[...document.querySelectorAll("#live .name")].map(({ textContent }) => textContent)`,
    );
    const faults = await browser.evaluate<string[]>(FAULTS);
    expect([seen, faults, browser.complaints()]).toEqual([["shared.bin"], [], []]);
  },
);

testLive(
  "The page of the whole server is complete without a script, and goes on with one",
  async () => {
    using _one = download("other.bin", "3M");
    await browser.open(`${server.origin}/-/live`);
    await browser.until(`document.querySelector("#live .chart .all[d^=M]")`);
    await browser.until(
      `[...document.querySelectorAll("#live .name")].some(({ textContent }) => textContent === "/data/other.bin")`,
    );
    const page = await (await fetch(`${server.origin}/-/live`)).text();
    const faults = await browser.evaluate<string[]>(FAULTS);
    const link = await browser.evaluate<string>(
      `document.querySelector(".way a").getAttribute("href")`,
    );
    expect([/<svg class="spread"/.test(page), link, faults, browser.complaints()]).toEqual([
      true,
      "/data/",
      [],
      [],
    ]);
  },
);

testLive("A section that is closed asks for nothing", async () => {
  await browser.open(`${server.origin}/data/`);
  const asked = () =>
    browser.evaluate<number>(
      `performance.getEntriesByType("resource").filter(({ name }) => name.includes("/-/events")).length`,
    );
  const closed = await asked();
  await browser.evaluate(`document.querySelector("#live summary").click()`);
  await browser.until(`document.querySelector("#live .chart .all[d^=M]")`);
  await browser.evaluate(`document.querySelector("#live").open = false`);
  expect([closed, browser.complaints()]).toEqual([0, []]);
});

/** A source of events that the test speaks for. */
const BY_HAND = `globalThis.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor() { super(); globalThis.source = this; }
  close() {}
};`;

/** An update in which everything changes. */
function update(n: number): Snapshot {
  const rest = { method: "GET", kind: "full", status: 200, range: null, owed: 1000 };
  const transfers = Array.from({ length: 20 }, (_, k) => ({
    ...{ id: `1-${n + k}`, client: `c${k}`, path: `/data/sub/<b>${k}</b>`, ...rest },
    ...{ acknowledged: (37 * n) % 1000, seconds: n },
  }));
  const files = Array.from({ length: 5 + (n % 5) }, (_, k) => ({
    ...{ path: `/data/sub/file${(n + k) % 11}`, length: 1e9, seeds: k, leechers: n % 7 },
    peers: Array.from({ length: n % 9 }, (_, p) => ({
      client: `p${p}`,
      port: p,
      completion: p / 9,
    })),
    ...{ connected: 4, sent: 1, received: 2, originShare: 0.5 },
    spread: Array.from({ length: 200 }, (_, s) => (s * n) % 5),
  }));
  const seconds = Array.from({ length: 180 }, (_, s) => (s * n) % 1000);
  return {
    ...{ now: n, started: 0, workers: 2, sent: { http: n, seeder: n }, received: n, running: 20 },
    ...{ originShare: 0.1, throughput: { http: seconds, seeder: seconds }, files, transfers },
    ended: transfers.map((one) => ({ ...one, id: `e${one.id}`, outcome: "timed out", at: n })),
  };
}

testLive("Nothing is left over after 1000 updates", async () => {
  const { identifier } = await browser.cdp<{ identifier: string }>(
    "Page.addScriptToEvaluateOnNewDocument",
    { source: BY_HAND },
  );
  await browser.open(`${server.origin}/data/sub/`);
  await browser.evaluate(`document.querySelector("#live summary").click()`);
  const tell = async (first: number, count: number) => {
    const texts = Array.from({ length: count }, (_, n) => JSON.stringify(update(first + n)));
    await browser.evaluate(
      `${JSON.stringify(texts)}.forEach((data) => source.dispatchEvent(new MessageEvent("message", { data })))`,
    );
  };
  const measure = async () => {
    // Elements are freed after the objects that hold them.
    for (let times = 0; times < 3; times++) await browser.cdp("HeapProfiler.collectGarbage");
    const { nodes, jsEventListeners } = await browser.cdp<{
      nodes: number;
      jsEventListeners: number;
    }>("Memory.getDOMCounters");
    const { usedSize } = await browser.cdp<{ usedSize: number }>("Runtime.getHeapUsage");
    const elements = await browser.evaluate<number>(`document.querySelectorAll("*").length`);
    return { nodes, jsEventListeners, usedSize, elements };
  };
  // The same state before and after.
  for (let round = 0; round < 5; round++) await tell(20 * round, 20);
  await tell(0, 1);
  const before = await measure();
  for (let round = 0; round < 50; round++) await tell(1 + 20 * round, 20);
  await tell(0, 1);
  const after = await measure();
  await browser.cdp("Page.removeScriptToEvaluateOnNewDocument", { identifier });
  expect({
    elements: after.elements - before.elements,
    listeners: after.jsEventListeners - before.jsEventListeners,
    // Pages that were left are collected late: there may be fewer. The tools hold a few.
    nodes: after.nodes - before.nodes < 200,
    heap: after.usedSize - before.usedSize < 1024 * 1024,
    hostile: await browser.evaluate<number>(`document.querySelectorAll("#live b").length`),
    complaints: browser.complaints(),
  }).toEqual({ elements: 0, listeners: 0, nodes: true, heap: true, hostile: 0, complaints: [] });
});

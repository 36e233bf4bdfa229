/**
 * The page in Chromium beside Caddy's, over the same folders: `bun bench/page.ts`. For each it
 * prints when the first content was painted, how much the layout shifted, what was
 * transferred, the longest task of the page, and how long the filter takes.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, openBrowser } from "../test/browser.ts";
import { freePort } from "../test/clients.ts";

/** Milliseconds for one page. */
const PATIENCE = 120_000;

const COUNTS = [30, 2_000, 200_000];

interface Figures {
  readonly firstPaint: number;
  /** When the first frame with twenty rows was made. */
  readonly rows: number;
  readonly loaded: number;
  readonly shift: number;
  readonly kilobytes: number;
  readonly longestTask: number;
  readonly filter: number | undefined;
}

function makeFolder(above: string, count: number): void {
  const path = join(above, String(count));
  mkdirSync(path);
  for (let n = 0; n < count; n++) writeFileSync(join(path, `file-${(n * 7919) % count}.bin`), "x");
}

async function start(command: readonly string[], url: string): Promise<Bun.Subprocess> {
  const child = Bun.spawn([...command], { stdout: "ignore", stderr: "ignore" });
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer !== undefined) return child;
    await Bun.sleep(50);
  }
}

const OBSERVE = `
  globalThis.seen = { shift: 0, longest: 0, rows: undefined };
  const look = () => document.querySelectorAll("tbody tr").length >= 20 ? (seen.rows = performance.now()) : requestAnimationFrame(look);
  requestAnimationFrame(look);
  new PerformanceObserver((list) => { for (const one of list.getEntries()) seen.shift += one.value; }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => { for (const one of list.getEntries()) seen.longest = Math.max(seen.longest, one.duration); }).observe({ type: "longtask", buffered: true });
`;

/** Time from a key in the filter to the next frame with its result. */
const FILTER = `(async () => {
  const input = document.querySelector("#filter input, input#filter");
  if (!input) return undefined;
  const began = performance.now();
  input.value = "4242";
  input.dispatchEvent(new Event("input", { bubbles: true }));
  input.dispatchEvent(new KeyboardEvent("keyup", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
})()`;

async function measure(browser: Browser, url: string): Promise<Figures> {
  let bytes = 0;
  const count = (event: Event) => {
    bytes += (event as MessageEvent<{ encodedDataLength: number }>).data.encodedDataLength;
  };
  browser.view.addEventListener("Network.loadingFinished", count);
  await browser.open(url);
  await Bun.sleep(500);
  browser.view.removeEventListener("Network.loadingFinished", count);
  const figures = await browser.evaluate<Omit<Figures, "kilobytes" | "filter">>(`({
    firstPaint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    rows: seen.rows,
    loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
    shift: seen.shift,
    longestTask: seen.longest,
  })`);
  const filter = (await browser.evaluate<number | null>(FILTER)) ?? undefined;
  return { ...figures, kilobytes: bytes / 1000, filter };
}

function show(name: string, count: number, figures: Figures | undefined): string {
  if (figures === undefined) return `| ${name} | ${count} | not loaded in ${PATIENCE / 1000} s |`;
  const { firstPaint, rows, loaded, shift, kilobytes, longestTask, filter } = figures;
  const cells = [firstPaint, rows, loaded, kilobytes, longestTask].map((one) => Math.round(one));
  const [paint, first, load, size, task] = cells;
  const typed = filter === undefined ? "–" : Math.round(filter);
  return `| ${name} | ${count} | ${paint} | ${first} | ${load} | ${shift.toFixed(3)} | ${size} | ${task} | ${typed} |`;
}

async function main(): Promise<void> {
  const directory = mkdtempSync("/dev/shm/page-");
  const counts = process.argv.length > 2 ? process.argv.slice(2).map(Number) : COUNTS;
  for (const count of counts) makeFolder(directory, count);
  const [own, caddys] = [freePort(), freePort()];
  const home = join(import.meta.dir, "..");
  const quiet = ["--host", "127.0.0.1", "--quiet", "--no-seed", "--port", String(own)];
  const servers = [
    await start(
      [process.execPath, join(home, "server.ts"), ...quiet, directory],
      `http://127.0.0.1:${own}/`,
    ),
    await start(
      ["caddy", "file-server", "--browse", "--root", directory, "--listen", `127.0.0.1:${caddys}`],
      `http://127.0.0.1:${caddys}/`,
    ),
  ];
  try {
    console.log(
      "| server | entries | first paint (ms) | first rows (ms) | loaded (ms) | layout shift | kB | longest task (ms) | filter (ms) |",
    );
    console.log("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    for (const count of counts) {
      for (const [name, base] of [
        ["rangesrv", `http://127.0.0.1:${own}/data/`],
        ["Caddy", `http://127.0.0.1:${caddys}/`],
      ] as const) {
        using browser = await openBrowser();
        await browser.cdp("Page.addScriptToEvaluateOnNewDocument", { source: OBSERVE });
        const late = Bun.sleep(PATIENCE).then(() => undefined);
        const figures = await Promise.race([measure(browser, `${base}${count}/`), late]);
        console.log(show(name, count, figures));
      }
    }
  } finally {
    for (const server of servers) server.kill();
    Bun.WebView.closeAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();

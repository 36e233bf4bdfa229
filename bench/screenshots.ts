/** Makes the pictures of docs/page.md with Chromium: `bun bench/screenshots.ts`. */

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, openBrowser } from "../test/browser.ts";

const IMAGES = join(import.meta.dir, "../docs/images");

const README = `# Weather model, autumn run

Twelve hours of forecasts on a grid of **2.5 km**. Take the whole folder with \`aria2c\`, and check it.

| file | what it has |
| --- | --- |
| forecast-N.grib2 | hour N |
| stations.csv | where it was measured |
`;

/** Name and bytes; files have holes, and take no room. */
const FILES: readonly (readonly [string, number])[] = [
  ...Array.from({ length: 8 }, (_, n) => [`forecast-${n + 1}.grib2`, 310e6 + n * 47e6] as const),
  ...([
    ["forecast-10.grib2", 812e6],
    ["overview.mp4", 96e6],
    ["stations.csv", 48_212],
  ] as const),
];

function makeTree(directory: string): void {
  const run = join(directory, "model", "autumn");
  mkdirSync(join(run, "maps"), { recursive: true });
  mkdirSync(join(run, "verification"));
  writeFileSync(join(run, "README.md"), README);
  for (const [n, [name, size]] of FILES.entries()) {
    const path = join(run, name);
    Bun.spawnSync(["truncate", "-s", String(Math.round(size)), path]);
    utimesSync(path, 1.79e9 + n * 4_321, 1.79e9 + n * 4_321);
  }
}

async function startServer(directory: string): Promise<{ child: Bun.Subprocess; base: string }> {
  const program = [process.execPath, join(import.meta.dir, "../server.ts")];
  const options = ["--host", "127.0.0.1", "--port", "0", "--no-seed", directory];
  const child = Bun.spawn([...program, ...options], { stdout: "ignore", stderr: "pipe" });
  for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
    const [base] = /http:\/\/\S+/.exec(chunk) ?? [];
    if (base !== undefined) return { child, base: `${base}model/autumn/` };
  }
  throw new Error("The server didn't start");
}

interface Picture {
  readonly name: string;
  readonly path: string;
  readonly dark?: boolean;
  readonly width?: number;
  readonly height?: number;
}

const PICTURES: readonly Picture[] = [
  { name: "light", path: "" },
  { name: "dark", path: "", dark: true },
  { name: "phone", path: "", width: 390, height: 760 },
  { name: "panel", path: "?file=README.md", height: 1100 },
];

async function take(browser: Browser, base: string, picture: Picture): Promise<void> {
  const { name, path, dark = false, width = 1100, height = 720 } = picture;
  await browser.view.resize(width, height);
  const scheme = { name: "prefers-color-scheme", value: dark ? "dark" : "light" };
  await browser.cdp("Emulation.setEmulatedMedia", { features: [scheme] });
  await browser.open(base + path);
  await browser.until(`document.querySelector(".size, #sha256, .compute:not([hidden])")`);
  const png = await browser.view.screenshot({ encoding: "buffer" });
  writeFileSync(join(IMAGES, `${name}.png`), png);
  console.log(`docs/images/${name}.png ${png.length} bytes`);
}

const directory = mkdtempSync("/dev/shm/screenshots-");
mkdirSync(IMAGES, { recursive: true });
makeTree(directory);
const { child, base } = await startServer(directory);
try {
  using browser = await openBrowser();
  for (const picture of PICTURES) await take(browser, base, picture);
} finally {
  child.kill();
  Bun.WebView.closeAll();
  rmSync(directory, { recursive: true, force: true });
}

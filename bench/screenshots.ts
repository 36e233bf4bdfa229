/** Makes the pictures of docs/page.md with Chromium and aria2: `bun bench/screenshots.ts`. */

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

async function startServer(
  directory: string,
  ...more: readonly string[]
): Promise<{ child: Bun.Subprocess; base: string }> {
  const program = [process.execPath, join(import.meta.dir, "../server.ts")];
  const options = ["--host", "127.0.0.1", "--port", "0", ...more, directory];
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
  save(name, await browser.view.screenshot({ encoding: "buffer" }));
}

/** Bytes a second that the peers of the live picture take. */
const RATES = ["5M", "4M", "3M", "2M"];

/** The live section while a swarm and a download go on. */
async function takeLive(browser: Browser): Promise<void> {
  const shared = mkdtempSync("/dev/shm/screenshots-");
  for (const name of ["forecast.grib2", "overview.mp4"]) {
    writeFileSync(join(shared, name), crypto.getRandomValues(Buffer.alloc(65_536)));
    Bun.spawnSync(["truncate", "-s", "60000000", join(shared, name)]);
    utimesSync(join(shared, name), 1.79e9, 1.79e9);
  }
  const { child, base } = await startServer(shared);
  const origin = new URL(base).origin;
  const clients = RATES.map((rate, n) => {
    const options = ["--no-conf", "--quiet", "--enable-dht=false", "--retry-wait=1"];
    const limit = `--max-download-limit=${rate}`;
    const url = `${origin}/data/forecast.grib2.torrent`;
    return Bun.spawn(["aria2c", ...options, limit, "-d", join(shared, `.${n}`), url]);
  });
  const film = `${origin}/data/overview.mp4`;
  clients.push(Bun.spawn(["curl", "-s", "--limit-rate", "1M", "-o", "/dev/null", film]));
  try {
    await browser.view.resize(1100, 720);
    await browser.cdp("Emulation.setEmulatedMedia", { features: [] });
    await browser.open(`${origin}/data/`);
    await browser.evaluate(`document.querySelector("#live summary").click()`);
    await browser.until(
      `[...document.querySelectorAll("#live .peers progress")].filter(({ value }) => value > 0.3).length > 2`,
    );
    save("live", await browser.view.screenshot({ encoding: "buffer" }));
  } finally {
    for (const one of [...clients, child]) one.kill();
    rmSync(shared, { recursive: true, force: true });
  }
}

function save(name: string, png: Uint8Array): void {
  writeFileSync(join(IMAGES, `${name}.png`), png);
  console.log(`docs/images/${name}.png ${png.length} bytes`);
}

const directory = mkdtempSync("/dev/shm/screenshots-");
mkdirSync(IMAGES, { recursive: true });
makeTree(directory);
const { child, base } = await startServer(directory, "--no-seed");
try {
  using browser = await openBrowser();
  for (const picture of PICTURES) await take(browser, base, picture);
  await takeLive(browser);
} finally {
  child.kill();
  Bun.WebView.closeAll();
  rmSync(directory, { recursive: true, force: true });
}

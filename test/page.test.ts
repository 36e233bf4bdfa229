/** The pages in a real browser: what people see, press and take, and what hostile names may not do. */

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FAULTS } from "./accessibility.ts";
import { type Browser, CHROMIUM, openBrowser } from "./browser.ts";
import { testWith } from "./clients.ts";
import { settle, type Site, startSite, temporaryDirectory, writeSettled } from "./site.ts";

setDefaultTimeout(120_000);

const testPage = testWith(CHROMIUM);

let site: Site;
let browser: Browser;

/** Names that would act, each ending in what would show that it did. */
const HOSTILE = [
  `"><script>canary=1<\u2215script>.txt`,
  `'"><img src=x onerror=canary=1>.txt`,
  "javascript:canary=1",
  "&lt;b&gt; &amp; %3Cb%3E.txt",
  "a..&#x2f;up.txt",
  "line\nbreak.txt",
  "tab\tand\u001b[2J.txt",
  "\u202egnp.exe",
  "\u05d0\u05d1\u05d2 123.txt",
  "-rf",
  "?file=a#b",
  "é".repeat(127),
  " spaces  .txt",
];

beforeAll(async () => {
  if (Bun.which(CHROMIUM) === null) return;
  // A large film takes no room on a disk that knows holes.
  site = startSite({}, temporaryDirectory("/dev/shm"));
  const file = (name: string, content: string | Uint8Array) =>
    writeSettled(join(site.directory, name), content);
  for (const name of ["sub", "hostile", "empty"]) mkdirSync(join(site.directory, name));
  file("file10.bin", new Uint8Array(3000));
  file("file9.bin", new Uint8Array(1000));
  file("notes.txt", `first line\n${"x".repeat(70_000)}`);
  file("readme.md", "# Title\n\n[sub](sub/) <script>canary=1</script> [x](javascript:canary=1)\n");
  file("page.html", "<h1>Page</h1><script>parent.canary=1;canary=1</script>");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="7"><script>canary=1</script></svg>`;
  file("drawing.svg", svg);
  file("paper.pdf", "%PDF-1.4\n%%EOF\n");
  file("sub/deep.txt", "deep");
  for (const name of HOSTILE) file(`hostile/${name}`, name);
  const bytes = Buffer.from(`${site.directory}/hostile/`);
  writeFileSync(Buffer.concat([bytes, Buffer.from([0x6e, 0xff])]), "");
  writeFilm(join(site.directory, "film.wav"));
  for (const name of ["sub", "hostile", "empty"]) settle(join(site.directory, name));
  browser = await openBrowser();
});

afterAll(() => {
  if (site === undefined) return;
  browser[Symbol.dispose]();
  site[Symbol.dispose]();
});

/** 2 GiB of silence: 16 bits, two channels, 192 kHz; 2796 seconds. */
function writeFilm(path: string): void {
  const [length, rate, frame] = [2 ** 31, 192_000, 4];
  const head = Buffer.alloc(44);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(36 + length, 4);
  head.write("WAVEfmt ", 8, "latin1");
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(2, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(frame * rate, 28);
  head.writeUInt16LE(frame, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(length, 40);
  const descriptor = openSync(path, "w");
  writeSync(descriptor, head);
  ftruncateSync(descriptor, 44 + length);
  closeSync(descriptor);
  settle(path);
}

const at = (path: string) => `${site.origin}/data/${path}`;
const NAMES = `[...document.querySelectorAll(".filtering .matches tr, .list:not(.filtering) tbody tr")].map((row) => row.cells[0].innerText.trim())`;

testPage("A listing: order, sizes, dates of the reader, a way up, totals", async () => {
  await browser.open(at(""));
  await browser.until(`document.querySelector(".list .size")`);
  const top = await browser.evaluate(`({
    names: ${NAMES},
    sizes: [...document.querySelectorAll("tbody td:nth-child(2)")].map((cell) => [cell.title, cell.innerText]).slice(3, 5),
    totals: document.querySelector("#totals").innerText,
    sorted: [...document.querySelectorAll("th")].map((head) => [head.innerText, head.ariaSort]),
    links: [...document.querySelectorAll("th a")].map((link) => [link.getAttribute("href"), link.rel]),
    date: document.querySelector("tbody time").innerText === new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(new Date(1e12)),
    bars: [...document.querySelectorAll(".size")].length,
  })`);
  await browser.open(at("sub/"));
  const below = await browser.evaluate(`({
    names: ${NAMES},
    way: [...document.querySelectorAll(".way li")].map((step) => [step.innerText, step.querySelector("a")?.href ?? null]),
  })`);
  expect([top, below, browser.complaints()]).toEqual([
    {
      names: [
        ...["empty/", "hostile/", "sub/", "drawing.svg", "file9.bin", "file10.bin", "film.wav"],
        ...["notes.txt", "page.html", "paper.pdf", "readme.md"],
      ],
      sizes: [
        ["92 bytes", "92 B"],
        ["1000 bytes", "1000 B"],
      ],
      totals: "8 files, 3 folders, 2.0 GiB",
      sorted: [
        ["Name", "ascending"],
        ["Size", null],
        ["Modified", null],
        ["Details", null],
      ],
      links: [
        ["?sort=name&order=desc", "nofollow"],
        ["?sort=size&order=desc", "nofollow"],
        ["?sort=date&order=desc", "nofollow"],
      ],
      date: true,
      bars: 8,
    },
    {
      names: [".. up", "deep.txt"],
      way: [
        ["/data/", at("")],
        ["sub", null],
      ],
    },
    [],
  ]);
});

testPage("Without a script, buttons sort and lead to the panel", async () => {
  await browser.cdp("Network.setBlockedURLs", { urls: ["*/-/page.*.js"] });
  await browser.open(at(""));
  await browser.view.click(".list th:nth-child(2) button");
  await browser.until(`location.search !== "" && document.readyState === "complete"`);
  const sorted = await browser.evaluate(`[location.search, ${NAMES}.slice(3, 6)]`);
  await browser.view.click("button[value='file9.bin']");
  await browser.until(`location.search.startsWith("?file") && document.readyState === "complete"`);
  const panel = await browser.evaluate(
    `[location.search, document.querySelector("h1").innerText, document.querySelectorAll("button").length, [...document.querySelectorAll("button")].filter((one) => one.checkVisibility()).length]`,
  );
  await browser.cdp("Network.setBlockedURLs", { urls: [] });
  browser.complaints();
  expect([sorted, panel]).toEqual([
    ["?sort=size&order=desc", ["film.wav", "notes.txt", "file10.bin"]],
    ["?file=file9.bin", "file9.bin", 9, 0],
  ]);
});

testPage("The filter, and the keys", async () => {
  const { view } = browser;
  await browser.open(at("sub/"));
  await browser.open(at(""));
  const focused = `document.activeElement.innerText || document.activeElement.type`;
  const seen: unknown[] = [];
  await view.press("/");
  seen.push(await browser.evaluate(focused));
  await view.type("FILE 0");
  await browser.until(`document.querySelector("#found").innerText`);
  seen.push(await browser.evaluate(`[${NAMES}, document.querySelector("#found").innerText]`));
  await view.press("ArrowDown");
  seen.push(await browser.evaluate(focused));
  await view.press("/");
  await view.press("Escape");
  seen.push(await browser.evaluate(`[${NAMES}.length, document.activeElement.tagName]`));
  for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"]) {
    await view.press(key as "ArrowDown");
    seen.push(await browser.evaluate(focused));
  }
  await view.press("Enter");
  await browser.until(`location.pathname === "/data/sub/" && document.querySelector(".up")`);
  await view.press("Backspace");
  await browser.until(`location.pathname === "/data/"`);
  expect([seen, browser.complaints()]).toEqual([
    [
      "search",
      [["file10.bin"], "1 of 11"],
      "file10.bin",
      [11, "BODY"],
      ...["empty/", "hostile/", "sub/", "drawing.svg", "sub/"],
    ],
    [],
  ]);
});

testPage("Light and dark, chosen and remembered", async () => {
  const paper = `getComputedStyle(document.body).backgroundColor`;
  const colours: unknown[] = [];
  for (const value of ["light", "dark"]) {
    await browser.cdp("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value }],
    });
    await browser.open(at(""));
    colours.push(await browser.evaluate(`[${paper}, document.querySelector("#theme").innerText]`));
  }
  await browser.view.click("#theme");
  colours.push(await browser.evaluate(paper));
  await browser.open(at("sub/"));
  colours.push(await browser.evaluate(paper));
  await browser.evaluate(`localStorage.clear()`);
  await browser.cdp("Emulation.setEmulatedMedia", { features: [] });
  expect(colours).toEqual([
    ["rgb(255, 255, 255)", "Dark"],
    ["rgb(17, 23, 21)", "Light"],
    "rgb(255, 255, 255)",
    "rgb(255, 255, 255)",
  ]);
});

const PAGES = [
  "",
  "sub/",
  "empty/",
  "hostile/",
  "?folder=",
  "?file=readme.md",
  "?file=film.wav",
  "?file=notes.txt",
];

testPage.each(PAGES)("For people who hear it, see it badly or use no mouse: %p", async (path) => {
  const faults: string[] = [];
  for (const value of ["light", "dark"]) {
    await browser.cdp("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value }],
    });
    await browser.open(at(path));
    faults.push(...(await browser.evaluate<string[]>(FAULTS)));
  }
  await browser.cdp("Emulation.setEmulatedMedia", { features: [] });
  expect([faults, browser.complaints()]).toEqual([[], []]);
});

testPage("The check finds faults that are there", async () => {
  await browser.open(at(""));
  await browser.evaluate(`(() => {
    const main = document.querySelector("main");
    main.append(document.createElement("h4"), document.createElement("button"), new Image());
    main.querySelector("h1").style.color = "#ccc";
    document.documentElement.lang = "";
    document.querySelector("caption").remove();
  })()`);
  const rules = (await browser.evaluate<string[]>(FAULTS)).map((fault) =>
    fault.replace(/[ :].*/s, ""),
  );
  expect([...new Set(rules)].sort()).toEqual([
    ...["color-contrast", "empty-heading", "heading-order", "html-has-lang", "image-alt", "name"],
    "table-caption",
  ]);
});

testPage("What a screen reader is told of the table", async () => {
  await browser.open(at("sub/"));
  const { nodes } = await browser.cdp<{
    nodes: { role?: { value: string }; name?: { value: string } }[];
  }>("Accessibility.getFullAXTree");
  const roles = nodes.map(({ role }) => role?.value ?? "");
  const count = (role: string) => roles.filter((one) => one === role).length;
  expect(
    Object.fromEntries(
      ["table", "columnheader", "row", "cell", "banner", "main", "contentinfo", "navigation"].map(
        (role) => [role, count(role)],
      ),
    ),
  ).toEqual({
    ...{
      table: 1,
      columnheader: 4,
      row: 3,
      cell: 8,
      banner: 1,
      main: 1,
      contentinfo: 1,
      navigation: 1,
    },
  });
});

testPage.each(["", "hostile/", "?file=readme.md", "?file=film.wav", "?folder="])(
  "A phone's width is enough for %p",
  async (path) => {
    await browser.view.resize(360, 740);
    await browser.open(at(path));
    const excess = await browser.evaluate(
      `document.documentElement.scrollWidth - document.documentElement.clientWidth`,
    );
    await browser.view.resize(1200, 800);
    expect(excess).toBe(0);
  },
);

testPage("Hostile names are shown, lead to their files, and are never run", async () => {
  await browser.open(at("hostile/"));
  const seen = await browser.evaluate<{
    canary: string;
    texts: string[];
    loose: string[];
    scripts: number;
  }>(`(async () => {
    const links = [...document.querySelectorAll("tbody tr:not(.up) td:first-child a")];
    return {
      canary: typeof canary,
      texts: await Promise.all(links.map(async ({ href }) => (await fetch(href)).text())),
      loose: [...document.querySelectorAll("td:first-child > .note")].map((name) => name.innerText),
      scripts: document.querySelectorAll("script, img").length,
    };
  })()`);
  expect([{ ...seen, texts: seen.texts.toSorted() }, browser.complaints()]).toEqual([
    { canary: "undefined", texts: HOSTILE.toSorted(), loose: ["n\\xff"], scripts: 2 },
    [],
  ]);
});

testPage("Each hostile name has its panel", async () => {
  const names: string[] = [];
  await browser.open(at("hostile/"));
  await browser.until(`!document.querySelector("button.more")`);
  const links = await browser.evaluate<string[]>(
    `[...document.querySelectorAll("a.more")].map(({ href }) => href)`,
  );
  for (const link of links) {
    await browser.open(link);
    names.push(
      await browser.evaluate<string>(
        `fetch(document.querySelector(".button.first").href).then((answer) => typeof canary === "undefined" ? answer.text() : "run")`,
      ),
    );
  }
  expect([names.toSorted(), browser.complaints()]).toEqual([HOSTILE.toSorted(), []]);
});

testPage("A panel: facts, digests on asking, the magnet link", async () => {
  await browser.open(at("?file=file10.bin"));
  await browser.until(`document.querySelector(".compute").checkVisibility()`);
  const facts = await browser.evaluate(
    `[...document.querySelectorAll(".facts dd")].map((one) => one.innerText).filter((_, n) => n !== 1)`,
  );
  await browser.view.click(".compute");
  await browser.until(
    `document.querySelector("#sha256") && document.querySelector("#magnet").checkVisibility()`,
  );
  const digest = await browser.evaluate(`document.querySelector("#sha256").innerText`);
  const magnet = await browser.evaluate<string>(`document.querySelector("#magnet-link").href`);
  const expected = Bun.CryptoHasher.hash("sha256", new Uint8Array(3000), "hex");
  const etag = (await fetch(at("file10.bin"))).headers.get("etag");
  // The digests were asked for while they were being computed.
  const complaints = browser.complaints().filter((one) => !/503|425/.test(one));
  expect([facts, digest, magnet.slice(0, 20), complaints]).toEqual([
    ["2.9 KiB, 3000 bytes", "application/octet-stream", etag],
    expected,
    "magnet:?xt=urn:btih:",
    [],
  ]);
});

testPage("A command is copied with one click", async () => {
  await browser.cdp("Browser.grantPermissions", {
    permissions: ["clipboardReadWrite", "clipboardSanitizedWrite"],
  });
  await browser.open(at("?file=file9.bin"));
  await browser.view.click("[data-copies='take-0']");
  await browser.until(`document.querySelector("[data-copies='take-0']").innerText === "Copied"`);
  const copied = await browser.evaluate(`navigator.clipboard.readText()`);
  expect(copied).toBe(`curl -fL --retry 9 -C - -o 'file9.bin' '${at("file9.bin")}'`);
});

testPage("A film of 2 GiB is sought at once, and little of it is fetched", async () => {
  await browser.open(at("?file=film.wav"));
  await browser.until(`document.querySelector("audio").readyState >= 1`);
  const sought = await browser.evaluate(`new Promise((done) => {
    const audio = document.querySelector("audio");
    audio.onseeked = () => done([Math.floor(audio.duration), audio.currentTime]);
    audio.currentTime = 2000;
  })`);
  expect([sought, browser.complaints()]).toEqual([[2796, 2000], []]);
});

testPage("Previews run nothing of a file", async () => {
  const shown: unknown[] = [];
  for (const [name, ready, value] of [
    [
      "drawing.svg",
      `document.querySelector(".preview img").naturalWidth`,
      `document.querySelector(".preview img").naturalWidth`,
    ],
    [
      "notes.txt",
      `document.querySelector("#text").textContent`,
      `[document.querySelector("#text").textContent.length, document.querySelector("#cut").hidden]`,
    ],
    [
      "page.html",
      `document.querySelector("#text").textContent`,
      `document.querySelector("#text").textContent`,
    ],
    [
      "readme.md",
      `true`,
      `[document.querySelector(".text h3").innerText, document.querySelector(".text a").href, document.querySelectorAll(".text a")[1].hasAttribute("href")]`,
    ],
    ["paper.pdf", `true`, `document.querySelector(".preview iframe").src`],
  ] as const) {
    await browser.open(at(`?file=${name}`));
    await browser.until(ready);
    shown.push([name, await browser.evaluate(value), await browser.evaluate(`typeof canary`)]);
  }
  expect([shown, browser.complaints()]).toEqual([
    [
      ["drawing.svg", 9, "undefined"],
      ["notes.txt", [65_536, false], "undefined"],
      ["page.html", "<h1>Page</h1><script>parent.canary=1;canary=1</script>", "undefined"],
      ["readme.md", ["Title", at("sub/"), false], "undefined"],
      ["paper.pdf", at("paper.pdf"), "undefined"],
    ],
    [],
  ]);
});

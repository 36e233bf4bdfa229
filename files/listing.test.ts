/** Listings: the documents that a file of its length has, their order, and names that would act. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settle, startSite, temporaryDirectory, writeSettled } from "../test/site.ts";
import { Wire } from "../test/wire.ts";

setDefaultTimeout(60_000);

test("Each file is listed with the names of its documents", async () => {
  using site = startSite();
  mkdirSync(join(site.directory, "dir"));
  settle(join(site.directory, "dir"));
  writeSettled(join(site.directory, "a b.bin"), "bytes");
  writeSettled(join(site.directory, "empty"), "");
  const response = await fetch(`${site.origin}/data/`, { headers: { accept: "application/json" } });
  const mtime = "2001-09-09T01:46:40.000Z";
  expect(await response.json()).toEqual([
    {
      ...{ name: "dir", type: "directory", mtime },
      documents: {
        meta4: "dir.meta4",
        torrent: "dir.torrent",
        magnet: "dir.magnet",
        txt: "dir.txt",
        sha256sums: "dir/SHA256SUMS",
      },
    },
    {
      name: "a b.bin",
      type: "file",
      size: 5,
      mtime,
      documents: {
        meta4: "a b.bin.meta4",
        torrent: "a b.bin.torrent",
        magnet: "a b.bin.magnet",
        sha256: "a b.bin.sha256",
      },
    },
    {
      name: "empty",
      type: "file",
      size: 0,
      mtime,
      documents: { meta4: "empty.meta4", sha256: "empty.sha256" },
    },
  ]);
});

test("Names are in order by code unit, directories first, however many there are", async () => {
  using site = startSite();
  const names = Array.from({ length: 700 }, (_, n) => `${(n * 7919) % 700}${n % 3 ? "é" : "Z"}`);
  for (const name of names) writeFileSync(join(site.directory, name), "");
  mkdirSync(join(site.directory, "zz"));
  mkdirSync(join(site.directory, "aa"));
  const response = await fetch(`${site.origin}/data/`, { headers: { accept: "application/json" } });
  const listed = (await response.json()) as { name: string }[];
  expect(listed.map(({ name }) => name)).toEqual(["aa", "zz", ...names.toSorted()]);
});

/** Two names that read the same where bytes that are no UTF-8 are shown as U+FFFD, and one that is so called. */
const NOT_UTF8 = [Buffer.from([0x6e, 0xff]), Buffer.from([0x6e, 0xfe]), Buffer.from("n\ufffd")];

test("No name acts on the page, the line or the terminal that shows it", async () => {
  using site = startSite();
  const directory = join(site.directory, "d\u001b[2J");
  mkdirSync(directory);
  const slash = Buffer.from(`${directory}/`);
  for (const name of ["a\nb", "<i>", "c\u001b]0;x\u0007", "d\u007f\u0085", "e\u202egnp.exe"]) {
    writeSettled(join(directory, name), "");
  }
  for (const name of NOT_UTF8) writeFileSync(Buffer.concat([slash, name]), "");
  const url = `${site.origin}/data/d%1B[2J/`;
  const html = await (await fetch(url)).text();
  const json = await (await fetch(url, { headers: { accept: "application/json" } })).text();
  const unseen = /[\0-\x09\x0b-\x1f\x7f-\x9f\u202e]/;
  expect({
    unseen: [unseen.test(html), unseen.test(json)],
    title: /<title>(.*)<\/title>/.exec(html)?.[1],
    shown: [...html.matchAll(/<tr><td>(.*?)<td/g)].map(([, name]) => name),
    names: (JSON.parse(json) as { name: string }[]).map(({ name }) => name),
  }).toEqual({
    unseen: [false, false],
    title: "Index of /data/d\u241b[2J/",
    shown: [
      '<a href="%3Ci%3E">&lt;i&gt;</a>',
      '<a href="a%0Ab"><bdi>a\u240ab</bdi></a>',
      '<a href="c%1B%5D0%3Bx%07"><bdi>c\u241b]0;x\u2407</bdi></a>',
      '<a href="d%7F%C2%85"><bdi>d\u2421\ufffd</bdi></a>',
      '<a href="e%E2%80%AEgnp.exe"><bdi>e\ufffdgnp.exe</bdi></a>',
      '<a href="n%EF%BF%BD"><bdi>n\ufffd</bdi></a>',
      '<span class="note" title="The name is no UTF-8: no URL leads there">n\\xfe</span>',
      '<span class="note" title="The name is no UTF-8: no URL leads there">n\\xff</span>',
    ],
    names: ["<i>", "a\nb", "c\u001b]0;x\u0007", "d\u007f\u0085", "e\u202egnp.exe", "n\ufffd"],
  });
});

test("A date that no calendar has doesn't keep a directory from being listed", async () => {
  using site = startSite({}, temporaryDirectory("/dev/shm"));
  writeFileSync(join(site.directory, "late"), "");
  utimesSync(join(site.directory, "late"), 1e16, 1e16);
  const response = await fetch(`${site.origin}/data/`, { headers: { accept: "application/json" } });
  expect([response.status, await response.json(), site.lines]).toEqual([
    200,
    [
      {
        name: "late",
        type: "file",
        size: 0,
        mtime: "+275760-09-13T00:00:00.000Z",
        documents: { meta4: "late.meta4", sha256: "late.sha256" },
      },
    ],
    [],
  ]);
});

/** A directory of 6000 entries: so many that its page is sent while it is made. */
function startMany() {
  const site = startSite({}, temporaryDirectory("/dev/shm"));
  const many = join(site.directory, "many");
  mkdirSync(many);
  for (let n = 0; n < 5_990; n++) writeFileSync(join(many, `file${n}`), "x");
  for (let n = 0; n < 10; n++) mkdirSync(join(many, `dir${n}`));
  settle(many);
  return { site, url: `${site.origin}/data/many/` };
}

function linksOf(page: string): string[] {
  return [...page.matchAll(/<td><a href="([^"]*)"/g)].map(([, href = ""]) => href);
}

test("A page of very many entries has each once, in order, and its totals at the end", async () => {
  const { site, url } = startMany();
  using _ = site;
  const response = await fetch(url);
  const page = await response.text();
  const expected = [
    ...["../", ...Array.from({ length: 10 }, (_, n) => `dir${n}/`)],
    ...Array.from({ length: 5_990 }, (_, n) => `file${n}`),
  ];
  const descending = linksOf(await (await fetch(`${url}?order=desc`)).text());
  const bySize = await (await fetch(`${url}?sort=size`)).text();
  expect([
    [response.headers.get("content-length"), response.headers.get("vary")],
    linksOf(page),
    [...page.matchAll(/class="totals"[^>]*>(.*)<\/p>/g)].map(([, totals]) => totals),
    descending.slice(0, 13),
    linksOf(bySize),
  ]).toEqual([
    [null, "Accept"],
    expected,
    ["5990 files, 10 folders", '5990 files, 10 folders, <span title="5990 bytes">5.8 KiB</span>'],
    [
      ...["../", ...Array.from({ length: 10 }, (_, n) => `dir${9 - n}/`)],
      ...["file5989", "file5988"],
    ],
    expected,
  ]);
});

function countOpen(path: string): number {
  const links = readdirSync("/proc/self/fd").flatMap((one) => {
    try {
      return [readlinkSync(`/proc/self/fd/${one}`)];
    } catch {
      return [];
    }
  });
  return links.filter((link) => link === path).length;
}

test.skipIf(process.platform !== "linux")(
  "A client that goes away, and HEAD, leave nothing open",
  async () => {
    const { site, url } = startMany();
    using _ = site;
    const ended: unknown[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    site.served.transfers.observe({
      ended: ({ kind, outcome }) => {
        ended.push([kind, outcome]);
        if (ended.length === 3) resolve();
      },
    });
    const leaver = await Wire.connect(site.port);
    leaver.request("GET", "/data/many/");
    leaver.pause();
    const head = await fetch(url, { method: "HEAD" });
    const whole = await (await fetch(url)).text();
    // The kernel has had no room for 50 ms: the answer stands still when the client leaves.
    const [left] = site.served.transfers;
    while ((left?.connections?.sight?.age ?? 0) < 50) await new Promise(setImmediate);
    leaver[Symbol.dispose]();
    await promise;
    while (countOpen(join(site.directory, "many")) > 0) await new Promise(setImmediate);
    expect([head.status, linksOf(whole).length, ended.toSorted()]).toEqual([
      ...[200, 6001],
      [
        ["head", "complete"],
        ["listing", "aborted"],
        ["listing", "complete"],
      ],
    ]);
  },
);

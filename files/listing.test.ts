/** Listings: the documents that a file of its length has, their order, and names that would act. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { settle, startSite, temporaryDirectory, writeSettled } from "../test/site.ts";

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
    { name: "dir", type: "directory", mtime },
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
      '<a href="%3Ci%3E"><bdi>&lt;i&gt;</bdi></a>',
      '<a href="a%0Ab"><bdi>a\u240ab</bdi></a>',
      '<a href="c%1B%5D0%3Bx%07"><bdi>c\u241b]0;x\u2407</bdi></a>',
      '<a href="d%7F%C2%85"><bdi>d\u2421\ufffd</bdi></a>',
      '<a href="e%E2%80%AEgnp.exe"><bdi>e\ufffdgnp.exe</bdi></a>',
      '<a href="n%EF%BF%BD"><bdi>n\ufffd</bdi></a>',
      '<span class="note" title="The name is no UTF-8: no URL leads there"><bdi>n\\xfe</bdi></span>',
      '<span class="note" title="The name is no UTF-8: no URL leads there"><bdi>n\\xff</bdi></span>',
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

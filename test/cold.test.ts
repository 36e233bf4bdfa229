/** Bytes that are on disk and not in memory: another thread reads them, and they are the same bytes. */

import { expect, setDefaultTimeout } from "bun:test";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locate, openRoot } from "../files/locate.ts";
import { isResident } from "../files/page-cache.ts";
import { parseTarget } from "../http/target.ts";
import { run, testWith } from "./clients.ts";
import { offsetBytes, settle, type Site, startSite, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const BYTES = offsetBytes(24 * 1024 * 1024);

testWith("dd").each<[string, string, number, number]>([
  ["a byte", "bytes=7-7", 7, 8],
  ["a small window", "bytes=100000-299999", 100_000, 300_000],
  ["a piece", "bytes=4194304-8388607", 4_194_304, 8_388_608],
  ["the end", "bytes=-5", BYTES.length - 5, BYTES.length],
  ["more than is read ahead", "bytes=0-", 0, BYTES.length],
])("%s", async (_, range, start, end) => {
  using site = startSite();
  await writeCold(site);
  const before = isWarm(site, start, end);
  const { status, body, complete } = await ask(site.port, "GET", "/data/file", { Range: range });
  const exact = body.equals(BYTES.subarray(start, end));
  expect({ before, status, complete, exact, after: isWarm(site, start, end) }).toEqual({
    ...{ before: TELLS ? false : before, status: 206, complete: true, exact: true },
    after: true,
  });
});

/** What tmpfs holds is always in memory, and it can't tell. */
const TELLS = process.platform === "linux" && statfsSync(tmpdir()).type !== 0x01021994;

/** Writes the file back, then throws it out of memory. */
async function writeCold(site: Site): Promise<void> {
  const path = join(site.directory, "file");
  writeSettled(path, BYTES);
  await run(["dd", `of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"]);
  settle(path);
}

/** Whether the server takes a window for one that it can read without waiting. */
function isWarm({ directory }: Site, start: number, end: number): boolean {
  const target = parseTarget("/data/file", "/data/");
  if (target.kind !== "path") throw new Error(target.kind);
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  using place = locate(root, target);
  return place.kind === "file" && isResident(place, { start, end });
}

testWith("dd")("a client that goes away meanwhile costs nothing", async () => {
  using site = startSite();
  await writeCold(site);
  const wire = await Wire.connect(site.port);
  wire.request("GET", "/data/file", { Range: "bytes=4194304-8388607" });
  wire[Symbol.dispose]();
  const { status, body } = await ask(site.port, "GET", "/data/file", { Range: "bytes=0-15" });
  expect([status, body.toString(), site.lines]).toEqual([206, "000000000000000\n", []]);
});

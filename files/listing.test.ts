/** A listing as JSON, with the documents that a file of its length has. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { settle, startSite, writeSettled } from "../test/site.ts";

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

/** Walks of folders: shared by requests, one at a time, and in the order of a torrent. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRoot } from "../files/locate.ts";
import { temporaryDirectory } from "../test/site.ts";
import { Folders } from "./folders.ts";

function start(files: readonly string[]) {
  const path = temporaryDirectory();
  for (const file of files) {
    mkdirSync(join(path, file, ".."), { recursive: true });
    writeFileSync(join(path, file), "x");
  }
  const folders = new Folders(openRoot(path, { symlinks: "inside", dotfiles: false }));
  return (name: string) =>
    folders.list([name], { path: join(path, name), realPath: join(path, name) });
}

test("A folder is a job with its files in the order of a torrent", async () => {
  const list = start(["d/b/2", "d/b!", "d/a", "d/é", "d/🙂", "d/Ａ", "e"]);
  const listed = await list("d");
  const names =
    listed !== undefined && "names" in listed ? listed.names.map((name) => name.join("/")) : listed;
  // By the bytes of their paths: "!" is before "/", and 🙂 behind Ａ.
  expect(names).toEqual(["a", "b!", "b/2", "é", "Ａ", "🙂"]);
});

test("Requests at the same time, or soon after, share a walk", async () => {
  const list = start(["d/a"]);
  const walks = [list("d"), list("d")];
  const [first, second] = await Promise.all(walks);
  const later = await list("d");
  expect([first === second, first === later]).toEqual([true, true]);
});

test("Of many folders a hundred wait, and the rest are not listed", async () => {
  const names = Array.from({ length: 120 }, (_, n) => `d${n}`);
  const list = start(names.map((name) => `${name}/a`));
  const walks = names.map((name) => list(name));
  const listed = await Promise.all(walks);
  const again = await list("d119");
  expect([listed.filter((one) => one !== undefined).length, again !== undefined]).toEqual([
    100,
    true,
  ]);
});

test("A folder that is gone is refused, and harms no other", async () => {
  const list = start(["d/a"]);
  const [gone, there] = await Promise.all([list("gone"), list("d")]);
  expect([gone, there !== undefined && "names" in there]).toEqual([
    {
      kind: "refused",
      reason: "The folder has files that can't be read",
    },
    true,
  ]);
});

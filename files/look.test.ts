/** A file that nothing happened to is known again, whatever its device and its dates; others aren't. */

import { expect, test } from "bun:test";
import { closeSync, openSync, renameSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../test/site.ts";
import { Seen } from "./look.ts";

function see(path: string): { at: boolean; unchanged: boolean } {
  const descriptor = openSync(path, "r");
  const seen = new Seen(descriptor, path);
  const unchanged = seen.isUnchanged(descriptor);
  closeSync(descriptor);
  return { at: seen.isAt(path), unchanged };
}

const linux = process.platform === "linux" ? ["/dev/null", "/dev/shm", "/sys", "/"] : [];

test.each([...linux, import.meta.path])("%s is what it was", (path) => {
  expect(see(path)).toEqual({ at: true, unchanged: true });
});

test
  .if(process.platform === "linux")
  .each([["1970-01-01 00:00:00Z"], ["1960-01-01 00:00:00.25Z"], ["2200-01-01 00:00:00.5Z"]])(
  "A file of %s is what it was",
  (date) => {
    const path = join(temporaryDirectory(), "file");
    writeFileSync(path, "content");
    expect(Bun.spawnSync(["touch", "-d", date, path]).exitCode).toBe(0);
    expect(see(path)).toEqual({ at: true, unchanged: true });
  },
);

test.each([
  ["longer", (path: string) => writeFileSync(path, "content and more"), false, false],
  ["another date", (path: string) => utimesSync(path, 5, 6), false, false],
  ["renamed away", (path: string) => renameSync(path, `${path}2`), false, true],
  [
    "replaced by one that is alike",
    (path: string) => {
      writeFileSync(`${path}2`, "content");
      utimesSync(`${path}2`, 5, 5);
      renameSync(`${path}2`, path);
    },
    false,
    true,
  ],
])("A change is seen: %s", (_, change, at, unchanged) => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "content");
  utimesSync(path, 5, 5);
  const descriptor = openSync(path, "r");
  const seen = new Seen(descriptor, path);
  change(path);
  const observed = { at: seen.isAt(path), unchanged: seen.isUnchanged(descriptor) };
  closeSync(descriptor);
  expect(observed).toEqual({ at, unchanged });
});

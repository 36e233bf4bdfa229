/** Remembered files: the bound, the order, and that nobody's descriptor is closed under them. */

import { expect, test } from "bun:test";
import {
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../test/site.ts";
import { FileChanged } from "./failure.ts";
import { OpenFile, OpenFiles } from "./open-file.ts";

function openFile(path: string): OpenFile {
  const descriptor = openSync(path, "r");
  return new OpenFile(descriptor, path, "name");
}

/** How many descriptors of this process are open on something below `directory`. */
function descriptorsBelow(directory: string): number {
  return readdirSync("/proc/self/fd").filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(`${directory}/`);
    } catch {
      return false;
    }
  }).length;
}

const LOOK = { bigint: true } as const;

test.if(process.platform === "linux")(
  "No more are remembered than the bound, the least recent goes first",
  () => {
    const directory = temporaryDirectory();
    const paths = Array.from({ length: 5 }, (_, n) => join(directory, `file${n}`));
    for (const path of paths) writeFileSync(path, path);
    const [first = ""] = paths;
    const files = new OpenFiles(3);
    const seen: unknown[] = [];
    for (const path of paths) {
      using file = openFile(path);
      files.remember(file);
      // The first is asked for again and again, and stays.
      files.find(first)?.release();
      seen.push([files.size, descriptorsBelow(directory)]);
    }
    const remembered = paths.filter((path) => {
      const file = files.find(path);
      file?.release();
      return file !== undefined;
    });
    while (files.forgetOldest());
    seen.push(
      remembered.map((path) => paths.indexOf(path)),
      descriptorsBelow(directory),
    );
    rmSync(directory, { recursive: true });
    expect(seen).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      // The one just made is still held by its maker when the oldest has gone.
      [3, 3],
      [3, 3],
      [0, 3, 4],
      0,
    ]);
  },
);

test.if(process.platform === "linux")(
  "A forgotten file stays open until the last user lets go",
  () => {
    const directory = temporaryDirectory();
    const path = join(directory, "file");
    writeFileSync(path, "OLD");
    const files = new OpenFiles(3);
    const made = openFile(path);
    files.remember(made);
    made.release();
    const user = files.find(path);
    writeFileSync(`${path}.new`, "NEW");
    renameSync(`${path}.new`, path);
    const replaced = files.find(path);
    const bytes = Buffer.alloc(3);
    readSync(user?.descriptor ?? -1, bytes, 0, 3, 0);
    const before = descriptorsBelow(directory);
    user?.release();
    const after = descriptorsBelow(directory);
    rmSync(directory, { recursive: true });
    expect({ replaced, bytes: bytes.toString(), before, after }).toEqual({
      replaced: undefined,
      bytes: "OLD",
      before: 1,
      after: 0,
    });
  },
);

test.each<[string, (path: string) => void, boolean]>([
  ["left alone", () => {}, true],
  ["written to", (path) => writeFileSync(path, "NEW"), false],
  [
    "replaced by one of the same size",
    (path) => {
      writeFileSync(`${path}.new`, "NEW");
      renameSync(`${path}.new`, path);
    },
    false,
  ],
  [
    "renamed away and back",
    (path) => {
      renameSync(path, `${path}.away`);
      renameSync(`${path}.away`, path);
    },
    false,
  ],
])("A file that was %s is found again: only when nothing about it changed", (_, change, found) => {
  const directory = temporaryDirectory();
  const path = join(directory, "file");
  writeFileSync(path, "OLD");
  const files = new OpenFiles(3);
  const made = openFile(path);
  files.remember(made);
  made.release();
  // The clock of a file system may stand for some milliseconds.
  const stamp = statSync(path, LOOK).ctimeNs;
  do change(path);
  while (!found && statSync(path, LOOK).ctimeNs === stamp);
  const file = files.find(path);
  file?.release();
  while (files.forgetOldest());
  rmSync(directory, { recursive: true });
  expect(file !== undefined).toBe(found);
});

test("An URL is remembered with its file: so many for one file, none that is long, and no longer than it", () => {
  const directory = temporaryDirectory();
  const path = join(directory, "file");
  writeFileSync(path, "OLD");
  const files = new OpenFiles(1);
  const file = openFile(path);
  const url = (n: number) => `http://x/data/file?${n}`;
  const recalled = () =>
    Array.from({ length: 10 }, (_, n) => {
      using found = files.recall(url(n), 1);
      return found?.file === file && found.download;
    });
  // Nobody remembers the file yet.
  files.name(url(0), file, true);
  const seen = [recalled().includes(true)];
  files.remember(file);
  for (let n = 0; n < 10; n++) files.name(url(n), file, true);
  const long = `http://x/data/${"a".repeat(600)}`;
  files.name(long, file, true);
  seen.push(...recalled(), files.recall(long, 1) !== undefined);
  files.forgetOldest();
  seen.push(recalled().includes(true));
  file.release();
  expect(seen).toEqual([false, false, false, ...Array(8).fill(true), false, false]);
});

test.each<[string, (path: string) => void, string]>([
  ["left alone", () => {}, "look confirm"],
  ["written to", (path) => writeFileSync(path, "other"), ""],
  ["renamed away", (path) => renameSync(path, `${path}2`), ""],
])("A file recalled by its URL and %s: one look at its path says so", (_, change, passed) => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "OLD");
  const files = new OpenFiles(1);
  const file = openFile(path);
  files.remember(file);
  files.name("http://x/file", file, false);
  change(path);
  const held: string[] = [];
  for (const check of ["look", "confirm"] as const) {
    files.name("http://x/file", file, false);
    using found = files.recall("http://x/file", 1);
    try {
      found?.[check]();
      if (found !== undefined) held.push(check);
    } catch (error) {
      if (!(error instanceof FileChanged)) throw error;
    }
  }
  const { size } = files;
  while (files.forgetOldest());
  file.release();
  expect([held.join(" "), size]).toEqual([passed, passed === "" ? 0 : 1]);
});

test("A file that was located long ago isn't recalled, however often it is asked for", () => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "OLD");
  const files = new OpenFiles(1);
  const file = openFile(path);
  files.remember(file);
  files.name("http://x/file", file, false);
  const now = Date.now();
  const recalled = [0, 5_000, 9_000, 10_000, 20_000].map((later) => {
    using found = files.recall("http://x/file", now + later);
    return found !== undefined;
  });
  while (files.forgetOldest());
  file.release();
  expect(recalled).toEqual([true, true, true, false, false]);
});

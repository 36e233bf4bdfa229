import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../test/clients.ts";
import { temporaryDirectory } from "../test/site.ts";
import { readOperatorFile } from "./operator-file.ts";

const HOME = temporaryDirectory();

/** The text, or the error without the directory. */
function read(name: string): string {
  try {
    return readOperatorFile(join(HOME, name));
  } catch (error) {
    return String(error).replace(`${HOME}/`, "");
  }
}

writeFileSync(join(HOME, "text"), "ä\n");
writeFileSync(join(HOME, "bytes"), new Uint8Array([0xff]));
writeFileSync(join(HOME, "large"), "");
truncateSync(join(HOME, "large"), 1024 * 1024 + 1);
mkdirSync(join(HOME, "folder"));
symlinkSync("circle", join(HOME, "circle"));

test.each([
  ["text", "ä\n"],
  ["none", 'Error: Cannot read "none": no such file'],
  ["text/x", 'Error: Cannot read "text/x": no such file'],
  ["folder", 'Error: Cannot read "folder": not a file'],
  ["circle", 'Error: Cannot read "circle": its symbolic links lead in a circle'],
  ["bytes", 'Error: Cannot read "bytes": not UTF-8'],
  ["large", 'Error: Cannot read "large": larger than 1048576 bytes'],
])("%s: %s", (name, expected) => {
  expect(read(name)).toBe(expected);
});

testWith("mkfifo")("a FIFO without a writer doesn't hang", () => {
  Bun.spawnSync(["mkfifo", join(HOME, "fifo")]);
  expect(read("fifo")).toBe('Error: Cannot read "fifo": not a file');
});

import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { identityAt, temporaryDirectory, writeSettled } from "../test/site.ts";
import { openRoot } from "./locate.ts";
import { SharedContent, type SharedFile } from "./shared-content.ts";

function share(files: readonly (readonly [path: string, content: string])[]): {
  readonly content: SharedContent;
  readonly directory: string;
} {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "folder"));
  for (const [path, content] of files) writeSettled(join(directory, path), content);
  const root = openRoot(directory, { symlinks: "inside", dotfiles: false });
  const shared = files.map(([path]): SharedFile => ({
    segments: path.split("/"),
    identity: identityAt(join(directory, path)),
  }));
  return { content: new SharedContent(root, shared), directory };
}

async function read(content: SharedContent, start: number, end: number): Promise<string> {
  try {
    return Buffer.from(await content.read({ start, end })).toString();
  } catch (error) {
    return error instanceof Error ? error.constructor.name : "";
  }
}

test.each<[string, number, number, string]>([
  ["within the first", 0, 2, "AB"],
  ["the whole first", 0, 4, "ABCD"],
  ["across an empty one", 2, 6, "CDEF"],
  ["across all", 0, 9, "ABCDEFGHI"],
  ["the last byte", 8, 9, "I"],
  ["nothing", 4, 4, ""],
  ["past the end", 8, 10, "RangeError"],
  ["behind the end", 9, 10, "RangeError"],
])("A window of several files: %s", async (_why, start, end, expected) => {
  const { content } = share([
    ["a", "ABCD"],
    ["folder/empty", ""],
    ["folder/b", "EFG"],
    ["z", "HI"],
  ]);
  expect(await read(content, start, end)).toBe(expected);
});

test.each<[string, (path: string) => void, string]>([
  ["left alone", () => {}, "ABCD"],
  ["appended to", (path) => appendFileSync(path, "E"), "FileChanged"],
  ["deleted", (path) => unlinkSync(path), "FileChanged"],
  ["rewritten with the same size and date", (path) => writeSettled(path, "XXXX"), "FileChanged"],
  [
    "turned into a link that leaves the root",
    (path) => {
      unlinkSync(path);
      symlinkSync("/etc/hostname", path);
    },
    "FileChanged",
  ],
  [
    "replaced by a copy with the same size and date",
    (path) => {
      writeSettled(`${path}.new`, "ABCD");
      renameSync(`${path}.new`, path);
    },
    "FileChanged",
  ],
])("A shared file that was %s", async (_why, change, expected) => {
  const { content, directory } = share([["file", "ABCD"]]);
  expect(await read(content, 0, 4)).toBe("ABCD");
  change(join(directory, "file"));
  expect(await read(content, 0, 4)).toBe(expected);
});

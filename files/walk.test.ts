/** What a walk finds, link by link; every case ends. */

import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../test/site.ts";
import { openRoot, type SymlinkPolicy } from "./locate.ts";
import { everyFileOnce, walk } from "./walk.ts";

/** Makes a tree: names that end in a slash are directories, `a -> b` is a link. */
function makeTree(entries: readonly string[]): string {
  const parent = temporaryDirectory();
  const root = join(parent, "root");
  mkdirSync(root);
  writeFileSync(join(parent, "outside"), "OUTSIDE");
  for (const entry of entries) {
    const [path = "", target] = entry.split(" -> ");
    if (target !== undefined) symlinkSync(target, join(root, path));
    else if (path.endsWith("/")) mkdirSync(join(root, path));
    else writeFileSync(join(root, path), path);
  }
  return root;
}

const LINKS = ["dir/", "dir/file", "link -> dir/file", "up -> ../outside", "way -> dir"];

test.each<[string, readonly string[], SymlinkPolicy, boolean, string[]]>([
  ["nothing", [], "inside", false, []],
  [
    "in the order of names, a directory's files before those below",
    ["b", "a/", "a/2", "a/1", "a/c/", "a/c/3", "d/", "d/4"],
    "inside",
    false,
    ["b", "a/1", "a/2", "a/c/3", "d/4"],
  ],
  ["no dotfiles", [".a", ".b/", ".b/c", "d"], "inside", false, ["d"]],
  ["dotfiles", [".a", ".b/", ".b/c", "d"], "inside", true, [".a", "d", ".b/c"]],
  ["links inside", LINKS, "inside", false, ["link", "dir/file", "way/file"]],
  ["no links", LINKS, "none", false, ["dir/file"]],
  ["all links", LINKS, "all", false, ["link", "up", "dir/file", "way/file"]],
  ["a link to nowhere, and one to itself", ["a -> b", "c -> c", "d"], "all", false, ["d"]],
  ["a circle", ["a/", "a/self -> .", "a/up -> ..", "a/file"], "inside", false, ["a/file"]],
  [
    "directories that link to each other",
    ["a/", "b/", "a/b -> ../b", "b/a -> ../a", "a/1", "b/2"],
    "inside",
    false,
    ["a/1", "a/b/2", "b/2", "b/a/1"],
  ],
])("Found: %s", (_why, entries, symlinks, dotfiles, expected) => {
  const path = makeTree(entries);
  const root = openRoot(path, { symlinks, dotfiles });
  const found = [...walk(root)].flatMap((walked) => {
    if (walked.kind === "directory" || walked.kind === "passed") return [];
    const name = walked.path.slice(path.length + 1);
    return walked.kind === "unreadable" ? `${name} ${walked.code}` : name;
  });
  expect(found).toEqual(expected);
});

test.each<[string, readonly string[], SymlinkPolicy, string[]]>([
  ["of links inside", [...LINKS, "back -> .", "dir/up -> .."], "inside", ["link", "dir/file"]],
  ["of a hidden directory", [".v1/", ".v1/file", "a -> .v1", "b -> .v1"], "inside", ["a/file"]],
  ["of a directory outside", ["a -> ../other", "b -> ../other"], "all", ["a/file"]],
])("Each file once: %s", (_why, entries, symlinks, expected) => {
  const path = makeTree(entries);
  mkdirSync(join(path, "../other"));
  writeFileSync(join(path, "../other/file"), "OTHER");
  const root = openRoot(path, { symlinks, dotfiles: false });
  const found = [...everyFileOnce(root)].flatMap((walked) =>
    walked.kind === "file" ? [walked.path.slice(path.length + 1)] : [],
  );
  expect(found).toEqual(expected);
});

test("What is found has its real path", () => {
  const path = makeTree(LINKS);
  const root = openRoot(path, { symlinks: "all", dotfiles: false });
  const found = [...walk(root)].flatMap((walked) =>
    walked.kind === "file" ? [[walked.path, walked.file.path]] : [],
  );
  const [file, outside] = [join(path, "dir/file"), join(path, "../outside")];
  expect(found).toEqual([
    [join(path, "link"), file],
    [join(path, "up"), outside],
    [file, file],
    [join(path, "way/file"), file],
  ]);
});

test("Twenty directories that all link to each other are found in no time", () => {
  const names = Array.from({ length: 20 }, (_, n) => `d${n}`);
  const links = names.flatMap((from) => names.map((to) => `${from}/${to} -> ../${to}`));
  const path = makeTree([...names.map((name) => `${name}/`), ...links, "d0/file"]);
  const root = openRoot(path, { symlinks: "inside", dotfiles: false });
  expect([...walk(root)].filter(({ kind }) => kind === "file").length).toBe(20);
});

test("Every entry is a step, so that nobody waits for those that are no files", () => {
  const path = makeTree(["a/", "b -> nowhere", "c/", "c/d/", "e -> ../outside", "f"]);
  const root = openRoot(path, { symlinks: "inside", dotfiles: false });
  const names = [...walk(root)].map((walked) => `${walked.kind} ${walked.path.slice(path.length)}`);
  expect(names).toEqual([
    ...["directory ", "passed /a", "passed /b", "passed /c", "passed /e", "file /f"],
    ...["directory /a", "directory /c", "passed /c/d", "directory /c/d"],
  ]);
});

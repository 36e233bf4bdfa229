/** What is kept of files that stay as they are, and for how long. */

import { expect, test } from "bun:test";
import type { Job } from "../digests/job.ts";
import { Shelf } from "./shelf.ts";

function job(path: string, size = 1): Job {
  const files = [{ path, inode: 1n, size, modified: 1n, changed: 1n }];
  return { kind: "file", path, files, pieceLength: 65536 };
}

test("What was made is kept for the same versions only", () => {
  const shelf = new Shelf<string>(10_000);
  shelf.keep("name", job("/a", 1), "first", 10);
  const found = [
    shelf.find("name", job("/a", 1)),
    shelf.find("name", job("/a", 2)),
    shelf.find("other", job("/a", 1)),
  ];
  shelf.keep("name", job("/a", 2), "second", 10);
  found.push(shelf.find("name", job("/a", 2)), shelf.find("name", job("/a", 1)));
  expect(found).toEqual(["first", undefined, undefined, "second", undefined]);
});

test("What was asked for least recently makes room, and what is larger than all room isn't kept", () => {
  // Each takes 1000 bytes, its name and 300 for its file.
  const shelf = new Shelf<string>(2 * 1301);
  for (const name of ["a", "b"]) shelf.keep(name, job(name), name, 1000);
  shelf.find("a", job("a"));
  shelf.keep("c", job("c"), "c", 1000);
  shelf.keep("c", job("c"), "c again", 1000);
  shelf.keep("large", job("large"), "large", 3000);
  const left = ["a", "b", "c", "large"].map((name) => shelf.find(name, job(name)));
  expect(left).toEqual(["a", undefined, "c again", undefined]);
});

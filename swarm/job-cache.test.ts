/** Entries are good for the same versions of their files, and bounded in bytes. */

import { expect, test } from "bun:test";
import type { Job } from "../digests/job.ts";
import { JobCache } from "./job-cache.ts";

function job(path: string, size = 1): Job {
  const files = [{ path, inode: 1n, size, modified: 1n, changed: 1n }];
  return { kind: "file", path, files, pieceLength: 65536 };
}

test("An entry is found for the same versions only", () => {
  const cache = new JobCache<string>(10_000);
  cache.keep("name", job("/a", 1), "first", 10);
  const found = [
    cache.find("name", job("/a", 1)),
    cache.find("name", job("/a", 2)),
    cache.find("other", job("/a", 1)),
  ];
  cache.keep("name", job("/a", 2), "second", 10);
  found.push(cache.find("name", job("/a", 2)), cache.find("name", job("/a", 1)));
  expect(found).toEqual(["first", undefined, undefined, "second", undefined]);
});

test("The entry asked for least recently makes room; one larger than the cache isn't kept", () => {
  // Each takes 1000 bytes, its name and 300 for its file.
  const cache = new JobCache<string>(2 * 1301);
  for (const name of ["a", "b"]) cache.keep(name, job(name), name, 1000);
  cache.find("a", job("a"));
  cache.keep("c", job("c"), "c", 1000);
  cache.keep("c", job("c"), "c again", 1000);
  cache.keep("large", job("large"), "large", 3000);
  const left = ["a", "b", "c", "large"].map((name) => cache.find(name, job(name)));
  expect(left).toEqual(["a", undefined, "c again", undefined]);
});

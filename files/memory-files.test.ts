/** Bytes held once for all readers, within a bound, for as long as anybody is being sent them. */

import { expect } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { countMemoryFiles } from "../os/memory-file.ts";
import { testWith } from "../test/clients.ts";
import { Crowded } from "./failure.ts";
import { MemoryFiles } from "./memory-files.ts";

const KIB = 1024;
/** Only Linux has such files. */
const testHere = process.platform === "linux" ? testWith() : testWith("memfd");

function bytesOf(letter: string, length = 400 * KIB): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(letter.charCodeAt(0));
}

/** Resolves when the runtime has closed what it opened to read: another thread does that. */
async function unread(): Promise<void> {
  while ([...(countMemoryFiles() ?? new Map()).values()].some((count) => count > 1)) {
    await new Promise(setImmediate);
  }
}

/** What became of asking: the first byte and the number of them, or why there are none. */
async function ask(files: MemoryFiles, key: string, now: number, length?: number) {
  try {
    const body = await files.bodyOf(key, bytesOf(key, length), now)?.bytes();
    return [String.fromCharCode(body?.[0] ?? 0), body?.length];
  } catch (error) {
    return error instanceof Crowded ? "crowded" : error;
  }
}

testHere(
  "The same bytes are held once, and others make room when nobody asks for them",
  async () => {
    const files = new MemoryFiles(KIB * KIB);
    const seen = [];
    for (const [key, now] of [
      ["a", 0],
      ["a", 5_000],
      ["b", 5_001],
      // No room, and both were asked for a moment ago.
      ["c", 5_002],
      ["c", 20_000],
    ] as const) {
      seen.push([await ask(files, key, now), files.bytes / KIB]);
      await unread();
    }
    expect(seen).toEqual([
      [["a", 400 * KIB], 400],
      [["a", 400 * KIB], 400],
      [["b", 400 * KIB], 800],
      ["crowded", 800],
      [["c", 400 * KIB], 400],
    ]);
  },
);

testHere("What is being sent stays, and counts, however long ago it was asked for", async () => {
  const files = new MemoryFiles(KIB * KIB);
  const body = files.bodyOf("a", bytesOf("a", 800 * KIB), 0);
  const reader = openSync((body as Blob & { readonly name: string }).name, "r");
  const during = await ask(files, "b", 60_000);
  closeSync(reader);
  expect([during, await ask(files, "b", 120_000)]).toEqual(["crowded", ["b", 400 * KIB]]);
});

testHere("One that is larger than the bound is held where there is no other", async () => {
  const files = new MemoryFiles(100 * KIB);
  expect([await ask(files, "a", 0), await ask(files, "b", 1, 1)]).toEqual([
    ["a", 400 * KIB],
    "crowded",
  ]);
});

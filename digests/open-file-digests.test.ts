import { expect, test } from "bun:test";
import { openSync } from "node:fs";
import { join } from "node:path";
import { OpenFile } from "../files/open-file.ts";
import type { Digests } from "../http/digest.ts";
import { temporaryDirectory, writeSettled } from "../test/site.ts";
import { OpenFileDigests } from "./open-file-digests.ts";

const DIGESTS: Digests = {
  completeLength: 1,
  sha256: new Uint8Array(32),
  sha1Pieces: new Uint8Array(20),
  pieceLength: 65536,
  sha256Pieces: new Uint8Array(32),
  sha256PieceLength: 1048576,
};

function open(): OpenFile {
  const path = join(temporaryDirectory(), "file");
  writeSettled(path, "x");
  return new OpenFile(openSync(path, "r"), path, "file");
}

/** Digests that are known from `since` on (milliseconds); the needs that were asked for before, at which time. */
function source(since: number) {
  const asked: string[] = [];
  const clock = { now: 0 };
  const digests = new OpenFileDigests({
    knownDigests: () => (clock.now < since ? undefined : DIGESTS),
    digestsOf: (_, need) => void asked.push(`${clock.now} ${need}`),
  });
  return { digests, asked, clock };
}

test("Digests are asked for in memory once a second, on disk once, and computed only when wanted", () => {
  using file = open();
  const { digests, asked, clock } = source(4_000);
  const told = [0, 1, 999, 1_000, 2_000, -2_001, -2_002, 2_003, 3_000, -3_001, 4_001, -4_002].map(
    (at) => {
      clock.now = Math.abs(at);
      return digests.of(file, at < 0, clock.now) === DIGESTS;
    },
  );
  expect({ asked, told: told.indexOf(true) }).toEqual({
    asked: ["0 kept", "1000 known", "2000 known", "2001 computed", "3001 computed"],
    told: 10,
  });
});

test("Digests that memory dropped are looked for on disk again, once", () => {
  using file = open();
  const asked: string[] = [];
  const answers = [undefined, DIGESTS, undefined, undefined];
  const digests = new OpenFileDigests({
    knownDigests: () => answers.shift(),
    digestsOf: (_, need) => void asked.push(need),
  });
  for (const now of [0, 500, 1_000, 2_000]) digests.of(file, false, now);
  expect(asked).toEqual(["kept", "kept", "known"]);
});

test("A source in another process that fails is asked again", async () => {
  using file = open();
  const answers = [
    () => Promise.reject(new Error("gone")),
    () => Promise.resolve(undefined),
    () => Promise.resolve(DIGESTS),
  ];
  const digests = new OpenFileDigests({
    knownDigests: () => (answers.length === 0 ? DIGESTS : undefined),
    digestsOf: () => answers.shift()?.(),
  });
  const told = [];
  for (const now of [0, 1_000, 2_000, 2_001]) {
    told.push(digests.of(file, false, now) === DIGESTS);
    await new Promise(setImmediate);
  }
  expect(told).toEqual([false, false, false, true]);
});

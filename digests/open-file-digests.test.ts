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

test("Digests are asked for in memory once a second, on disk once, and computed only when wanted", () => {
  using file = open();
  const asked: string[] = [];
  let now = 0;
  const memo = new OpenFileDigests((_, need) => {
    asked.push(`${now} ${need}`);
    return now < 4_000 ? undefined : DIGESTS;
  });
  const told = [0, 1, 999, 1_000, 2_000, -2_001, -2_002, 2_003, 3_000, -3_001, 4_001, -4_002].map(
    (at) => {
      now = Math.abs(at);
      return memo.of(file, at < 0, now) === DIGESTS;
    },
  );
  expect({ asked, told: told.indexOf(true) }).toEqual({
    asked: ["0 kept", "1000 known", "2000 known", "2001 computed", "3001 computed", "4001 known"],
    told: 10,
  });
});

test("What is told later is known from then on; who can't tell is asked again", async () => {
  using file = open();
  const answers = [
    Promise.reject(new Error("gone")),
    Promise.resolve(undefined),
    Promise.resolve(DIGESTS),
  ];
  const memo = new OpenFileDigests(() => answers.shift());
  const told = [];
  for (const now of [0, 1_000, 2_000, 2_001]) {
    told.push(memo.of(file, false, now) === DIGESTS);
    await new Promise(setImmediate);
  }
  expect({ told, left: answers.length }).toEqual({ told: [false, false, false, true], left: 0 });
});

import { expect, test } from "bun:test";
import { openSync, statSync } from "node:fs";
import { join } from "node:path";
import { OpenFile } from "../files/open-file.ts";
import type { Digests } from "../http/digest.ts";
import { temporaryDirectory, writeSettled } from "../test/site.ts";
import { DigestMemo } from "./memo.ts";

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
  return new OpenFile(openSync(path, "r"), path, "file", statSync(path, { bigint: true }));
}

test("What is known is asked for once; what isn't, once a second", () => {
  using file = open();
  const asked: number[] = [];
  let now = 0;
  const memo = new DigestMemo(() => {
    asked.push(now);
    return now < 2_000 ? undefined : DIGESTS;
  });
  const told = [0, 1, 999, 1_000, 1_500, 2_000, 2_001, 9_999].map((at) => {
    now = at;
    return memo.of(file, now) === DIGESTS;
  });
  expect({ asked, told }).toEqual({
    asked: [0, 1_000, 2_000],
    told: [false, false, false, false, false, true, true, true],
  });
});

test("What is told later is known from then on; who can't tell is asked again", async () => {
  using file = open();
  const answers = [
    Promise.reject(new Error("gone")),
    Promise.resolve(undefined),
    Promise.resolve(DIGESTS),
  ];
  const memo = new DigestMemo(() => answers.shift());
  const told = [];
  for (const now of [0, 1_000, 2_000, 2_001]) {
    told.push(memo.of(file, now) === DIGESTS);
    await new Promise(setImmediate);
  }
  expect({ told, left: answers.length }).toEqual({ told: [false, false, false, true], left: 0 });
});

/** Digest fields by RFC 9530 and RFC 3230, and what a client may say about them. */

import { describe, expect, test } from "bun:test";
import type { Window } from "../range.ts";
import {
  asksForDigests,
  contentDigest,
  type Digests,
  fileDigestFields,
  readWantedDigests,
  type WantedDigests,
} from "./digest.ts";

/** A file of 100 bytes in pieces of 32, the last of 4 bytes. */
const DIGESTS: Digests = {
  completeLength: 100,
  sha256: new Uint8Array(32).fill(9),
  sha1Pieces: new Uint8Array(140),
  pieceLength: 16,
  sha256PieceLength: 32,
  sha256Pieces: Uint8Array.from({ length: 128 }, (_, index) => Math.floor(index / 32)),
};
const ONE_PIECE: Digests = { ...DIGESTS, completeLength: 32, sha256Pieces: DIGESTS.sha256 };
const EMPTY: Digests = { ...DIGESTS, completeLength: 0, sha256Pieces: new Uint8Array() };

const WHOLE = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
const FIRST = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const SECOND = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const LAST = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";

const OF_FILE = { "repr-digest": `sha-256=:${WHOLE}:`, digest: `SHA-256=${WHOLE}` };
const content = (base64: string) => ({ ...OF_FILE, "content-digest": `sha-256=:${base64}:` });
const window = (start: number, end: number): Window => ({ start, end });

/** All fields of an answer. */
function digestFields(digests: Digests, window: Window | undefined, wanted: WantedDigests) {
  const content = contentDigest(digests, window, wanted);
  const own = content === undefined ? {} : { "content-digest": content };
  return { ...fileDigestFields(digests, wanted), ...own };
}

describe("The digest fields of an answer", () => {
  test.each<[string, Digests, Window | undefined, Record<string, string>]>([
    ["HEAD, or several windows", DIGESTS, undefined, OF_FILE],
    ["the whole", DIGESTS, window(0, 100), content(WHOLE)],
    ["the first piece", DIGESTS, window(0, 32), content(FIRST)],
    ["the second piece", DIGESTS, window(32, 64), content(SECOND)],
    ["the last piece, which is shorter", DIGESTS, window(96, 100), content(LAST)],
    ["a byte less than a piece", DIGESTS, window(32, 63), OF_FILE],
    ["a byte more than a piece", DIGESTS, window(32, 65), OF_FILE],
    ["a piece's length somewhere else", DIGESTS, window(33, 65), OF_FILE],
    ["two pieces", DIGESTS, window(0, 64), OF_FILE],
    ["a part of the last piece", DIGESTS, window(96, 99), OF_FILE],
    ["the end of the last piece", DIGESTS, window(97, 100), OF_FILE],
    ["a file of one piece", ONE_PIECE, window(0, 32), content(WHOLE)],
    ["an empty file", EMPTY, window(0, 0), content(WHOLE)],
  ])("%s", (_why, digests, window, expected) => {
    expect(digestFields(digests, window, readWantedDigests(new Headers()))).toEqual(expected);
  });

  test("each field only if it is wanted", () => {
    const seen = [];
    for (const repr of [false, true]) {
      for (const content of [false, true]) {
        for (const digest of [false, true]) {
          const fields = digestFields(DIGESTS, window(0, 32), { repr, content, digest });
          seen.push([repr, content, digest, ...Object.keys(fields).sort()]);
        }
      }
    }
    expect(seen).toEqual([
      [false, false, false],
      [false, false, true, "digest"],
      [false, true, false, "content-digest"],
      [false, true, true, "content-digest", "digest"],
      [true, false, false, "repr-digest"],
      [true, false, true, "digest", "repr-digest"],
      [true, true, false, "content-digest", "repr-digest"],
      [true, true, true, "content-digest", "digest", "repr-digest"],
    ]);
  });
});

describe("readWantedDigests", () => {
  test("a field for each of ours", () => {
    const none = {
      "want-repr-digest": "md5=1",
      "want-content-digest": "md5=1",
      "want-digest": "md5",
    };
    const seen = [
      {},
      ...Object.entries(none).map(([name, value]) => ({ [name]: value })),
      none,
    ].map((fields) => readWantedDigests(new Headers(fields)));
    expect(seen).toEqual([
      { repr: true, content: true, digest: true },
      { repr: false, content: true, digest: true },
      { repr: true, content: false, digest: true },
      { repr: true, content: true, digest: false },
      { repr: false, content: false, digest: false },
    ]);
  });

  // Both fields have one syntax: RFC 9651's dictionary of integers.
  test.each<[string, string, boolean]>([
    ["ours", "sha-256=1", true],
    ["the most", "sha-256=10", true],
    ["ours among others", "sha-512=3, sha-256=10, unixsum=0", true],
    ["without blanks, and with more of them", "sha-512=3,sha-256=1 \t,\t md5=2", true],
    ["with a parameter", "sha-256=5;a", true],
    ["with parameters", 'sha-256=5; a=1;b=?0; c=":,=\\"";d=:aGk=:, md5=1', true],
    ["the last of two counts", "sha-256=0, sha-256=1", true],
    ["not acceptable", "sha-256=0", false],
    ["the last of two counts: not acceptable", "sha-256=1, sha-256=0", false],
    ["not acceptable, with a parameter", 'sha-256=0;a=", sha-256=1"', false],
    ["another", "sha-512=10", false],
    ["another that begins like ours", "sha-256-x=10", false],
    ["others", "sha-512=3, unixsum=10", false],
    // Malformed: as if it weren't there
    ["nothing", "", true],
    ["eleven", "sha-512=11", true],
    ["below zero", "sha-512=-1", true],
    ["a fraction", "sha-512=1.0", true],
    ["no value", "sha-512", true],
    ["an empty value", "sha-512=", true],
    ["a word", "sha-512=high", true],
    ["a weight of RFC 3230", "sha-512;q=1", true],
    ["capitals", "SHA-512=1", true],
    ["a comma at the end", "sha-512=1,", true],
    ["a comma at the front", ", sha-512=1", true],
    ["two commas", "sha-512=1,, md5=1", true],
    ["no comma", "sha-512=1 md5=1", true],
    ["a quote without end", 'sha-512=1;a="', true],
    ["a fault behind ours", "sha-256=0, md5=x", true],
    ["very long", `sha-512=1${", md5=1".repeat(2000)}`, false],
    ["very long and malformed", `sha-512=1${"; ".repeat(5000)}`, true],
  ])("Want-Repr-Digest, Want-Content-Digest: %s", (_why, value, wanted) => {
    const fields = new Headers({ "want-repr-digest": value, "want-content-digest": value });
    expect(readWantedDigests(fields)).toEqual({ repr: wanted, content: wanted, digest: true });
  });

  test.each<[string, string, boolean]>([
    ["ours", "SHA-256", true],
    ["in small letters", "sha-256", true],
    ["aria2", "SHA-512;q=1, SHA-256;q=1, SHA;q=0.1", true],
    ["the example of the RFC", "MD5;q=0.3, sha;q=1", false],
    ["with blanks", " sha ; q=0.5 ,, Sha-256 ; Q=0.001 ", true],
    ["not acceptable", "SHA-256;q=0", false],
    ["not acceptable, in full", "SHA-256;q=0.000, SHA;q=1", false],
    ["another", "SHA-512", false],
    ["another that begins like ours", "SHA-256-x", false],
    // Malformed: as if it weren't there
    ["nothing", "", true],
    ["commas", ",,", true],
    ["a word for a weight", "SHA-512;q=high", true],
    ["a weight above one", "SHA-512;q=1.1", true],
    ["a weight of four decimals", "SHA-512;q=0.1234", true],
    ["a weight without value", "SHA-512;q=", true],
    ["another parameter", "SHA-512;a=1", true],
    ["a dictionary", "sha-512=1", true],
    ["a fault behind ours", "SHA-256;q=0, SHA;q=x", true],
  ])("Want-Digest: %s", (_why, value, digest) => {
    expect(readWantedDigests(new Headers({ "want-digest": value }))).toEqual({
      repr: true,
      content: true,
      digest,
    });
  });

  test.each<[string, Record<string, string>, boolean]>([
    ["nothing", {}, false],
    ["one of them", { "want-content-digest": "sha-256=1" }, true],
    ["what aria2 wants", { "want-digest": "SHA-512;q=1, SHA-256;q=1, SHA;q=0.1" }, true],
    ["others", { "want-digest": "MD5", "want-repr-digest": "sha-512=3" }, false],
    ["ours by one field alone", { "want-digest": "MD5", "want-repr-digest": "sha-256=3" }, true],
    ["not ours", { "want-repr-digest": "sha-256=0" }, false],
  ])("Asking for a digest: %s", (_why, asked, expected) => {
    const fields = new Headers(asked);
    expect(asksForDigests(readWantedDigests(fields), fields)).toBe(expected);
  });
});

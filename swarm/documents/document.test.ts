/** Which path asks for which document, what is in it, and the answers about it. */

import { describe, expect, test } from "bun:test";
import { LONGEST_FILE } from "../../digests/piece-length.ts";
import type { Digests } from "../../http/digest.ts";
import { contentLength, type Plan } from "../../http/plan.ts";
import type { Target } from "../../http/target.ts";
import { makeTorrent } from "../bittorrent/torrent.ts";
import {
  type AskedBy,
  type Document,
  documentAt,
  documentOf,
  documentsOfFile,
  type DocumentTarget,
  type DocumentUrls,
  type FileDocumentKind,
  makeDocument,
  type Subject,
} from "./document.ts";
import { planDocument, planPending, planRefused } from "./plan-document.ts";

describe("documentOf", () => {
  test.each<[string, string[], DocumentTarget | undefined]>([
    ["a torrent", ["a.torrent"], { kind: "torrent", segments: ["a"] }],
    ["a Metalink, further down", ["d", "a.b.meta4"], { kind: "meta4", segments: ["d", "a.b"] }],
    ["a checksum", ["a.sha256"], { kind: "sha256", segments: ["a"] }],
    ["a magnet link", ["a.magnet"], { kind: "magnet", segments: ["a"] }],
    ["of a document", ["a.meta4.sha256"], { kind: "sha256", segments: ["a.meta4"] }],
    ["of a dotfile", [".a.meta4"], { kind: "meta4", segments: [".a"] }],
    ["of the directory itself", ["..meta4"], undefined],
    ["of the directory above", ["d", "...torrent"], undefined],
    ["of a name with a line break", ["a\nb.meta4"], { kind: "meta4", segments: ["a\nb"] }],
    ["no name", [".torrent"], undefined],
    ["no name, further down", ["a", ".torrent"], undefined],
    ["nothing", [], undefined],
    ["no suffix", ["torrent"], undefined],
    ["another suffix", ["a.bin"], undefined],
    ["the suffix of a directory", ["a.torrent", "b"], undefined],
    ["capitals", ["a.TORRENT"], undefined],
    ["more behind", ["a.torrents"], undefined],
    ["a dot behind", ["a.torrent."], undefined],
    ["a folder's checksums", ["d", "SHA256SUMS"], { kind: "sha256sums", segments: ["d"] }],
    ["the root's checksums", ["SHA256SUMS"], { kind: "sha256sums", segments: [] }],
    ["a list of URLs", ["d.txt"], { kind: "txt", segments: ["d"] }],
    ["the kind of a document that has no suffix", ["d.sha256sums"], undefined],
    ["a word of the language", ["a.constructor"], undefined],
  ])("%s", (_why, segments, expected) => {
    expect(documentOf(segments)).toEqual(expected);
  });
});

test.each<[string, Target, DocumentTarget | undefined]>([
  [
    "a Metalink beside the prefix",
    { kind: "outside", beside: ".meta4" },
    { kind: "meta4", segments: [] },
  ],
  ["a list beside the prefix", { kind: "outside", beside: ".txt" }, { kind: "txt", segments: [] }],
  ["a torrent beside the prefix", { kind: "outside", beside: ".torrent" }, undefined],
  ["something outside", { kind: "outside" }, undefined],
  ["a directory", { kind: "path", segments: ["a.txt"], trailingSlash: true, query: "" }, undefined],
  [
    "a path",
    { kind: "path", segments: ["a.txt"], trailingSlash: false, query: "" },
    { kind: "txt", segments: ["a"] },
  ],
])("The document at %s", (_why, target, expected) => {
  expect(documentAt(target)).toEqual(expected);
});

test.each<[string, number, FileDocumentKind[]]>([
  ["an empty file", 0, ["meta4", "sha256"]],
  ["a byte", 1, ["meta4", "torrent", "magnet", "sha256"]],
  ["the longest file", LONGEST_FILE, ["meta4", "torrent", "magnet", "sha256"]],
  ["a longer one", LONGEST_FILE + 1, []],
])("Documents of %s", (_why, length, expected) => {
  expect(documentsOfFile(length)).toEqual(expected);
});

const DIGESTS: Digests = {
  completeLength: 5,
  sha256: new Uint8Array(32).fill(0xab),
  pieceLength: 65536,
  sha1Pieces: new Uint8Array(20).fill(0x61),
  sha256PieceLength: 1048576,
  sha256Pieces: new Uint8Array(32).fill(0xcd),
};
const FILE: Subject = {
  segments: ["d ir", "f.bin"],
  digests: DIGESTS,
  torrent: makeTorrent("f.bin", [{ path: [], length: 5 }], 65536, DIGESTS.sha1Pieces),
};
const EMPTY: Subject = {
  segments: ["e"],
  digests: {
    ...DIGESTS,
    completeLength: 0,
    sha1Pieces: new Uint8Array(),
    sha256Pieces: new Uint8Array(),
  },
  torrent: { kind: "refused", reason: "There are no bytes to share" },
};
const FOLDER: Subject = {
  segments: ["d ir", "fö"],
  digests: undefined,
  torrent: makeTorrent("fö", [{ path: ["x"], length: 5 }], 65536, new Uint8Array(20).fill(0x61)),
};
const TOP: Subject = { ...FOLDER, segments: ["fö"] };
const ALONE: DocumentUrls = {
  here: "http://h/data/",
  mirrors: [],
  webSeeds: [],
  announce: undefined,
};
const SWARM: DocumentUrls = {
  here: "http://h/data/",
  mirrors: ["https://m/"],
  webSeeds: ["http://h/data/", "https://m/"],
  announce: "http://h/-/announce",
};

const FILE_INFO = `d6:lengthi5e4:name5:f.bin12:piece lengthi65536e6:pieces20:${"a".repeat(20)}e`;
const FOLDER_INFO = `d5:filesld6:lengthi5e4:pathl1:xeee4:name3:fö12:piece lengthi65536e6:pieces20:${"a".repeat(20)}e`;
const FILE_HASH = new Bun.CryptoHasher("sha1").update(FILE_INFO).digest("hex");
const AB = "ab".repeat(32);

/** Its text, or why there is none. */
function textOf(
  kind: FileDocumentKind,
  subject: Subject,
  urls: DocumentUrls,
  askedBy: AskedBy = "name",
) {
  const made = makeDocument(kind, subject, urls, askedBy);
  return made.kind === "document" ? Buffer.from(made.document.bytes).toString() : made;
}

const refused = (reason: string) => ({ kind: "refused", reason }) as const;

describe("makeDocument", () => {
  test.each<[string, FileDocumentKind, Subject, DocumentUrls, ReturnType<typeof textOf>]>([
    ["a checksum", "sha256", FILE, ALONE, `${AB}  f.bin\n`],
    ["of an empty file", "sha256", EMPTY, ALONE, `${AB}  e\n`],
    [
      "of a folder",
      "sha256",
      FOLDER,
      ALONE,
      refused("A folder has no .sha256; it has SHA256SUMS in it"),
    ],
    ["a torrent", "torrent", FILE, ALONE, `d10:created by8:rangesrv4:info${FILE_INFO}e`],
    [
      "with a tracker and web seeds",
      "torrent",
      FILE,
      SWARM,
      `d8:announce19:http://h/-/announce10:created by8:rangesrv4:info${FILE_INFO}` +
        "8:url-listl26:http://h/data/d%20ir/f.bin22:https://m/d%20ir/f.binee",
    ],
    [
      "of a folder: its web seeds are of the directory above",
      "torrent",
      FOLDER,
      SWARM,
      `d8:announce19:http://h/-/announce10:created by8:rangesrv4:info${FOLDER_INFO}` +
        "8:url-listl21:http://h/data/d%20ir/17:https://m/d%20ir/ee",
    ],
    [
      "of a folder at the top",
      "torrent",
      TOP,
      { ...ALONE, webSeeds: ["http://h/data/"] },
      `d10:created by8:rangesrv4:info${FOLDER_INFO}8:url-listl14:http://h/data/ee`,
    ],
    ["of an empty file", "torrent", EMPTY, ALONE, refused("There are no bytes to share")],
    ["a magnet link", "magnet", FILE, ALONE, `magnet:?xt=urn:btih:${FILE_HASH}&dn=f.bin&xl=5\n`],
    [
      "with a tracker and web seeds",
      "magnet",
      FILE,
      SWARM,
      `magnet:?xt=urn:btih:${FILE_HASH}&dn=f.bin&xl=5&tr=http%3A%2F%2Fh%2F-%2Fannounce` +
        "&ws=http%3A%2F%2Fh%2Fdata%2Fd%2520ir%2Ff.bin&ws=https%3A%2F%2Fm%2Fd%2520ir%2Ff.bin\n",
    ],
    ["of an empty file", "magnet", EMPTY, ALONE, refused("There are no bytes to share")],
    [
      "of a name that XML can't hold",
      "meta4",
      { ...FILE, segments: ["\x01"] },
      ALONE,
      refused("The file's name has a character that XML 1.0 can't hold"),
    ],
  ])("%s: %s", (_why, kind, subject, urls, expected) => {
    expect(textOf(kind, subject, urls)).toEqual(expected);
  });

  test.each<[string, Subject, AskedBy, string[]]>([
    [
      "asked for by its name",
      FILE,
      "name",
      [
        `<metaurl mediatype="torrent" priority="1">http://h/data/d%20ir/f.bin.torrent</metaurl>`,
        `<url priority="1">http://h/data/d%20ir/f.bin</url>`,
        `<url priority="2">https://m/d%20ir/f.bin</url>`,
      ],
    ],
    [
      "instead of the file: without torrent",
      FILE,
      "accept",
      [
        `<url priority="1">http://h/data/d%20ir/f.bin</url>`,
        `<url priority="2">https://m/d%20ir/f.bin</url>`,
      ],
    ],
    [
      "an empty file's, which has no torrent",
      EMPTY,
      "name",
      [`<url priority="1">http://h/data/e</url>`, `<url priority="2">https://m/e</url>`],
    ],
  ])("the URLs of a Metalink, %s", (_why, subject, askedBy, expected) => {
    const text = textOf("meta4", subject, SWARM, askedBy);
    const urls = typeof text === "string" ? [...text.matchAll(/<(?:meta)?url.*/g)] : [];
    expect(urls.map(([url]) => url)).toEqual(expected);
  });
});

/** A document that there is. */
function made(
  kind: FileDocumentKind,
  subject: Subject,
  urls: DocumentUrls,
  askedBy: AskedBy,
): Document {
  const result = makeDocument(kind, subject, urls, askedBy);
  if (result.kind === "refused") throw new Error(result.reason);
  return result.document;
}

describe("planDocument", () => {
  const bytes = new TextEncoder().encode("content");
  const document: Document = {
    kind: "torrent",
    name: "ä.torrent",
    bytes,
    entityTag: '"tag"',
    askedBy: "name",
  };
  const WHOLE: Plan = {
    status: 200,
    fields: {
      "cache-control": "no-cache",
      etag: '"tag"',
      "content-type": "application/x-bittorrent",
      "content-disposition": "attachment; filename=\"_.torrent\"; filename*=UTF-8''%C3%A4.torrent",
    },
    content: { kind: "bytes", bytes },
  };
  const NOT_MODIFIED: Plan = {
    status: 304,
    fields: { "cache-control": "no-cache", etag: '"tag"' },
    content: { kind: "none" },
  };
  const FAILED: Plan = {
    status: 412,
    fields: { "content-type": "text/plain; charset=utf-8" },
    content: { kind: "text", text: "If-Match does not hold for this document\n" },
  };
  const LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT";
  const LATE = "Fri, 31 Dec 9999 23:59:59 GMT";

  test.each<[string, Record<string, string>, Plan]>([
    ["no condition", {}, WHOLE],
    ["a Range", { range: "bytes=0-1" }, WHOLE],
    ["a Range past the end", { range: "bytes=100-" }, WHOLE],
    ["a malformed Range", { range: "bytes=2-1" }, WHOLE],
    ["the tag", { "if-none-match": '"tag"' }, NOT_MODIFIED],
    ["the tag, made weak by a proxy", { "if-none-match": 'W/"tag"' }, NOT_MODIFIED],
    ["another tag", { "if-none-match": '"other"' }, WHOLE],
    ["a match", { "if-match": '"tag"' }, WHOLE],
    ["no match", { "if-match": '"other"' }, FAILED],
    // It has no date
    ["modified since long ago", { "if-modified-since": LONG_AGO }, WHOLE],
    ["modified since late", { "if-modified-since": LATE }, WHOLE],
    ["unmodified since long ago", { "if-unmodified-since": LONG_AGO }, WHOLE],
  ])("%s", (_why, fields, expected) => {
    expect(planDocument(document, new Headers(fields))).toEqual(expected);
  });

  test("asked for by Accept, every answer varies by it", () => {
    const negotiated: Document = { ...document, askedBy: "accept" };
    const seen = [{}, { "if-none-match": '"tag"' }, { "if-match": '"x"' }].map((fields) => {
      return planDocument(negotiated, new Headers(fields)).fields["vary"];
    });
    expect(seen).toEqual(["Accept", "Accept", "Accept"]);
  });

  test("media types and names", () => {
    const kinds: FileDocumentKind[] = ["meta4", "torrent", "magnet", "sha256"];
    const seen = kinds.map((kind) => {
      const { fields } = planDocument(made(kind, FILE, ALONE, "name"), new Headers());
      return [fields["content-type"], fields["content-disposition"]];
    });
    expect(seen).toEqual([
      ["application/metalink4+xml", 'attachment; filename="f.bin.meta4"'],
      ["application/x-bittorrent", 'attachment; filename="f.bin.torrent"'],
      ["text/plain; charset=utf-8", 'attachment; filename="f.bin.magnet"'],
      ["text/plain; charset=utf-8", 'attachment; filename="f.bin.sha256"'],
    ]);
  });

  test("the entity tag is that of the bytes", () => {
    const tags = [
      made("meta4", FILE, ALONE, "name"),
      made("meta4", FILE, ALONE, "name"),
      made("meta4", FILE, ALONE, "accept"),
      made("meta4", FILE, SWARM, "name"),
    ].map(({ entityTag }) => entityTag);
    expect({
      form: tags.every((tag) => /^"[A-Za-z0-9_-]{22}"$/.test(tag)),
      same: tags[0] === tags[1],
      different: new Set(tags).size,
    }).toEqual({ form: true, same: true, different: 3 });
  });

  test("its length is known to HEAD", () => {
    expect(contentLength(planDocument(document, new Headers()).content)).toBe(7);
  });
});

test.each<[string, number, string]>([
  ["begun", 0, "0"],
  ["half-way", 0.4999, "49"],
  ["nearly done", 0.9999, "99"],
  ["done, but not yet seen", 1, "99"],
])("Pending: %s", (_why, progress, percent) => {
  expect(planPending(progress, 3)).toEqual({
    status: 503,
    fields: { "retry-after": "3", "content-type": "text/plain; charset=utf-8" },
    content: { kind: "text", text: `Digests are being computed: ${percent} %\n` },
  });
});

test("Refused", () => {
  expect(planRefused({ kind: "refused", reason: "There are no bytes to share" })).toEqual({
    status: 404,
    fields: { "content-type": "text/plain; charset=utf-8" },
    content: { kind: "text", text: "There are no bytes to share\n" },
  });
});

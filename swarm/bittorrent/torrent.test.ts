/**
 * Torrents by BEP 3 and BEP 19: their exact form, and what libtorrent and
 * Transmission, which have parsers of their own, read in them.
 */

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LIBTORRENT, PYTHON, run, testWith } from "../../test/clients.ts";
import { temporaryDirectory } from "../../test/site.ts";
import { formatMagnet } from "../documents/magnet.ts";
import {
  formatTorrent,
  type MadeTorrent,
  makeTorrent,
  refuseFiles,
  sortKey,
  type Sources,
  type Torrent,
  type TorrentFile,
} from "./torrent.ts";

// Transmission is started once for every torrent.
setDefaultTimeout(30_000);

const NOBODY: Sources = { announce: undefined, webSeeds: [] };
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

/** Digests of so many pieces, each its own number over and over. */
function digestsOf(pieces: number): Uint8Array {
  const digests = new Uint8Array(pieces * 20);
  for (let piece = 0; piece < pieces; piece++)
    digests.fill(piece & 255, piece * 20, piece * 20 + 20);
  return digests;
}

/** A torrent of as many pieces as its files need. */
function made(name: string, files: readonly TorrentFile[], pieceLength = 65536): Torrent {
  const length = files.reduce((sum, file) => sum + file.length, 0);
  const result = makeTorrent(name, files, pieceLength, digestsOf(Math.ceil(length / pieceLength)));
  if (result.kind === "refused") throw new Error(result.reason);
  return result.torrent;
}

const single = (length: number): TorrentFile[] => [{ path: [], length }];
const file = (length: number, ...path: string[]): TorrentFile => ({ path, length });

describe("makeTorrent", () => {
  test("one file", () => {
    const torrent = made("ä.bin", single(65537));
    const pieces = `${"\0".repeat(20)}${"\x01".repeat(20)}`;
    expect({ ...torrent, info: latin1(torrent.info), infoHash: torrent.infoHash.toHex() }).toEqual({
      infoHash: new Bun.CryptoHasher("sha1").update(torrent.info).digest("hex"),
      info: `d6:lengthi65537e4:name6:\xc3\xa4.bin12:piece lengthi65536e6:pieces40:${pieces}e`,
      name: "ä.bin",
      length: 65537,
      pieceLength: 65536,
      files: [{ path: [], length: 65537 }],
    });
  });

  test("a folder of one file is a folder", () => {
    const { info } = made("dir", [file(5, "a")]);
    expect(latin1(info)).toStartWith("d5:filesld6:lengthi5e4:pathl1:aeee4:name3:dir");
  });

  test("a folder's empty files are in it", () => {
    const torrent = made("dir", [file(0, "a"), file(5, "sub", "b")]);
    expect(latin1(torrent.info)).toBe(
      "d5:filesld6:lengthi0e4:pathl1:aeed6:lengthi5e4:pathl3:sub1:beee" +
        `4:name3:dir12:piece lengthi65536e6:pieces20:${"\0".repeat(20)}e`,
    );
  });

  test("half a surrogate pair is named as in its URL", () => {
    const torrent = made("\ud83d", single(1));
    expect(latin1(torrent.info)).toContain("4:name3:\xef\xbf\xbd");
  });

  const TIB = 1024 ** 4;
  const NO_BYTES = "There are no bytes to share: a torrent has at least one piece";
  const TOO_LONG = `There are more than ${TIB} bytes, the most that a torrent has here`;
  const TOO_MANY = "The folder has more than 10000 files, the most that a torrent has here";
  const TOO_LONG_NAMES = "The folder's names are too long for a torrent";
  const many = (count: number, name = "") =>
    Array.from({ length: count }, (_, index) => file(1, `${name}${index}`));
  test.each<[string, readonly TorrentFile[], string | undefined]>([
    ["one byte", single(1), undefined],
    ["an empty file", single(0), NO_BYTES],
    ["a folder of nothing", [], NO_BYTES],
    ["a folder of empty files", [file(0, "a"), file(0, "b")], NO_BYTES],
    ["the longest file", single(TIB), undefined],
    ["a byte more", single(TIB + 1), TOO_LONG],
    ["a folder with a byte more", [file(TIB, "a"), file(1, "b")], TOO_LONG],
    ["the most files", many(10_000), undefined],
    ["a file more", many(10_001), TOO_MANY],
    ["long names", many(10_000, "x".repeat(960)), undefined],
    ["names longer than clients take", many(10_000, "x".repeat(1000)), TOO_LONG_NAMES],
    [
      "many names in a path",
      [{ path: Array<string>(4_000_000).fill("a"), length: 1 }],
      TOO_LONG_NAMES,
    ],
  ])("refuseFiles: %s", (_why, files, reason) => {
    expect(refuseFiles(files)?.reason).toBe(reason as string);
  });

  test.each<[string, readonly TorrentFile[], string]>([
    ["what can have none", single(0), NO_BYTES],
    ["a little more than clients take", many(10_000, "x".repeat(971)), TOO_LONG_NAMES],
  ])("refused: %s", (_why, files, reason) => {
    const refused: MadeTorrent = { kind: "refused", reason };
    expect(makeTorrent("e", files, 65536, digestsOf(files.length === 1 ? 0 : 1))).toEqual(refused);
  });

  test("digests of other pieces are a fault of the program", () => {
    expect(() => makeTorrent("e", single(65537), 65536, digestsOf(1))).toThrow(
      new RangeError("Cannot make a torrent: 1 digests of 2 pieces"),
    );
  });
});

test("Files stand in the order of their paths' bytes", () => {
  // UTF-16, which JavaScript compares by, has U+1F642 before U+FF21; a slash is behind "-" and ".".
  const sorted = [
    ["B"],
    ["a-b"],
    ["a.b"],
    ["a", "b"],
    ["a", "b", "c"],
    ["a0"],
    ["é"],
    ["Ａ"],
    ["🙂"],
  ];
  const keys = sorted.map(sortKey);
  expect(keys.toReversed().sort()).toEqual(keys);
});

describe("formatTorrent", () => {
  const torrent = made("f", single(1));
  const info = latin1(torrent.info);
  test.each<[string, Sources, string]>([
    ["nobody", NOBODY, `d10:created by8:rangesrv4:info${info}e`],
    [
      "a tracker and web seeds",
      { announce: "http://h/a", webSeeds: ["http://h/f", "http://m/f"] },
      "d8:announce10:http://h/a10:created by8:rangesrv" +
        `4:info${info}8:url-listl10:http://h/f10:http://m/fee`,
    ],
  ])("%s", (_why, sources, expected) => {
    expect(latin1(formatTorrent(torrent, sources))).toBe(expected);
  });
});

const NAMES = [
  "plain.bin",
  "with space",
  "ünïcödé",
  "e\u0301 decomposed",
  "文件.txt",
  "ファイル",
  "파일",
  "файл",
  "αρχείο",
  "קובץ",
  "ملف",
  "फ़ाइल",
  "ไฟล์",
  "🙂👩‍👩‍👧",
  `quote"quote'`,
  "a&b<c>;%41",
  // libtorrent cuts longer ones where it saves them.
  "a".repeat(240),
];
const ANNOUNCE = "http://127.0.0.1:13000/-/announce";

/** Web seeds of a folder end in a slash: BEP 19. */
function sourcesOf({ files }: Torrent): Sources {
  const slash = files[0]?.path.length === 0 ? "" : "/";
  const webSeeds = [`http://127.0.0.1:13000/data/a%20b${slash}`, `http://[::1]:8/a%26${slash}`];
  return { announce: ANNOUNCE, webSeeds };
}

const TORRENTS: readonly Torrent[] = [
  ...NAMES.map((name, index) => made(name, single(1 + index * 65536))),
  ...NAMES.map((name, index) =>
    made(name, [
      file(0, "0 empty"),
      file(70_000 + index, ...NAMES.slice(0, 3)),
      ...NAMES.map((inner) => file(index, "names", inner)),
    ]),
  ),
  // The limits of files and bytes are within what clients take.
  made("long", single(1024 ** 4), 16 * 1024 ** 2),
  made(
    "many",
    Array.from({ length: 10_000 }, (_, index) => file(index, "sub", String(index))),
  ),
];

/** A torrent by its facts, in libtorrent's words. */
interface Read {
  readonly hash: string;
  readonly name: string;
  readonly pieces: number;
  readonly pieceLength: number;
  readonly length: number;
  readonly files: readonly [path: string, length: number][];
  readonly trackers: readonly string[];
  readonly webSeeds: readonly string[];
}

function factsOf(torrent: Torrent): Read {
  const { infoHash, name, length, pieceLength, files } = torrent;
  return {
    hash: infoHash.toHex(),
    name,
    pieces: Math.ceil(length / pieceLength),
    pieceLength,
    length,
    files: files.map(({ path, length }) => [[name, ...path].join("/"), length]),
    trackers: [ANNOUNCE],
    webSeeds: sourcesOf(torrent).webSeeds,
  };
}

const testWithLibtorrent = testWith(LIBTORRENT);

const READ_TORRENTS = `
import json, libtorrent, sys
def read(path):
    t = libtorrent.torrent_info(path)
    f = t.files()
    return dict(
        hash=str(t.info_hash()), name=t.name(), pieces=t.num_pieces(), pieceLength=t.piece_length(),
        length=t.total_size(), files=[[f.file_path(i), f.file_size(i)] for i in range(f.num_files())],
        trackers=[a.url for a in t.trackers()], webSeeds=[s["url"] for s in t.web_seeds()])
print(json.dumps([read(path) for path in sys.argv[1:]]))
`;
const READ_MAGNETS = `
import json, libtorrent, sys
def read(uri):
    p = libtorrent.parse_magnet_uri(uri)
    return dict(hash=str(p.info_hash), name=p.name, trackers=p.trackers, webSeeds=p.url_seeds)
print(json.dumps([read(uri) for uri in sys.argv[1:]]))
`;

describe("other programs", () => {
  const paths: string[] = [];

  beforeAll(() => {
    const directory = join(temporaryDirectory(), "torrents");
    mkdirSync(directory);
    for (const [index, torrent] of TORRENTS.entries()) {
      const path = join(directory, `${index}.torrent`);
      writeFileSync(path, formatTorrent(torrent, sourcesOf(torrent)));
      paths.push(path);
    }
  });

  testWithLibtorrent("libtorrent reads every torrent as it was meant", async () => {
    const { stdout, stderr } = await run([PYTHON, "-X", "utf8", "-c", READ_TORRENTS, ...paths]);
    expect({ stderr, read: JSON.parse(stdout) as Read[] }).toEqual({
      stderr: "",
      read: TORRENTS.map(factsOf),
    });
  });

  testWithLibtorrent("libtorrent reads every magnet link as it was meant", async () => {
    const links = TORRENTS.map((torrent) => formatMagnet(torrent, sourcesOf(torrent)));
    const { stdout, stderr } = await run([PYTHON, "-X", "utf8", "-c", READ_MAGNETS, ...links]);
    const meant = TORRENTS.map(factsOf).map(({ hash, name, trackers, webSeeds }) => {
      return { hash, name, trackers, webSeeds };
    });
    expect({ stderr, read: JSON.parse(stdout) as unknown }).toEqual({ stderr: "", read: meant });
  });

  /** Transmission saves files under names that Windows has too. */
  const savedAs = (path: string) => path.replace(/[<>"]/g, "_");

  testWith("transmission-show")("Transmission reads every torrent as it was meant", async () => {
    const seen = [];
    for (const path of paths) {
      const { exitCode, stdout } = await run(["transmission-show", path]);
      const [, name] = /^ {2}Name: (.*)$/m.exec(stdout) ?? [];
      const [, hash] = /^ {2}Hash: (.*)$/m.exec(stdout) ?? [];
      const [, pieces] = /^ {2}Piece Count: (.*)$/m.exec(stdout) ?? [];
      const listed = stdout.split("\nFILES\n\n")[1] ?? "";
      const files = Array.from(
        listed.matchAll(/^ {2}(.*) \([\d.]+ [kMGT]?B\)$/gm),
        ([, path]) => path,
      );
      seen.push({ exitCode, name, hash, pieces: Number(pieces), files: files.sort() });
    }
    expect(seen).toEqual(
      TORRENTS.map(factsOf).map(({ name, hash, pieces, files }) => {
        return {
          exitCode: 0,
          name,
          hash,
          pieces,
          files: files.map(([path]) => savedAs(path)).sort(),
        };
      }),
    );
  });
});

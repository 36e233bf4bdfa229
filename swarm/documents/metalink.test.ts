/** Metalinks by RFC 5854: their exact form, and what xmllint and aria2 read in them. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digests } from "../../http/digest.ts";
import { run, testWith } from "../../test/clients.ts";
import { temporaryDirectory } from "../../test/site.ts";
import { formatMetalink, type FormattedMetalink, type Locations } from "./metalink.ts";

const DIGESTS: Digests = {
  completeLength: 100_000,
  sha256: new Uint8Array(32).fill(0xab),
  sha1Pieces: new Uint8Array(80),
  pieceLength: 32768,
  sha256PieceLength: 65536,
  sha256Pieces: new Uint8Array(64).fill(0x01, 0, 32).fill(0xef, 32),
};
const EMPTY: Digests = {
  ...DIGESTS,
  completeLength: 0,
  sha1Pieces: new Uint8Array(),
  sha256Pieces: new Uint8Array(),
};
const HERE: Locations = { urls: ["http://h/f"], torrent: undefined };

/** The text, or why there is none. */
function textOf(formatted: FormattedMetalink): string {
  return formatted.kind === "metalink" ? formatted.text : formatted.reason;
}

test("A file with pieces, a torrent and mirrors", () => {
  const locations = { urls: ["http://h/f?a&b", "http://m/f"], torrent: "http://h/f.torrent" };
  expect(textOf(formatMetalink("f", DIGESTS, locations)))
    .toBe(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
 <generator>rangesrv</generator>
 <file name="f">
  <size>100000</size>
  <hash type="sha-256">${"ab".repeat(32)}</hash>
  <pieces type="sha-256" length="65536">
   <hash>${"01".repeat(32)}</hash>
   <hash>${"ef".repeat(32)}</hash>
  </pieces>
  <metaurl mediatype="torrent" priority="1">http://h/f.torrent</metaurl>
  <url priority="1">http://h/f?a&#38;b</url>
  <url priority="2">http://m/f</url>
 </file>
</metalink>
`);
});

test("An empty file has a digest and no pieces", () => {
  expect(textOf(formatMetalink("f", EMPTY, HERE))).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
 <generator>rangesrv</generator>
 <file name="f">
  <size>0</size>
  <hash type="sha-256">${"ab".repeat(32)}</hash>
  <url priority="1">http://h/f</url>
 </file>
</metalink>
`);
});

const NO_XML = "The file's name has a character that XML 1.0 can't hold";

test.each<[string, string, string]>([
  ["markup", `<a href="b">&amp;'`, "&#60;a href=&#34;b&#34;&#62;&#38;amp;&#39;"],
  ["the end of a section", "]]>", "]]&#62;"],
  ["a tab and line breaks", "a\tb\nc\rd", "a&#9;b&#10;c&#13;d"],
  ["many scripts", "ä文ไ🙂\u202e", "ä文ไ🙂\u202e"],
  ["a next-line and DEL", "\x7f\x85\x9f", "\x7f\x85\x9f"],
  ["the last of 16 bits and of all", "\ufffd\u{10ffff}", "\ufffd\u{10ffff}"],
  ["NUL", "a\0", NO_XML],
  ["a bell", "\x07", NO_XML],
  ["an escape", "\x1b[31m", NO_XML],
  ["the last control character", "\x1f", NO_XML],
  ["U+FFFE", "\ufffe", NO_XML],
  ["U+FFFF", "\uffff", NO_XML],
  ["half a surrogate pair", "\ud83d", NO_XML],
  ["the other half", "\ude00", NO_XML],
])("a name with %s", (_why, name, expected) => {
  const text = textOf(formatMetalink(name, DIGESTS, HERE));
  expect(/<file name="([^"]*)">/.exec(text)?.[1] ?? text).toBe(expected);
});

const NAMES = ["plain.bin", `<a href="b">&amp;'`, "a\tb\nc\rd ", "ä文ไ🙂", "]]>", "\x7f\x85"];

/** Writes the Metalinks of all names; their paths. */
function writeMetalinks(): string[] {
  const directory = join(temporaryDirectory(), "metalinks");
  mkdirSync(directory);
  return NAMES.map((name, index) => {
    const path = join(directory, `${index}.meta4`);
    const locations = { urls: ["http://h/f?a&b", "http://m/f"], torrent: "http://h/f.torrent" };
    writeFileSync(path, textOf(formatMetalink(name, DIGESTS, locations)));
    return path;
  });
}

testWith("xmllint")("xmllint finds them well-formed, with the same names and facts", async () => {
  const seen = [];
  for (const path of writeMetalinks()) {
    const of = async (expression: string) =>
      (await run(["xmllint", "--xpath", expression, path])).stdout.slice(0, -1);
    const file = `/*[local-name()="metalink"][namespace-uri()="urn:ietf:params:xml:ns:metalink"]/*[local-name()="file"]`;
    seen.push({
      exitCode: (await run(["xmllint", "--noout", path])).exitCode,
      name: await of(`string(${file}/@name)`),
      hash: await of(`string(${file}/*[local-name()="hash"][@type="sha-256"])`),
      pieces: await of(`count(${file}/*[local-name()="pieces"][@length=65536]/*)`),
      url: await of(`string(${file}/*[local-name()="url"][@priority=1])`),
      torrent: await of(`string(${file}/*[local-name()="metaurl"][@mediatype="torrent"])`),
    });
  }
  expect(seen).toEqual(
    NAMES.map((name) => ({
      exitCode: 0,
      name,
      hash: "ab".repeat(32),
      pieces: "2",
      url: "http://h/f?a&b",
      torrent: "http://h/f.torrent",
    })),
  );
});

testWith("aria2c")("aria2 reads the name and the length", async () => {
  const seen = [];
  for (const path of writeMetalinks()) {
    const { stdout } = await run(["aria2c", "--no-conf", "--show-files", path]);
    const [, name] = /^ *1\|(.*)$/m.exec(stdout) ?? [];
    seen.push({ name, length: /\(([\d,]+)\)/.exec(stdout)?.[1] });
  }
  expect(seen).toEqual([
    { name: "plain.bin", length: "100,000" },
    // An ampersand in a name stays what its parser makes of it, however it is written.
    { name: `<a href="b">&#38;amp;'`, length: "100,000" },
    // It takes no control characters in names.
    { name: undefined, length: undefined },
    { name: "ä文ไ🙂", length: "100,000" },
    { name: "]]>", length: "100,000" },
    { name: undefined, length: undefined },
  ]);
});

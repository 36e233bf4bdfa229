/** The texts about a folder: every line, names that mean something elsewhere, and limits. */

import { expect, test } from "bun:test";
import type { FileDigests } from "../../digests/job.ts";
import {
  type FolderDocumentKind,
  type FolderSubject,
  formatChecksums,
  formatFolderMetalink,
  formatUrlList,
  refuseText,
} from "./folder.ts";

const URLS = { here: "http://h:1/data/", mirrors: ["https://m/x/"] };

function folder(...paths: readonly string[]): FolderSubject {
  const files = paths.map((path, n) => ({ path: path.split("/"), length: n }));
  return { segments: ["up", "d"], name: "d", files };
}

/** The digests of file n: every byte is n. */
function digests(n: number): FileDigests {
  const pieces = new Uint8Array(n === 0 ? 0 : 32).fill(n);
  return {
    sha256: new Uint8Array(32).fill(n),
    sha256Pieces: pieces,
    sha256PieceLength: 1048576,
  };
}

const HEX = ["00".repeat(32), "01".repeat(32)];

test.each<[string, FolderSubject, string]>([
  ["no file", folder(), ""],
  ["files", folder("a", "sub/b c"), "http://h:1/data/up/d/a\nhttp://h:1/data/up/d/sub/b%20c\n"],
  [
    "the root",
    { segments: [], name: "data", files: [{ path: ["a"], length: 0 }] },
    "http://h:1/data/a\n",
  ],
  [
    "names that would be lines, options, comments or other paths",
    folder("a\nhttp:evil", " out=x", "#x", "..\\x", "a?b#c%", "\tdir="),
    [
      "http://h:1/data/up/d/a%0Ahttp%3Aevil",
      "http://h:1/data/up/d/%20out%3Dx",
      "http://h:1/data/up/d/%23x",
      "http://h:1/data/up/d/..%5Cx",
      "http://h:1/data/up/d/a%3Fb%23c%25",
      "http://h:1/data/up/d/%09dir%3D",
    ]
      .join("\n")
      .concat("\n"),
  ],
])("URLs of %s", (_why, subject, expected) => {
  expect([...formatUrlList(subject, URLS)].join("")).toBe(expected);
});

test.each<[string, FolderSubject, string]>([
  ["no file", folder(), ""],
  ["files", folder("a", "sub/b c"), `${HEX[0]}  a\n${HEX[1]}  sub/b c\n`],
  [
    "names with line breaks and backslashes",
    folder("a\nb/c", "d\\e\r"),
    `\\${HEX[0]}  a\\nb/c\n\\${HEX[1]}  d\\\\e\\r\n`,
  ],
])("Checksums of %s", (_why, subject, expected) => {
  const known = subject.files.map((_, n) => digests(n));
  expect([...formatChecksums(subject, known)].join("")).toBe(expected);
});

test("A Metalink of a folder", () => {
  const known = [digests(0), digests(1)];
  expect([...formatFolderMetalink(folder("a", `s&"/<b>\n`), known, URLS)].join("")).toBe(
    `<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
 <generator>rangesrv</generator>
 <file name="d/a">
  <size>0</size>
  <hash type="sha-256">${HEX[0]}</hash>
  <url priority="1">http://h:1/data/up/d/a</url>
  <url priority="2">https://m/x/up/d/a</url>
 </file>
 <file name="d/s&#38;&#34;/&#60;b&#62;&#10;">
  <size>1</size>
  <hash type="sha-256">${HEX[1]}</hash>
  <pieces type="sha-256" length="1048576">
   <hash>${HEX[1]}</hash>
  </pieces>
  <url priority="1">http://h:1/data/up/d/s%26%22/%3Cb%3E%0A</url>
  <url priority="2">https://m/x/up/d/s%26%22/%3Cb%3E%0A</url>
 </file>
</metalink>
`,
  );
});

const MANY = "The folder has more than 2 files, the most that a document has here";
const NO_XML = "A name has a character that XML 1.0 can't hold";

test.each<[string, FolderDocumentKind, FolderSubject, string | undefined]>([
  ["checksums of nothing", "sha256sums", folder(), undefined],
  ["URLs of nothing", "txt", folder(), undefined],
  [
    "a Metalink of nothing",
    "meta4",
    folder(),
    "The folder has no files: a Metalink has at least one",
  ],
  ["as many files as may be", "txt", folder("a", "b"), undefined],
  ["one more", "txt", folder("a", "b", "c"), MANY],
  ["one more for a Metalink", "meta4", folder("a", "b", "c"), MANY],
  ["a name that XML can't hold", "meta4", folder("a", "b/\u0001"), NO_XML],
  ["the same for checksums", "sha256sums", folder("a", "b/\u0001"), undefined],
  ["the folder's own name", "meta4", { ...folder("a"), name: "\uffff" }, NO_XML],
])("%s", (_why, kind, subject, expected) => {
  expect(refuseText(kind, subject, 2)?.reason).toBe(expected);
});

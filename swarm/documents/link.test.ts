/** Link fields by RFC 8288, in the relations of RFC 6249. */

import { expect, test } from "bun:test";
import type { Representation } from "../../http/representation.ts";
import type { DocumentKind } from "./document.ts";
import { formatLinks, linkField } from "./link.ts";

const EVERY: DocumentKind[] = ["meta4", "torrent", "magnet", "sha256"];
const META4 = `rel=describedby; type="application/metalink4+xml"`;
const TORRENT = `rel=describedby; type="application/x-bittorrent"`;

test.each<[string, string, DocumentKind[], string[], string]>([
  ["nothing", "f", [], [], ""],
  ["documents", "f", EVERY, [], `<f.meta4>; ${META4}, <f.torrent>; ${TORRENT}`],
  ["an empty file's", "f", ["meta4", "sha256"], [], `<f.meta4>; ${META4}`],
  [
    "mirrors, the best first",
    "f",
    [],
    ["http://a/f", "http://b/f"],
    "<http://a/f>; rel=duplicate; pri=1, <http://b/f>; rel=duplicate; pri=2",
  ],
  [
    "both",
    "f",
    ["meta4"],
    ["http://a/f"],
    `<f.meta4>; ${META4}, <http://a/f>; rel=duplicate; pri=1`,
  ],
  ["a name like a scheme", "a:b", ["meta4"], [], `<a%3Ab.meta4>; ${META4}`],
  ["brackets, quotes and commas", `a>,"';`, ["meta4"], [], `<a%3E%2C%22%27%3B.meta4>; ${META4}`],
  ["a name of another script", "文?#%", ["meta4"], [], `<%E6%96%87%3F%23%25.meta4>; ${META4}`],
  ["line breaks", "a\r\nb", ["meta4"], [], `<a%0D%0Ab.meta4>; ${META4}`],
])("%s", (_why, name, documents, duplicates, expected) => {
  expect(formatLinks(name, documents, duplicates)).toBe(expected);
});

test("The field is built once for a version of a file", () => {
  const file: Representation = {
    completeLength: 0,
    entityTag: '"e"',
    lastModified: 0,
    settled: true,
    mediaType: "text/plain",
    name: "f",
  };
  let asked = 0;
  const duplicates = () => [`http://a/${++asked}`];
  const huge = { ...file, completeLength: 2 ** 50 };
  expect([
    linkField(file, duplicates),
    linkField(file, duplicates),
    linkField(huge, () => []),
  ]).toEqual([
    `<f.meta4>; ${META4}, <http://a/1>; rel=duplicate; pri=1`,
    `<f.meta4>; ${META4}, <http://a/1>; rel=duplicate; pri=1`,
    undefined,
  ]);
});

/** Which files a browser must not run: by what it shows as a page, not by the name alone. */

import { expect, test } from "bun:test";
import { fileConfinement } from "./browser.ts";
import { mediaTypeOf } from "./media-type.ts";

const POLICY =
  "sandbox allow-downloads; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src 'self'";

test.each<[string, boolean]>([
  ["index.html", true],
  ["A.HTM", true],
  ["a.xhtml", true],
  ["a.svg", true],
  ["a.xml", true],
  ["a.xsl", true],
  ["feed.atom", true],
  ["feed.rss", true],
  ["film.mpd", true],
  ["a.meta4", true],
  ["a.metalink", true],
  ["a.txt", false],
  ["a.js", false],
  ["a.css", false],
  ["a.json", false],
  ["a.pdf", false],
  ["a.png", false],
  ["a.docx", false],
  // No type that a browser shows
  ["a.mathml", false],
  ["a.xht", false],
  ["a.svgz", false],
  ["a", false],
])("%s", (name, confined) => {
  expect(fileConfinement(mediaTypeOf(name))).toEqual({
    "x-content-type-options": "nosniff",
    ...(confined ? { "content-security-policy": POLICY } : {}),
  });
});

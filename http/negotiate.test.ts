/** Accept, RFC 9110 §12.5.1: HTML or JSON, a file or its Metalink. */

import { describe, expect, test } from "bun:test";
import { prefersJson, readWeights, wantsMetalink } from "./negotiate.ts";

describe("prefersJson", () => {
  test.each<[string, string | null, boolean]>([
    // No preference: HTML
    ["absent", null, false],
    ["empty", "", false],
    ["anything", "*/*", false],
    ["neither of them", "image/png", false],
    ["both alike", "application/json, text/html", false],
    ["both alike, by weight", "application/json;q=0.5, text/html;q=0.5", false],
    ["anything beside HTML", "text/html, */*", false],
    ["JSON with the weight of anything", "*/*;q=0.5, application/json;q=0.5", false],
    // HTML
    ["HTML", "text/html", false],
    ["any text", "text/*", false],
    [
      "a browser",
      "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
      false,
    ],
    ["aria2", "*/*,application/metalink4+xml,application/metalink+xml", false],
    ["JSON for want of HTML", "text/html, application/json;q=0.9", false],
    ["no JSON", "application/json;q=0", false],
    ["anything but JSON", "application/json;q=0, */*;q=0.1", false],
    ["a type that begins like JSON", "application/json5", false],
    ["a type that ends like JSON", "application/geo+json", false],
    // JSON
    ["JSON", "application/json", true],
    ["JSON in capitals", "APPLICATION/JSON", true],
    ["JSON or else anything", "application/json, */*;q=0.5", true],
    ["JSON or else anything, with the weight first", "*/*;q=0.5, application/json", true],
    ["a script", "application/json, text/plain;q=0.9", true],
    ["any application", "application/*", true],
    ["HTML for want of JSON", "text/html;q=0.8, application/json;q=0.9", true],
    ["weights of three digits", "text/html;q=0.899, application/json;q=0.9", true],
    ["a weight in capitals", "text/html;Q=0.1, application/json", true],
    ["a weight with blanks around", "text/html ; q=0.1 , application/json", true],
    ["a weight behind another parameter", "text/html;level=1;q=0.1, application/json;q=0.5", true],
    ["no HTML, but anything else", "text/html;q=0, */*", true],
    ["no text, but anything else", "text/*;q=0, */*;q=0.1", true],
    // The most specific range counts, not the largest weight
    [
      "JSON less than any application",
      "application/json;q=0.1, application/*, text/html;q=0.5",
      false,
    ],
    ["HTML less than any text", "text/html;q=0.1, text/*, application/json;q=0.5", true],
    ["any application less than anything", "application/*;q=0.2, */*, text/html;q=0.5", false],
    ["the same, the other way round", "*/*, application/*;q=0.2, text/html;q=0.5", false],
    // Malformed, or not a weight
    ["what ends like a weight", "text/html;xq=0.1, application/json;q=0.5", false],
    ["a weight that is no number is none", "application/json;q=high", false],
    ["nor is one of HTML", "text/html;q=high, application/json;q=0.1", true],
    ["an empty weight is none", "application/json;q=", false],
    ["empty elements", ",, application/json ,", true],
    ["a word", "json", false],
  ])("%s: %s", (_why, accept, expected) => {
    expect(prefersJson(accept)).toBe(expected);
  });
});

describe("wantsMetalink", () => {
  test.each<[string, string | null, boolean]>([
    ["aria2", "*/*,application/metalink4+xml,application/metalink+xml", true],
    ["Metalink alone", "application/metalink4+xml", true],
    ["in capitals", "Application/METALINK4+XML", true],
    ["with a weight", "application/metalink4+xml;q=0.001", true],
    [
      "with another parameter and blanks",
      "text/html , application/metalink4+xml ; v=1 ; q=0.5",
      true,
    ],
    ["absent", null, false],
    ["empty", "", false],
    ["anything", "*/*", false],
    ["any application", "application/*", false],
    ["not acceptable", "*/*, application/metalink4+xml;q=0", false],
    ["not acceptable, in full", "application/metalink4+xml;q=0.000", false],
    ["a weight that is none", "application/metalink4+xml;q=high", false],
    ["Metalink of before", "application/metalink+xml", false],
    ["a type that begins like it", "application/metalink4+xml2", false],
    ["a type that ends like it", "text/metalink4+xml", false],
    ["in a parameter", "text/html;a=application/metalink4+xml", false],
  ])("%s: %s", (_why, accept, expected) => {
    expect(wantsMetalink(accept)).toBe(expected);
  });
});

test("readWeights: names in lower case, the last of each, or nothing", () => {
  const seen = ["A, b;q=0.5 ,,A;q=0", "", "a;q=2", "a b", "a;b=1", "a;q"].map((field) => {
    const weights = readWeights(field);
    return weights === undefined ? undefined : [...weights];
  });
  expect(seen).toEqual([
    [
      ["a", 0],
      ["b", 0.5],
    ],
    [],
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

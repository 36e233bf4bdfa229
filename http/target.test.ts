/** Request targets: what a path may name, and that nothing names a place above the prefix. */

import { describe, expect, test } from "bun:test";
import { encodeName, formatPath, hasParameter, parseTarget, type Target } from "./target.ts";

/** A path that ends in a file's name. */
function file(...segments: string[]): Target {
  return { kind: "path", segments, trailingSlash: false, query: "" };
}

/** A path that ends in a slash. */
function directory(...segments: string[]): Target {
  return { kind: "path", segments, trailingSlash: true, query: "" };
}

/** A path `a` with a query. */
function asked(query: string): Target {
  return { kind: "path", segments: ["a"], trailingSlash: false, query };
}

const ROOT: Target = { kind: "root" };
const OUTSIDE: Target = { kind: "outside" };
const NO_NAME: Target = {
  kind: "malformed",
  reason: "The path has a name that no file can have",
};
const NO_UTF_8: Target = {
  kind: "malformed",
  reason: "The path is not percent-encoded UTF-8",
};

describe("parseTarget below /data/", () => {
  test.each<[string, string, Target]>([
    // Absolute URLs, as the runtime makes them
    ["a file", "http://host/data/a", file("a")],
    ["a file in a directory", "http://host/data/a/b.bin", file("a", "b.bin")],
    ["a directory", "http://host/data/a/", directory("a")],
    ["the directory itself", "http://host/data/", directory()],
    ["the directory without its slash", "http://host/data", file()],
    ["a port", "http://host:13000/data/a", file("a")],
    ["an IPv6 address", "http://[::1]:13000/data/a", file("a")],
    ["https", "https://host/data/a", file("a")],
    ["the root", "http://host/", ROOT],
    ["the root with a query", "http://host/?x", ROOT],
    ["another path", "http://host/other/a", OUTSIDE],
    ["a path that begins like the prefix", "http://host/database/a", OUTSIDE],
    ["a path that the prefix begins with", "http://host/dat", OUTSIDE],
    ["the prefix in capitals", "http://host/DATA/a", OUTSIDE],
    ["the prefix further down", "http://host/x/data/a", OUTSIDE],
    ["no path", "http://host", OUTSIDE],
    ["empty", "", OUTSIDE],
    ["the asterisk of OPTIONS", "*", OUTSIDE],
    ["an authority alone", "host:80", OUTSIDE],
    // Slashes
    ["two slashes within", "http://host/data/a//b", file("a", "b")],
    ["two slashes behind the prefix", "http://host/data//a", file("a")],
    ["many slashes at the end", "http://host/data/a///", directory("a")],
    ["two slashes in front", "http://host//data/a", OUTSIDE],
    // Escapes
    ["a space", "http://host/data/a%20b", file("a b")],
    ["UTF-8", "http://host/data/%C3%A4%e2%82%ac", file("ä€")],
    ["past 16 bits", "http://host/data/%F0%9F%98%80", file("😀")],
    ["a plus sign is a plus sign", "http://host/data/a+b", file("a+b")],
    ["decoded once: %2541 is %41", "http://host/data/%2541", file("%41")],
    ["decoded once: %252f is %2f", "http://host/data/a%252fb", file("a%2fb")],
    ["decoded once: %252e%252e", "http://host/data/%252e%252e/a", file("%2e%2e", "a")],
    ["an encoded question mark", "http://host/data/a%3Fb", file("a?b")],
    ["an encoded number sign", "http://host/data/a%23b", file("a#b")],
    ["a line feed is a character", "http://host/data/a%0Ab", file("a\nb")],
    // A backslash is a character of a name here; files/ judges it where it separates
    ["an encoded backslash", "http://host/data/a%5cb", file("a\\b")],
    ["dots with encoded backslashes", "http://host/data/..%5c..%5ca", file("..\\..\\a")],
    ["three dots", "http://host/data/.../a", file("...", "a")],
    ["a name that begins with a dot", "http://host/data/.a", file(".a")],
    ["a name that begins with two", "http://host/data/..a", file("..a")],
    // Names that no file can have
    ["an encoded slash", "http://host/data/a%2fb", NO_NAME],
    ["an encoded slash in capitals", "http://host/data/a%2Fb", NO_NAME],
    ["an encoded slash alone", "http://host/data/%2f", NO_NAME],
    ["dots with an encoded slash", "http://host/data/%2e%2e%2fa", NO_NAME],
    ["plain dots with an encoded slash", "http://host/data/..%2fa", NO_NAME],
    ["NUL", "http://host/data/a%00", NO_NAME],
    ["NUL before an extension", "http://host/data/a%00.txt", NO_NAME],
    ["NUL alone", "http://host/data/%00", NO_NAME],
    ["a dot that nobody resolved", "http://host/data/./a", NO_NAME],
    ["two dots that nobody resolved", "http://host/data/../a", NO_NAME],
    ["two dots at the end", "http://host/data/a/..", NO_NAME],
    ["encoded dots", "http://host/data/%2e%2E/a", NO_NAME],
    ["one encoded dot of two", "http://host/data/.%2e/a", NO_NAME],
    ["an encoded single dot", "http://host/data/%2e", NO_NAME],
    ["an encoded slash behind good names", "http://host/data/a/b/c%2fd", NO_NAME],
    // No UTF-8
    ["an overlong dot", "http://host/data/%c0%ae%c0%ae/a", NO_UTF_8],
    ["an overlong slash", "http://host/data/a%c0%afb", NO_UTF_8],
    ["an overlong slash of three bytes", "http://host/data/a%e0%80%afb", NO_UTF_8],
    ["Latin-1", "http://host/data/%e4", NO_UTF_8],
    ["%ff", "http://host/data/%ff", NO_UTF_8],
    ["half a character", "http://host/data/%C3", NO_UTF_8],
    ["a half of a pair", "http://host/data/%ed%a0%80", NO_UTF_8],
    ["past the last character", "http://host/data/%f4%90%80%80", NO_UTF_8],
    // Broken escapes
    ["no digits", "http://host/data/100%", NO_UTF_8],
    ["one digit", "http://host/data/a%4", NO_UTF_8],
    ["no hexadecimal digits", "http://host/data/%zz", NO_UTF_8],
    ["a sign in the digits", "http://host/data/%+1", NO_UTF_8],
    ["an escape of another kind", "http://host/data/%u0041", NO_UTF_8],
    ["an escape across a slash", "http://host/data/%4/1", NO_UTF_8],
    // Query and fragment
    ["a query", "http://host/data/a?download", asked("?download")],
    ["a query as sent", "http://host/data/a?x=%2F&y=+", asked("?x=%2F&y=+")],
    ["an empty query", "http://host/data/a?", asked("?")],
    ["a query with a slash", "http://host/data/a?b/c/", asked("?b/c/")],
    ["a query with a question mark", "http://host/data/a?b?c", asked("?b?c")],
    ["a fragment", "http://host/data/a#b", file("a")],
    ["a query and a fragment", "http://host/data/a?b#c", asked("?b")],
    ["a question mark in a fragment", "http://host/data/a#b?c", file("a")],
    ["a slash in a fragment", "http://host/data/a#b/", file("a")],
    ["broken escapes in a query", "http://host/data/a?%zz%00", asked("?%zz%00")],
    // Bare paths, from a client without Host
    ["a bare file", "/data/a", file("a")],
    ["a bare directory", "/data/a/", directory("a")],
    ["a bare prefix without its slash", "/data", file()],
    ["the bare root", "/", ROOT],
    ["a bare path elsewhere", "/other", OUTSIDE],
    ["a bare path with a query", "/data/a?download", asked("?download")],
    ["a bare path with a URL as its query", "/data/a?http://host/b", asked("?http://host/b")],
    ["a bare path with a fragment", "/data/a#b", file("a")],
    ["bare, UTF-8 as it is", "/data/ä", file("ä")],
    ["bare, a single dot", "/data/./a", file("a")],
    ["bare, dots that stay below", "/data/x/../a", file("a")],
    ["bare, dots that leave and return", "/data/../data/a", file("a")],
    ["bare, dots that leave", "/data/../a", OUTSIDE],
    ["bare, dots that lead to the root", "/data/..", ROOT],
    ["bare, more dots than names", "/data/../../../etc/passwd", OUTSIDE],
    ["bare, encoded dots that leave", "/data/%2e%2e/a", OUTSIDE],
    ["bare, dots at the end", "/data/a/..", directory()],
    ["bare, backslashes that leave", "/data/..\\..\\a", OUTSIDE],
    ["bare, dots with an encoded slash", "/data/..%2f..%2fa", NO_NAME],
    ["bare, NUL", "/data/%00", NO_NAME],
    ["bare, an overlong dot", "/data/%c0%ae%c0%ae/a", NO_UTF_8],
    ["bare, two slashes name no host", "//data/a", OUTSIDE],
    ["bare, what looks like a host", "//host/data/a", OUTSIDE],
    ["bare, two slashes within", "/data//a", file("a")],
  ])("%s: %s", (_why, url, expected) => {
    expect(parseTarget(url, "/data/")).toEqual(expected);
  });
});

describe("parseTarget below other prefixes", () => {
  test.each<[string, string, string, Target]>([
    ["/: the root is a directory", "/", "http://host/", directory()],
    ["/: the bare root too", "/", "/", directory()],
    ["/: a file", "/", "http://host/a", file("a")],
    ["/: a directory", "/", "http://host/a/", directory("a")],
    ["/: a file below", "/", "http://host/data/a", file("data", "a")],
    ["/: two slashes", "/", "http://host//", directory()],
    ["/: two slashes name no host", "/", "//a/b", file("a", "b")],
    [
      "/: a query of the root",
      "/",
      "http://host/?x",
      { kind: "path", segments: [], trailingSlash: true, query: "?x" },
    ],
    ["/: two dots", "/", "http://host/..", NO_NAME],
    ["two names: a file", "/a/b/", "http://host/a/b/c", file("c")],
    ["two names: without the slash", "/a/b/", "http://host/a/b", file()],
    [
      "two names: without the slash, with a query",
      "/a/b/",
      "http://host/a/b?x",
      { kind: "path", segments: [], trailingSlash: false, query: "?x" },
    ],
    ["two names: only the first", "/a/b/", "http://host/a/", OUTSIDE],
    ["two names: the root", "/a/b/", "http://host/", ROOT],
  ])("%s", (_why, prefix, url, expected) => {
    expect(parseTarget(url, prefix)).toEqual(expected);
  });
});

describe("hasParameter", () => {
  test.each<[string, boolean]>([
    ["?download", true],
    ["?download=", true],
    ["?download=1", true],
    ["?download=0", true],
    ["?x=1&download", true],
    ["?download&x=1", true],
    ["?%64ownload", true],
    ["", false],
    ["?", false],
    ["?downloads", false],
    ["?Download", false],
    ["?x=download", false],
    ["?x%26download", false],
    ["?x;download", false],
  ])('"%s"', (query, expected) => {
    expect(hasParameter(query, "download")).toBe(expected);
  });
});

describe("encodeName", () => {
  test.each<[string, string, string]>([
    ["what stays", "aZ09-_.!~*()", "aZ09-_.!~*()"],
    ["a space", "a b", "a%20b"],
    ["a slash", "a/b", "a%2Fb"],
    ["what ends a path", "a?b#c", "a%3Fb%23c"],
    ["a percent sign", "100%", "100%25"],
    ["what ends an attribute", `"'<>&`, "%22%27%3C%3E%26"],
    ["every apostrophe", "''", "%27%27"],
    ["a scheme", "javascript:x", "javascript%3Ax"],
    ["a backslash", "a\\b", "a%5Cb"],
    ["UTF-8", "ä€😀", "%C3%A4%E2%82%AC%F0%9F%98%80"],
    ["half a pair", "\ud83d", "%EF%BF%BD"],
    ["control characters", "\n\x7f", "%0A%7F"],
  ])("%s", (_why, name, expected) => {
    expect(encodeName(name)).toBe(expected);
  });
});

describe("formatPath", () => {
  test.each<[string, string, string[], boolean, string]>([
    ["the prefix", "/data/", [], true, "/data/"],
    ["the prefix, as a file", "/data/", [], false, "/data/"],
    ["the root", "/", [], true, "/"],
    ["a file", "/data/", ["a"], false, "/data/a"],
    ["a directory", "/data/", ["a"], true, "/data/a/"],
    ["below the root", "/", ["a", "b"], true, "/a/b/"],
    ["odd names", "/data/", ["a b", "ä?"], false, "/data/a%20b/%C3%A4%3F"],
    ["a name that ends in an encoded slash", "/data/", ["a/"], true, "/data/a%2F/"],
  ])("%s", (_why, prefix, segments, trailingSlash, expected) => {
    expect(formatPath(prefix, segments, trailingSlash)).toBe(expected);
  });
});

const ODD_NAMES = [
  "a",
  " ",
  " a ",
  "...",
  ".a",
  "a.",
  "-",
  "~",
  "%",
  "%2f",
  "%2e%2e",
  "%zz",
  "+",
  "a?b",
  "a#b",
  "a&b=c;d",
  "it's",
  '"',
  "<b>",
  "(1)*!",
  "a:b",
  "http:",
  "@",
  "\\",
  "..\\a",
  "[x]{y}|^`",
  "\n",
  "\t\r",
  "\x01\x7f",
  "ä€",
  "a\u0308",
  "日本語",
  "😀",
  "\u00a0",
  "\ufeff",
  "\u202e",
];

describe("any name comes back from its path", () => {
  test.each(["/data/", "/"])("below %s", (prefix) => {
    for (const name of ODD_NAMES) {
      for (const segments of [[name], ["d", name], [name, name, "e"]]) {
        const path = formatPath(prefix, segments, false);
        const slash = formatPath(prefix, segments, true);
        expect([`http://host${path}`, path, slash].map((url) => parseTarget(url, prefix))).toEqual([
          file(...segments),
          file(...segments),
          directory(...segments),
        ]);
      }
    }
  });
});

/** One Host, as RFC 9112 §3.2 and RFC 3986 §3.2.2 have it. */

import { expect, test } from "bun:test";
import { isHost } from "./host.ts";

test.each<[string, string | null, boolean]>([
  ["none", null, true],
  ["empty", "", true],
  ["a name", "example.org", true],
  ["a name and a port", "example.org:13000", true],
  ["a port without digits", "example.org:", true],
  ["an IPv4 address", "127.0.0.1:80", true],
  ["an IPv6 address", "[::1]:80", true],
  ["an address of a time to come", "[v7.a:b]", true],
  ["what a name may have beside letters", "a-b_c.d~!$&'()*+,;=", true],
  ["an escape", "a%2Fb", true],
  ["two lines", "a, b", false],
  ["the same line twice", "a, a", false],
  ["an empty line and another", ", a", false],
  ["a space", "a b", false],
  ["a tab", "a\tb", false],
  ["a slash", "a/b", false],
  ["a user", "user@a", false],
  ["a query", "a?b", false],
  ["a fragment", "a#b", false],
  ["a backslash", "a\\b", false],
  ["a quote", 'a"', false],
  ["markup", "<a>", false],
  ["a byte past ASCII", "\u00e4", false],
  ["a line break", "a\n", false],
  ["a port that is none", "a:b", false],
  ["two ports", "a:1:2", false],
  ["a broken escape", "a%2", false],
  ["an IPv6 address without its brackets", "::1", false],
  ["an IPv6 address without end", "[::1", false],
  ["a name in brackets", "[name]", false],
])("%s", (_why, value, expected) => {
  expect(isHost(value)).toBe(expected);
});

test("A long one takes no longer than its length", () => {
  expect([isHost("a%".repeat(40_000)), isHost("a".repeat(80_000))]).toEqual([false, true]);
});

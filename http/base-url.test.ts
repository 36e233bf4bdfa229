/** The URL of this server: RFC 9110 §7.2, RFC 3986 §3.2. */

import { expect, test } from "bun:test";
import { baseUrl } from "./base-url.ts";

test.each<[string, string, string | null, string | undefined]>([
  // As the client has it
  ["a name", "http://example.org/a", "example.org", "http://example.org"],
  ["a name with a port", "http://h:13000/", "h:13000", "http://h:13000"],
  ["the scheme's own port", "http://h/", "h:80", "http://h:80"],
  ["capitals", "http://example.org/", "Example.ORG", "http://Example.ORG"],
  ["a name with an underscore", "http://a_b-c.d:1/", "a_b-c.d:1", "http://a_b-c.d:1"],
  ["an IPv4 address", "http://127.0.0.1:8/", "127.0.0.1:8", "http://127.0.0.1:8"],
  ["an IPv6 address", "http://[::1]:8/", "[::1]:8", "http://[::1]:8"],
  [
    "an IPv6 address with an IPv4 tail",
    "http://[::1]/",
    "[::ffff:1.2.3.4]",
    "http://[::ffff:1.2.3.4]",
  ],
  ["TLS", "https://h:443/a", "h:443", "https://h:443"],
  ["a path alone, from HTTP/1.0", "/a", "h:8", "http://h:8"],
  // Never what is no host
  ["none", "/a", null, undefined],
  ["empty", "/a", "", undefined],
  ["markup", "/a", "<x>", undefined],
  ["a quote", "/a", 'h"', undefined],
  ["an apostrophe", "/a", "h'", undefined],
  ["an ampersand", "/a", "h&amp;", undefined],
  ["a space", "/a", "a b", undefined],
  ["a tab at the end, which a URL parser drops", "/a", "h\t", undefined],
  ["a line break", "/a", "h\nx: y", undefined],
  ["two hosts", "http://a/", "a, b", undefined],
  ["a user", "/a", "user@h", undefined],
  ["a path", "/a", "h/x", undefined],
  ["a query", "/a", "h?x", undefined],
  ["a fragment", "/a", "h#x", undefined],
  ["a backslash", "/a", "h\\x", undefined],
  ["an escape", "/a", "h%20", undefined],
  ["an umlaut", "/a", "ä.de", undefined],
  ["a port that is none", "/a", "h:x", undefined],
  ["a port without digits", "/a", "h:", undefined],
  ["a port past the last", "/a", "h:65536", undefined],
  ["two ports", "/a", "h:1:2", undefined],
  ["an address past the last", "/a", "1.2.3.999", undefined],
  ["an IPv6 address that is none", "/a", "[::1::2]", undefined],
  ["an IPv6 address without brackets", "/a", "::1", undefined],
  ["an IPv6 address without end", "/a", "[::1", undefined],
  ["an IPv6 zone", "/a", "[fe80::1%25eth0]", undefined],
  ["dots alone", "/a", "..", "http://.."],
  ["the longest", "/a", "a".repeat(261), `http://${"a".repeat(261)}`],
  ["longer", "/a", "a".repeat(262), undefined],
])("%s", (_why, url, host, expected) => {
  expect(baseUrl({ url, host }, undefined)).toBe(expected);
});

test("A trusted proxy knows the scheme better", () => {
  const behind = { url: "http://h/", host: "h", scheme: "https" } as const;
  expect(baseUrl(behind, undefined)).toBe("https://h");
});

test.each<[string, string, string]>([
  ["an origin", "https://dl.example.org", "https://dl.example.org"],
  ["with its slash", "https://dl.example.org/", "https://dl.example.org"],
  ["with a path", "https://example.org/files//", "https://example.org/files"],
])("What the operator says counts, whatever the Host: %s", (_why, configured, expected) => {
  expect(baseUrl({ url: "http://h/", host: "h" }, configured)).toBe(expected);
});

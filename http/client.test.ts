/** Whom a request comes from, behind proxies that are trusted and others. */

import { expect, test } from "bun:test";
import { parseNetwork } from "./address.ts";
import { type Approach, clientOf, isOfProxy, schemeOf } from "./client.ts";

const TRUSTED = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map((text) => parseNetwork(text)!);
const PROXY = "10.0.0.1";

function approach(connection: string, fields: Record<string, string>, trusted = TRUSTED): Approach {
  return { connection, fields: new Headers(fields), trusted };
}

const forwarded = (value: string) => ({ Forwarded: value });
const older = (value: string) => ({ "X-Forwarded-For": value });

// [why, connection, fields, client, whether the address may be a proxy's]
test.each<[string, string, Record<string, string>, string, boolean]>([
  ["no proxy", "192.0.2.1", {}, "192.0.2.1", false],
  ["a client that claims to be another", "192.0.2.1", older("192.0.2.9"), "192.0.2.1", true],
  ["the same by the new field", "192.0.2.1", forwarded("for=192.0.2.9"), "192.0.2.1", true],
  ["a proxy that says nothing", PROXY, {}, PROXY, false],
  ["a client that is gone", "", older("192.0.2.9"), "", true],
  // X-Forwarded-For
  ["one", PROXY, older("192.0.2.9"), "192.0.2.9", false],
  ["a proxy as IPv4 in IPv6", "::ffff:10.0.0.1", older("192.0.2.9"), "192.0.2.9", false],
  ["a proxy with IPv6", "fd00::1", older("2001:db8::9"), "2001:db8::9", false],
  ["a proxy of one address", "127.0.0.1", older("192.0.2.9"), "192.0.2.9", false],
  ["its neighbour", "127.0.0.2", older("192.0.2.9"), "127.0.0.2", true],
  ["what the client claims stands left", PROXY, older("1.1.1.1, 192.0.2.9"), "192.0.2.9", true],
  ["two proxies", PROXY, older("192.0.2.9, 10.1.1.1"), "192.0.2.9", false],
  ["two proxies and a claim", PROXY, older("1.1.1.1,192.0.2.9,10.1.1.1"), "192.0.2.9", true],
  ["proxies alone", PROXY, older("10.2.2.2, 10.1.1.1"), "10.2.2.2", false],
  ["with a port", PROXY, older("192.0.2.9:5000"), "192.0.2.9", false],
  ["IPv6 with a port", PROXY, older("[2001:db8::9]:5000"), "2001:db8::9", false],
  ["IPv6", PROXY, older("2001:db8::9"), "2001:db8::9", false],
  ["empty", PROXY, older(""), PROXY, true],
  ["a name", PROXY, older("client.example"), PROXY, true],
  ["nobody knows", PROXY, older("unknown"), PROXY, true],
  ["an empty place", PROXY, older("192.0.2.9, "), PROXY, true],
  ["what is malformed left of the client", PROXY, older("x, 192.0.2.9"), "192.0.2.9", true],
  ["a zone", PROXY, older("fe80::1%eth0"), PROXY, true],
  ["no address", PROXY, older("192.0.2.999"), PROXY, true],
  ["a line of its own", PROXY, older("192.0.2.9\tx"), PROXY, true],
  // Forwarded
  ["a token", PROXY, forwarded("for=192.0.2.9"), "192.0.2.9", false],
  ["capitals", PROXY, forwarded("For=192.0.2.9"), "192.0.2.9", false],
  ["quoted, with a port", PROXY, forwarded('for="192.0.2.9:80"'), "192.0.2.9", false],
  ["IPv6, quoted", PROXY, forwarded('for="[2001:db8::9]"'), "2001:db8::9", false],
  ["an escape", PROXY, forwarded('for="192.0.2\\.9"'), "192.0.2.9", false],
  [
    "others beside it",
    PROXY,
    forwarded("by=10.0.0.1;for=192.0.2.9;proto=https"),
    "192.0.2.9",
    false,
  ],
  ["two elements", PROXY, forwarded("for=1.1.1.1, for=192.0.2.9"), "192.0.2.9", true],
  ["two proxies", PROXY, forwarded("for=192.0.2.9, for=10.1.1.1"), "192.0.2.9", false],
  ["a comma in quotes", PROXY, forwarded('for=192.0.2.9;host="a,for=1.1.1.1"'), "192.0.2.9", false],
  ["hidden", PROXY, forwarded("for=_secret"), PROXY, true],
  ["unknown", PROXY, forwarded("for=unknown"), PROXY, true],
  ["no for", PROXY, forwarded("proto=https"), PROXY, true],
  ["no value", PROXY, forwarded("for="), PROXY, true],
  ["twice", PROXY, forwarded("for=192.0.2.9;for=192.0.2.8"), PROXY, true],
  ["a quote without its end", PROXY, forwarded('for="192.0.2.9'), PROXY, true],
  ["an end that is missing", PROXY, forwarded("for=192.0.2.9,"), PROXY, true],
  ["a parameter that is missing", PROXY, forwarded("for=192.0.2.9;"), PROXY, true],
  ["IPv6 without quotes", PROXY, forwarded("for=[2001:db8::9]"), PROXY, true],
  // Both
  [
    "both say the same",
    PROXY,
    { ...forwarded("for=192.0.2.9"), ...older("192.0.2.9") },
    "192.0.2.9",
    false,
  ],
  ["each says another", PROXY, { ...forwarded("for=1.1.1.1"), ...older("192.0.2.9") }, PROXY, true],
  ["one is malformed", PROXY, { ...forwarded("for"), ...older("192.0.2.9") }, PROXY, true],
])("%s", (_why, connection, fields, client, ofProxy) => {
  const from = approach(connection, fields);
  expect([clientOf(from), isOfProxy(from)]).toEqual([client, ofProxy]);
});

test("Without trusted proxies the connection's address counts", () => {
  const from = approach(PROXY, older("192.0.2.9"), []);
  expect([clientOf(from), isOfProxy(from), schemeOf(from)]).toEqual([PROXY, true, undefined]);
});

const proto = (value: string) => ({ "X-Forwarded-Proto": value });

test.each<[string, string, Record<string, string>, "http" | "https" | undefined]>([
  ["nothing", PROXY, {}, undefined],
  ["the older field", PROXY, proto("https"), "https"],
  ["capitals", PROXY, proto("HTTPS"), "https"],
  ["plain", PROXY, proto("http"), "http"],
  ["several: what the nearest proxy says", PROXY, proto("http, https"), "https"],
  ["another scheme", PROXY, proto("ftp"), undefined],
  ["from a stranger", "192.0.2.1", proto("https"), undefined],
  ["the new field", PROXY, forwarded("for=192.0.2.9;proto=https"), "https"],
  [
    "of the client's hop",
    PROXY,
    forwarded("for=192.0.2.9;proto=https, for=10.1.1.1;proto=http"),
    "https",
  ],
  ["both agree", PROXY, { ...forwarded("for=192.0.2.9;proto=https"), ...proto("https") }, "https"],
  ["they don't", PROXY, { ...forwarded("for=192.0.2.9;proto=https"), ...proto("http") }, undefined],
])("The scheme: %s", (_why, connection, fields, expected) => {
  expect(schemeOf(approach(connection, fields))).toBe(expected);
});

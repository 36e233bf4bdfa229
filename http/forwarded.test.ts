/** What a proxy says of itself. */

import { expect, test } from "bun:test";
import { isForwarded, isOnThisMachine } from "./forwarded.ts";

test.each<[string, Record<string, string>, boolean]>([
  ["nothing", {}, false],
  ["what every client sends", { Host: "a", Accept: "*/*", Connection: "close" }, false],
  ["RFC 7239", { Forwarded: "for=192.0.2.1" }, true],
  ["Via", { Via: "1.1 proxy" }, true],
  ["nginx", { "X-Real-IP": "192.0.2.1" }, true],
  ["the usual one", { "X-Forwarded-For": "192.0.2.1" }, true],
  ["the usual one, empty", { "x-forwarded-for": "" }, true],
  ["one of its kin", { "X-Forwarded-Proto": "https" }, true],
])("%s", (_why, fields, expected) => {
  expect(isForwarded(new Headers(fields))).toEqual(expected);
});

test.each<[string, string, Record<string, string>, boolean]>([
  ["IPv4", "127.0.0.1", {}, true],
  ["all of its network", "127.8.0.1", {}, true],
  ["IPv4 at an IPv6 socket", "::ffff:127.0.0.1", {}, true],
  ["the same in hex", "::FFFF:7f00:1", {}, true],
  ["IPv6", "::1", {}, true],
  ["through a proxy", "127.0.0.1", { forwarded: "for=10.0.0.9" }, false],
  ["through one that names itself", "::1", { via: "1.1 proxy" }, false],
  ["another machine", "10.0.0.1", {}, false],
  ["another machine by IPv6", "2001:db8::1", {}, false],
  ["a name", "127.host", {}, false],
  ["gone", "", {}, false],
])("On this machine: %s", (_why, client, fields, expected) => {
  expect(isOnThisMachine({ client, fields: new Headers(fields) })).toBe(expected);
});

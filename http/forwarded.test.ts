/** What a proxy says of itself. */

import { expect, test } from "bun:test";
import { isForwarded } from "./forwarded.ts";

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

/** What scripts of other origins may read, and what they may ask for. */

import { expect, test } from "bun:test";
import { corsFields, planPreflight } from "./cors.ts";

const EXPOSED = {
  "access-control-expose-headers":
    "Accept-Ranges, Content-Digest, Content-Length, Content-Range, Digest, ETag, Link, Repr-Digest, Retry-After",
};
const A = "https://a.example";
const B = "http://b.example:8080";
const MAY_A = { "access-control-allow-origin": A, ...EXPOSED, vary: "Origin" };
const NOBODY = { vary: "Origin" };

test.each<[string, string[], string | null, Record<string, string>]>([
  ["all", ["*"], A, { "access-control-allow-origin": "*", ...EXPOSED }],
  ["all, and none asks", ["*"], null, { "access-control-allow-origin": "*", ...EXPOSED }],
  ["all, beside another", [A, "*"], B, { "access-control-allow-origin": "*", ...EXPOSED }],
  ["this one", [A], A, MAY_A],
  ["one of two", [B, A], A, MAY_A],
  ["another", [A], B, NOBODY],
  ["none", [A], null, NOBODY],
  ["a page without an origin", [A], "null", NOBODY],
  ["the same with a port", [A], `${A}:8443`, NOBODY],
  ["one that begins like it", [A], `${A}.evil.example`, NOBODY],
  ["another scheme", [A], "http://a.example", NOBODY],
  ["two at once", [A], `${A}, ${A}`, NOBODY],
  ["a line of its own", [A], `${A}\r\nx: y`, NOBODY],
])("%s", (_why, origins, origin, expected) => {
  expect(corsFields(origins, origin)).toEqual(expected);
});

const ASKS = { origin: A, "access-control-request-method": "GET" };

test.each<[string, string, Record<string, string>, boolean]>([
  ["a preflight", "OPTIONS", ASKS, true],
  ["one for another method", "OPTIONS", { ...ASKS, "access-control-request-method": "PUT" }, true],
  ["OPTIONS of no browser", "OPTIONS", {}, false],
  ["OPTIONS of a script", "OPTIONS", { origin: A }, false],
  ["a method without an origin", "OPTIONS", { "access-control-request-method": "GET" }, false],
  ["GET", "GET", ASKS, false],
])("%s", (_why, method, fields, expected) => {
  const plan = planPreflight(method, new Headers(fields));
  expect(plan).toEqual(
    expected
      ? {
          status: 204,
          fields: {
            "access-control-allow-methods": "GET, HEAD",
            "access-control-allow-headers":
              "Authorization, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, Want-Content-Digest, Want-Digest, Want-Repr-Digest",
            "access-control-max-age": "7200",
          },
          content: { kind: "none" },
        }
      : undefined,
  );
});

import { expect, test } from "bun:test";
import type { Transfer } from "../files/transfer.ts";
import { answerRoute, healthRoutes, Routes } from "./routes.ts";

const leaving = { called: false, draining: false };
const routes = new Routes(() => healthRoutes(leaving));

test.each<[string, string, boolean]>([
  ["a URL", "http://host/-/healthy", true],
  ["with a query", "http://host:80/-/healthy?x", true],
  ["without a Host", "/-/healthy", true],
  ["with a slash behind it", "http://host/-/healthy/", false],
  ["one that nobody answers", "http://host/-/other", false],
  ["below a folder", "http://host/data/-/healthy", false],
  ["in a query", "http://host/data?/-/healthy", false],
  ["in another case", "http://host/-/Healthy", false],
  ["a name of every object", "http://host/-/constructor", false],
])("%s", (_why, url, found) => {
  expect(routes.find(url) !== undefined).toBe(found);
});

test.each<[string, string, Partial<typeof leaving>, string, (string | number | null)[]]>([
  ["healthy", "GET", {}, "/-/healthy", [200, "ok\n", "no-store", null]],
  [
    "healthy while it drains",
    "GET",
    { draining: true },
    "/-/healthy",
    [200, "ok\n", "no-store", null],
  ],
  ["ready", "GET", {}, "/-/ready", [200, "ok\n", "no-store", null]],
  ["HEAD", "HEAD", {}, "/-/ready", [200, "", "no-store", null]],
  [
    "a worker before its end",
    "GET",
    { called: true },
    "/-/ready",
    [503, "draining\n", "no-store", null],
  ],
  ["draining", "GET", { draining: true }, "/-/ready", [503, "draining\n", "no-store", null]],
  [
    "POST",
    "POST",
    {},
    "/-/ready",
    [
      405,
      "Method not allowed; this server answers GET, HEAD, OPTIONS\n",
      null,
      "GET, HEAD, OPTIONS",
    ],
  ],
])("%s", async (_why, method, state, path, expected) => {
  Object.assign(leaving, { called: false, draining: false }, state);
  const request = { method, url: path };
  const transfer = { method, request, now: 0 } as Partial<Transfer> as Transfer;
  const response = await answerRoute(routes.find(path)!, transfer);
  const { status, headers } = response;
  const seen = [status, await response.text(), headers.get("cache-control"), headers.get("allow")];
  expect(seen).toEqual(expected);
});

/** Answers that need no file; those from files are tested from outside. */

import { expect, test } from "bun:test";
import type { Plan } from "../http/plan.ts";
import { respond } from "./respond.ts";
import { Transfer, type Watcher } from "./transfer.ts";

const BYTES: Plan = {
  status: 200,
  fields: { etag: '"e"', "content-type": "application/x-bittorrent" },
  content: { kind: "bytes", bytes: new Uint8Array([0, 255, 13, 10]) },
};
const TEXT: Plan = { status: 404, fields: {}, content: { kind: "text", text: "ä\n" } };
const NONE: Plan = { status: 304, fields: { etag: '"e"' }, content: { kind: "none" } };
const TYPE = { etag: '"e"', "content-type": "application/x-bittorrent" };
const DATE = { date: "Sun, 09 Sep 2001 01:46:40 GMT" };

const NOBODY = { requestIP: () => null, timeout() {} };

function transferOf(
  request: Request,
  server: Transfer["server"],
  now: number,
  watch: Watcher["watch"] = () => {},
): Transfer {
  return new Transfer(request, server, { watch, made() {} }, now, 0);
}

test.each<[string, string, Plan, number, Record<string, string>, string]>([
  ["bytes", "GET", BYTES, 200, TYPE, "00ff0d0a"],
  ["bytes to HEAD", "HEAD", BYTES, 200, { ...TYPE, ...DATE, "content-length": "4" }, ""],
  ["text", "GET", TEXT, 404, {}, "c3a40a"],
  ["text to HEAD", "HEAD", TEXT, 404, { ...DATE, "content-length": "3" }, ""],
  ["nothing", "GET", NONE, 304, { etag: '"e"' }, ""],
])("%s", async (_why, method, plan, status, fields, hex) => {
  const request = new Request("http://host/", { method });
  const response = respond(plan, transferOf(request, NOBODY, 1_000_000_000_000));
  expect({
    status: response.status,
    fields: Object.fromEntries(response.headers),
    hex: (await response.bytes()).toHex(),
  }).toEqual({ status, fields: { ...fields, "x-content-type-options": "nosniff" }, hex });
});

const LARGE: Plan = {
  status: 200,
  fields: { "content-type": "application/x-bittorrent", etag: '"large"' },
  content: { kind: "bytes", bytes: new Uint8Array(3 * 1024 * 1024).fill(7) },
};

test.each<[string, Record<string, string>, number, number]>([
  ["whole", {}, 200, 3 * 1024 * 1024],
  // The runtime's own Range code, by our tag.
  ["in part", { range: "bytes=5-9" }, 206, 5],
  ["If-Range of its tag", { range: "bytes=5-9", "if-range": '"large"' }, 206, 5],
  ["If-Range of another", { range: "bytes=5-9", "if-range": '"other"' }, 200, 3 * 1024 * 1024],
])("Bytes too large to be held once a reader: %s", async (_why, headers, status, length) => {
  const owed: number[] = [];
  const watch = (transfer: Transfer) => void owed.push(transfer.owed);
  using server: Bun.Server<undefined> = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => respond(LARGE, transferOf(request, server, Date.now(), watch)),
  });
  const response = await fetch(server.url, { headers });
  const bytes = await response.bytes();
  expect([
    response.status,
    response.headers.get("content-length"),
    response.headers.get("content-disposition"),
    bytes.length,
    bytes.every((byte) => byte === 7),
    owed,
  ]).toEqual([status, String(length), "inline", length, true, [length]]);
});

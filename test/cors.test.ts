/**
 * Scripts of other origins: the fields on the wire, for every kind of answer, and a page in
 * a real browser that asks as pdf.js and WebTorrent do. (Both are packages; the page has
 * requests of the same shape.)
 */

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startBinary } from "./binary.ts";
import { testWith } from "./clients.ts";
import { offsetBytes, startSite, temporaryDirectory, writeSettled } from "./site.ts";
import { ask } from "./wire.ts";

setDefaultTimeout(60_000);

const LARGE = 1024 * 1024;
const A = "https://a.example";

function makeTree(directory = temporaryDirectory()): string {
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "large"), offsetBytes(LARGE));
  return directory;
}

const EXPOSED =
  "Accept-Ranges, Content-Digest, Content-Length, Content-Range, Digest, ETag, Link, Repr-Digest, Retry-After";

type Cors = readonly [origin: string | undefined, exposed: boolean, vary: string | undefined];

const ANSWERS: readonly [string, string, string, Record<string, string>, number][] = [
  ["a file", "GET", "/data/small", {}, 200],
  ["a streamed file", "GET", "/data/large", {}, 200],
  ["HEAD", "HEAD", "/data/small", {}, 200],
  ["a range", "GET", "/data/small", { Range: "bytes=0-1" }, 206],
  ["parts", "GET", "/data/small", { Range: "bytes=0-0,2-2" }, 206],
  ["not modified", "GET", "/data/small", { "If-None-Match": "*" }, 304],
  ["a failed precondition", "GET", "/data/small", { "If-Match": '"x"' }, 412],
  ["past the end", "GET", "/data/small", { Range: "bytes=9-" }, 416],
  ["a malformed range", "GET", "/data/small", { Range: "bytes=x" }, 400],
  ["nothing", "GET", "/data/none", {}, 404],
  ["a redirect", "GET", "/", {}, 307],
  ["another method", "POST", "/data/small", {}, 405],
  ["OPTIONS alone", "OPTIONS", "/data/small", {}, 204],
  ["two hosts", "GET", "/data/small", { Host: "a, b" }, 400],
  ["an announce", "GET", "/-/announce", {}, 200],
];

async function corsOf(port: number, origin: string | undefined): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const [why, method, target, fields] of ANSWERS) {
    const all = origin === undefined ? fields : { ...fields, Origin: origin };
    const { status, fields: got } = await ask(port, method, target, all);
    const exposed = got["access-control-expose-headers"] === EXPOSED;
    seen.push([why, status, got["access-control-allow-origin"], exposed, got["vary"]]);
  }
  return seen;
}

test.each<[string, string[], string | undefined, Cors]>([
  ["off", [], A, [undefined, false, undefined]],
  ["this origin", [A, "http://b.example"], A, [A, true, "Origin"]],
  ["another", ["http://b.example"], A, [undefined, false, "Origin"]],
  ["none", [A], undefined, [undefined, false, "Origin"]],
  ["all", ["*"], A, ["*", true, undefined]],
])("Every answer: %s", async (_why, cors, origin, [allowed, exposed, vary]) => {
  using site = startSite({ cors, seed: false });
  makeTree(site.directory);
  expect(await corsOf(site.port, origin)).toEqual(
    ANSWERS.map(([why, , , , status]) => [why, status, allowed, exposed, vary]),
  );
});

test("A listing's Vary has both", async () => {
  using site = startSite({ cors: [A], seed: false });
  const { status, fields } = await ask(site.port, "GET", "/data/", { Origin: A });
  expect([status, fields["vary"], fields["access-control-allow-origin"]]).toEqual([
    200,
    "Accept, Origin",
    A,
  ]);
});

test("A preflight is answered without looking for the file, and only with CORS on", async () => {
  const asks = { Origin: A, "Access-Control-Request-Method": "GET" };
  const seen = [];
  for (const cors of [[A], []]) {
    using site = startSite({ cors, seed: false });
    const { status, fields } = await ask(site.port, "OPTIONS", "/data/none", asks);
    const { allow } = fields;
    seen.push([status, allow, fields["access-control-allow-methods"], fields["vary"]]);
  }
  expect(seen).toEqual([
    [204, undefined, "GET, HEAD", "Origin"],
    [204, "GET, HEAD, OPTIONS", undefined, undefined],
  ]);
});

/** What the page does. It is sent as text, and so uses nothing of this file. */
async function inPage(base: string) {
  const range = (first: number, last: number) => ({ Range: `bytes=${first}-${last}` });
  const text = async (response: Response) => (await response.text()).slice(0, 16);

  // pdf.js (display/fetch_stream.js): a whole GET for the header, given up; then its ranges.
  const abort = new AbortController();
  const first = await fetch(`${base}/large`, { mode: "cors", signal: abort.signal });
  const length = Number(first.headers.get("Content-Length"));
  const ranges = first.headers.get("Accept-Ranges");
  abort.abort();
  const chunks: unknown[] = [];
  for (const begin of [0, 65_536, length - 65_536]) {
    const answer = await fetch(`${base}/large`, { headers: range(begin, begin + 65_535) });
    const bytes = await answer.arrayBuffer();
    const start = new TextDecoder().decode(bytes.slice(0, 16));
    chunks.push([answer.status, answer.headers.get("Content-Range"), bytes.byteLength, start]);
  }

  // A web seed of WebTorrent (lib/webconn.js): one range a piece, by XMLHttpRequest or fetch.
  const piece = await new Promise((resolve, reject) => {
    const request = new (globalThis as any).XMLHttpRequest();
    request.open("GET", `${base}/large`);
    request.responseType = "arraybuffer";
    request.setRequestHeader("range", "bytes=16384-32767");
    request.onload = () => resolve([request.status, request.response.byteLength]);
    request.onerror = () => reject(new Error("refused"));
    request.send();
  });

  const small = await fetch(`${base}/small`);
  const tag = small.headers.get("ETag") ?? "";
  const known = await fetch(`${base}/small`, { headers: { "If-None-Match": tag } });
  const resumed = await fetch(`${base}/small`, { headers: { ...range(1, 2), "If-Range": tag } });
  // What the browser has kept of the file would answer else.
  const past = await fetch(`${base}/small`, { headers: range(9, 10), cache: "no-store" });
  const none = await fetch(`${base}/none`);
  const head = await fetch(`${base}/small`, {
    method: "HEAD",
    headers: { "Want-Digest": "sha-256" },
  });
  const put = await fetch(`${base}/small`, { method: "PUT" }).catch(() => "refused");
  return {
    pdf: { length, ranges, chunks },
    webSeed: piece,
    tag: tag !== "",
    link: small.headers.get("Link") !== null,
    known: known.status,
    resumed: [resumed.status, await text(resumed)],
    past: [past.status, past.headers.get("Content-Range")],
    none: none.status,
    head: head.status,
    put,
  };
}

const testInBrowser = testWith("chromium");

function openView(): Bun.WebView {
  const argv = [
    ...["--no-sandbox", "--disable-quic", "--disable-background-networking"],
    ...["--disable-component-update", "--proxy-server=direct://"],
  ];
  const path = Bun.which("chromium") ?? "";
  return new Bun.WebView({
    backend: { type: "chrome", path, url: false, argv },
    width: 400,
    height: 300,
  });
}

testInBrowser("A page of another origin reads ranges as pdf.js and WebTorrent do", async () => {
  await using page = Bun.serve({
    ...{ port: 0, hostname: "127.0.0.1", development: false },
    fetch: () => new Response("<!doctype html><title>A</title>", { headers: HTML }),
  });
  const origin = `http://127.0.0.1:${page.port}`;
  const start = (cors: string) =>
    startBinary(["--no-seed", "--host", "127.0.0.1", "--cors", cors, makeTree()]);
  await using allowed = await start(origin);
  await using all = await start("*");
  await using others = await start("https://other.example");
  const view = openView();
  await view.navigate(origin);
  const evaluate = (base: string) =>
    view.evaluate(`(${inPage.toString()})("${base}/data").catch((error) => error.name)`);
  const seen = {
    allowed: await evaluate(allowed.origin),
    all: await evaluate(all.origin),
    others: await evaluate(others.origin),
  };
  view.close();
  expect(seen).toEqual({ allowed: EXPECTED, all: EXPECTED, others: "TypeError" });
});

const HTML = { "content-type": "text/html" };

const EXPECTED = {
  pdf: {
    length: LARGE,
    ranges: "bytes",
    chunks: [
      [206, `bytes 0-65535/${LARGE}`, 65_536, "000000000000000\n"],
      [206, `bytes 65536-131071/${LARGE}`, 65_536, "000000000065536\n"],
      [206, `bytes 983040-1048575/${LARGE}`, 65_536, "000000000983040\n"],
    ],
  },
  webSeed: [206, 16_384],
  tag: true,
  link: true,
  known: 304,
  resumed: [206, "MA"],
  past: [416, "bytes */5"],
  none: 404,
  head: 200,
  put: "refused",
};

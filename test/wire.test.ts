/** HTTP/1.1 as it stands on the wire, where `fetch` would hide it. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serve } from "../request/serve.ts";
import { offsetBytes, type Site, startSite, writeSettled } from "./site.ts";
import { ask, Wire, type WireResponse } from "./wire.ts";

setDefaultTimeout(60_000);

const SMALL = offsetBytes(64);
/** Past what is read before an answer begins, so that the runtime streams it. */
const LARGE = offsetBytes(2 * 1024 * 1024);

function startFilled(): Site {
  const site = startSite();
  writeSettled(join(site.directory, "small.txt"), SMALL);
  writeSettled(join(site.directory, "large.bin"), LARGE);
  writeSettled(join(site.directory, "empty"), "");
  return site;
}

/** Every field but the date, which must be there once and be a date. */
function observe({ status, fields, body, complete }: WireResponse) {
  const { date, ...others } = fields;
  const dated = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(date ?? "");
  return { status, fields: others, body: body.toString("latin1"), whole: complete, dated };
}

const NOSNIFF = { "x-content-type-options": "nosniff" };
const VALIDATORS = {
  ...NOSNIFF,
  "accept-ranges": "bytes",
  // Size 64 and 10^18 nanoseconds in base 36.
  etag: '"1s-7lieexzx4kxs"',
  "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT",
};
const TEXT = { "content-type": "text/plain; charset=utf-8" };
const FILE = { ...VALIDATORS, ...TEXT, "content-disposition": "inline" };
/** On answers of the whole: where documents about the file are. */
const WHOLE = {
  ...FILE,
  link: '<small.txt.meta4>; rel=describedby; type="application/metalink4+xml", <small.txt.torrent>; rel=describedby; type="application/x-bittorrent"',
};
const ERROR = { "accept-ranges": "bytes", ...NOSNIFF, ...TEXT };
const LINE = (offset: number) => `${String(offset).padStart(15, "0")}\n`;

test.each<[string, string, Record<string, string>, number, Record<string, string>, string]>([
  ["whole", "GET", {}, 200, { ...WHOLE, "content-length": "64" }, SMALL.toString()],
  ["HEAD", "HEAD", {}, 200, { ...WHOLE, "content-length": "64" }, ""],
  [
    "HEAD ignores Range",
    "HEAD",
    { Range: "bytes=0-1" },
    200,
    { ...WHOLE, "content-length": "64" },
    "",
  ],
  [
    "one window",
    "GET",
    { Range: "bytes=16-31" },
    206,
    { ...FILE, "content-length": "16", "content-range": "bytes 16-31/64" },
    LINE(16),
  ],
  [
    "the whole as a range stays 206",
    "GET",
    { Range: "bytes=0-" },
    206,
    { ...FILE, "content-length": "64", "content-range": "bytes 0-63/64" },
    SMALL.toString(),
  ],
  [
    "another unit",
    "GET",
    { Range: "lines=1-2" },
    200,
    { ...WHOLE, "content-length": "64" },
    SMALL.toString(),
  ],
  [
    "past the end",
    "GET",
    { Range: "bytes=64-" },
    416,
    { ...ERROR, "content-range": "bytes */64", "content-length": "42" },
    "Range selects none of the file's 64 bytes\n",
  ],
  [
    "reversed",
    "GET",
    { Range: "bytes=2-1" },
    400,
    { ...ERROR, "content-length": "43" },
    "Range has a last position before its first\n",
  ],
  [
    "current tag",
    "GET",
    { "If-None-Match": '"1s-7lieexzx4kxs"', Range: "bytes=0-1" },
    304,
    VALIDATORS,
    "",
  ],
  [
    "stale tag in If-Match",
    "GET",
    { "If-Match": '"other"' },
    412,
    { ...ERROR, "content-length": "37" },
    "If-Match does not hold for this file\n",
  ],
  [
    "HEAD of an error has its length and no content",
    "HEAD",
    { "If-Match": '"other"' },
    412,
    { ...ERROR, "content-length": "37" },
    "",
  ],
  [
    "POST",
    "POST",
    { "Content-Length": "0" },
    405,
    { ...ERROR, allow: "GET, HEAD, OPTIONS", "content-length": "59" },
    "Method not allowed; this server answers GET, HEAD, OPTIONS\n",
  ],
  [
    "OPTIONS",
    "OPTIONS",
    {},
    204,
    { "accept-ranges": "bytes", ...NOSNIFF, allow: "GET, HEAD, OPTIONS" },
    "",
  ],
])("A file: %s", async (_, method, request, status, fields, body) => {
  using site = startFilled();
  const response = await ask(site.port, method, "/data/small.txt", request);
  expect(observe(response)).toEqual({ status, fields, body, whole: true, dated: true });
});

test("A file whose digests are known has them in the fields of every answer about its bytes", async () => {
  using site = startFilled();
  while ((await ask(site.port, "GET", "/data/small.txt.sha256")).status !== 200);
  const sha256 = new Bun.CryptoHasher("sha256").update(SMALL).digest("base64");
  const digests = { "repr-digest": `sha-256=:${sha256}:`, digest: `SHA-256=${sha256}` };
  const seen = [];
  for (const request of [{}, { Range: "bytes=16-31" }, { "If-None-Match": "*" }]) {
    seen.push(observe(await ask(site.port, "GET", "/data/small.txt", request)));
  }
  const answer = (status: number, fields: Record<string, string>, body: string) => ({
    ...{ status, fields, body, whole: true, dated: true },
  });
  const whole = { "content-length": "64", "content-digest": digests["repr-digest"] };
  const part = { "content-length": "16", "content-range": "bytes 16-31/64" };
  expect(seen).toEqual([
    answer(200, { ...WHOLE, ...digests, ...whole }, SMALL.toString()),
    answer(206, { ...FILE, ...digests, ...part }, LINE(16)),
    answer(304, VALIDATORS, ""),
  ]);
});

// The runtime has Range code of its own for a 200 with a file: these rows hold it off.
const LARGE_TAG = '"18y68-7lieexzx4kxs"';
const STAMP = "Sun, 09 Sep 2001 01:46:40 GMT";
test.each<[string, Record<string, string>, number, string | undefined, number]>([
  ["no Range", {}, 200, undefined, LARGE.length],
  ["a window", { Range: "bytes=1-1500000" }, 206, "bytes 1-1500000/2097152", 1_500_000],
  [
    "a window up to the end",
    { Range: "bytes=16-9999999" },
    206,
    "bytes 16-2097151/2097152",
    LARGE.length - 16,
  ],
  ["the whole as a range", { Range: "bytes=0-" }, 206, "bytes 0-2097151/2097152", LARGE.length],
  [
    "If-Range with the tag",
    { Range: "bytes=0-999999", "If-Range": LARGE_TAG },
    206,
    "bytes 0-999999/2097152",
    1e6,
  ],
  [
    "If-Range with the date",
    { Range: "bytes=0-999999", "If-Range": STAMP },
    206,
    "bytes 0-999999/2097152",
    1e6,
  ],
  [
    "If-Range with another tag",
    { Range: "bytes=0-9", "If-Range": '"x"' },
    200,
    undefined,
    LARGE.length,
  ],
  [
    "If-Range with a weak tag",
    { Range: "bytes=0-9", "If-Range": `W/${LARGE_TAG}` },
    200,
    undefined,
    LARGE.length,
  ],
  [
    "If-Range with another date",
    { Range: "bytes=0-9", "If-Range": "Sun, 09 Sep 2001 01:46:41 GMT" },
    200,
    undefined,
    LARGE.length,
  ],
  [
    "If-Range past the end, stale",
    { Range: "bytes=9999999-", "If-Range": '"x"' },
    200,
    undefined,
    LARGE.length,
  ],
  ["a set that adds up to more", { Range: "bytes=0-,0-" }, 200, undefined, LARGE.length],
  ["another unit", { Range: "lines=0-1" }, 200, undefined, LARGE.length],
  [
    "a suffix longer than the file",
    { Range: "bytes=-9999999" },
    206,
    "bytes 0-2097151/2097152",
    LARGE.length,
  ],
])("A file that is streamed: %s", async (_, request, status, range, length) => {
  using site = startFilled();
  const { fields, ...response } = await ask(site.port, "GET", "/data/large.bin", request);
  const start = Number(/^bytes (\d+)/.exec(range ?? "")?.[1] ?? 0);
  expect({
    status: response.status,
    range: fields["content-range"],
    length: fields["content-length"],
    once: fields["accept-ranges"],
    disposition: fields["content-disposition"],
    chunked: fields["transfer-encoding"],
    exact: response.body.equals(LARGE.subarray(start, start + length)),
  }).toEqual({
    status,
    range,
    length: String(length),
    once: "bytes",
    disposition: "inline",
    chunked: undefined,
    exact: true,
  });
});

test("A file that is fresh has no date that a condition could name", async () => {
  using site = startSite();
  const path = join(site.directory, "fresh");
  writeFileSync(path, LARGE);
  // Read from the disk: the same for any other version within that second.
  const date = statSync(path).mtime.toUTCString();
  const seen: unknown[] = [];
  for (const fields of [
    {},
    { "If-Modified-Since": date },
    { "If-Unmodified-Since": date },
    { Range: "bytes=0-9", "If-Range": date },
    { Range: "bytes=0-9" },
  ]) {
    const { status, fields: sent, body } = await ask(site.port, "GET", "/data/fresh", fields);
    seen.push([status, sent["last-modified"], status === 412 ? 0 : body.length]);
  }
  expect(seen).toEqual([
    [200, undefined, LARGE.length],
    [200, undefined, LARGE.length],
    [412, undefined, 0],
    [200, undefined, LARGE.length],
    [206, undefined, 10],
  ]);
});

test("An empty file is the same with and without a Range", async () => {
  using site = startFilled();
  const seen = [];
  for (const fields of [{}, { Range: "bytes=0-" }, { Range: "bytes=-5" }, { Range: "bytes=7-9" }]) {
    const { status, fields: got, body } = await ask(site.port, "GET", "/data/empty", fields);
    seen.push([status, got["content-length"], got["content-range"], body.length]);
  }
  expect(seen).toEqual(Array.from({ length: 4 }, () => [200, "0", undefined, 0]));
});

test("Several windows are parts in the order asked, framed byte by byte", async () => {
  using site = startFilled();
  const range = { Range: "bytes=48-63, 0-15" };
  const { status, fields, body } = await ask(site.port, "GET", "/data/small.txt", range);
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f-]{36})$/.exec(
    fields["content-type"] ?? "",
  )?.[1];
  expect({
    status,
    length: fields["content-length"],
    range: fields["content-range"],
    body: body.toString(),
  }).toEqual({
    status: 206,
    length: String(body.length),
    range: undefined,
    body:
      `--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 48-63/64\r\n\r\n${LINE(48)}` +
      `\r\n--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-15/64\r\n\r\n${LINE(0)}` +
      `\r\n--${boundary}--\r\n`,
  });
});

test("Parts too large to hold are the same, chunked", async () => {
  using site = startFilled();
  const range = { Range: "bytes=0-999999,1000016-1999999" };
  const { status, fields, body, complete } = await ask(site.port, "GET", "/data/large.bin", range);
  const boundary = /boundary=(.*)$/.exec(fields["content-type"] ?? "")?.[1];
  const head = (text: string) =>
    Buffer.from(
      `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${text}/2097152\r\n\r\n`,
    );
  const expected = Buffer.concat([
    head("0-999999"),
    LARGE.subarray(0, 1_000_000),
    Buffer.from("\r\n"),
    head("1000016-1999999"),
    LARGE.subarray(1_000_016, 2_000_000),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  expect({ status, complete, exact: body.equals(expected) }).toEqual({
    status: 206,
    complete: true,
    exact: true,
  });
});

test("One connection: everything in turn, then ranges pipelined and answered in order", async () => {
  using site = startFilled();
  using wire = await Wire.connect(site.port);
  const turns: [string, string, Record<string, string>][] = [
    ["GET", "/data/small.txt", { Range: "bytes=99-" }],
    ["GET", "/data/nothing", {}],
    ["HEAD", "/data/large.bin", {}],
    ["GET", "/data/large.bin", {}],
    ["GET", "/data/small.txt", { Range: "bytes=9-1" }],
    ["GET", "/data/", {}],
    ["DELETE", "/data/small.txt", {}],
    ["GET", "/data/large.bin", { Range: "bytes=0-499999,500001-1000000" }],
    ["GET", "/data/small.txt", { "If-None-Match": "*" }],
  ];
  const statuses = [];
  for (const [method, target, fields] of turns) {
    wire.request(method, target, fields);
    statuses.push((await wire.response(method)).status);
  }
  const lines = [];
  for (const offset of [48, 0, 32, 16]) {
    wire.request("GET", "/data/small.txt", { Range: `bytes=${offset}-${offset + 15}` });
  }
  for (let n = 0; n < 4; n++) lines.push((await wire.response()).body.toString());
  expect({ statuses, lines }).toEqual({
    statuses: [416, 404, 200, 200, 400, 200, 405, 206, 304],
    lines: [48, 0, 32, 16].map(LINE),
  });
});

test("Pipelined windows of 256 KiB in one segment come in order", async () => {
  using site = startFilled();
  using wire = await Wire.connect(site.port);
  const SIZE = 256 * 1024;
  const offsets = [3, 0, 2, 1].map((n) => n * SIZE);
  const requests = offsets.map(
    (start) =>
      `GET /data/large.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=${start}-${start + SIZE - 1}\r\n\r\n`,
  );
  wire.send(requests.join(""));
  const exact = [];
  for (const start of offsets) {
    exact.push((await wire.response()).body.equals(LARGE.subarray(start, start + SIZE)));
  }
  expect(exact).toEqual([true, true, true, true]);
});

test.each<[string, string, string, number, string]>([
  [
    "HTTP/1.0 without Host",
    "GET /data/small.txt HTTP/1.0\r\nRange:bytes=0-15\r\n\r\n",
    "GET",
    206,
    LINE(0),
  ],
  [
    "HTTP/1.0, dot segments",
    "GET /data/x/../small.txt HTTP/1.0\r\nRange: bytes=0-15\r\n\r\n",
    "GET",
    206,
    LINE(0),
  ],
  [
    "an absolute target",
    "GET http://other/data/small.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-15\r\n\r\n",
    "GET",
    206,
    LINE(0),
  ],
  [
    "two Host lines",
    "GET /data/small.txt HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "GET",
    400,
    "Host is not one host\n",
  ],
  [
    "a Host that is none",
    "GET /data/small.txt HTTP/1.1\r\nHost: a/b@c\r\n\r\n",
    "GET",
    400,
    "Host is not one host\n",
  ],
  [
    "a Host that is none, and a document",
    "GET /data/small.txt.torrent HTTP/1.0\r\nHost: a b\r\n\r\n",
    "GET",
    400,
    "Host is not one host\n",
  ],
  [
    "an empty Host",
    "GET /data/small.txt HTTP/1.1\r\nHost:\r\nRange: bytes=0-15\r\n\r\n",
    "GET",
    206,
    LINE(0),
  ],
  [
    "two Range lines",
    "GET /data/small.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=4-5\r\n\r\n",
    "GET",
    400,
    "Range has an element that is not first-last, first- or -length\n",
  ],
  ["no Host", "GET /data/small.txt HTTP/1.1\r\n\r\n", "GET", 400, ""],
  [
    "TRACE",
    "TRACE /data/small.txt HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE",
    405,
    "Method not allowed; this server answers GET, HEAD, OPTIONS\n",
  ],
  [
    "CONNECT",
    "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT",
    405,
    "Method not allowed; this server answers GET, HEAD, OPTIONS\n",
  ],
  ["no request at all", "\x16\x03\x01\x02\x00\r\n\r\n", "GET", 400, ""],
  [
    "a field too large",
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(70_000)}\r\n\r\n`,
    "GET",
    431,
    "",
  ],
])("A request with %s", async (_, request, method, status, body) => {
  using site = startFilled();
  using wire = await Wire.connect(site.port);
  wire.send(request);
  const response = await wire.response(method);
  expect([response.status, response.body.toString()]).toEqual([status, body]);
});

test("Connections that send nothing, or half a request, take nothing from the others", async () => {
  using site = startFilled();
  const silent = await Promise.all(Array.from({ length: 50 }, () => Wire.connect(site.port)));
  for (const [n, wire] of silent.entries()) if (n % 2 === 0) wire.send("GET /data/small.txt HTT");
  const { status } = await ask(site.port, "GET", "/data/small.txt");
  const [first] = silent;
  first?.send("P/1.1\r\nHost: x\r\nRange: bytes=0-15\r\n\r\n");
  const finished = await first?.response();
  for (const wire of silent) wire[Symbol.dispose]();
  expect([status, finished?.status, finished?.body.toString()]).toEqual([200, 206, LINE(0)]);
});

test("A reader that pauses in the middle gets the rest", async () => {
  using site = startSite();
  const path = join(site.directory, "film.mp4");
  const film = offsetBytes(24 * 1024 * 1024);
  writeSettled(path, film);
  using wire = await Wire.connect(site.port);
  wire.request("GET", "/data/film.mp4", { Range: "bytes=0-" });
  await wire.waitFor(1000);
  wire.pause();
  // Others are served meanwhile, and another file grows.
  appendFileSync(join(site.directory, "other"), "x");
  const other = await ask(site.port, "GET", "/data/other");
  wire.resume();
  const { status, fields, body } = await wire.response();
  expect([status, fields["content-type"], body.equals(film), other.body.toString()]).toEqual([
    206,
    "video/mp4",
    true,
    "x",
  ]);
});

test.each<[string, string, string]>([
  ["plain.bin", "?download", 'attachment; filename="plain.bin"'],
  ["plain.bin", "?x=1&download=1", 'attachment; filename="plain.bin"'],
  ["plain.bin", "?downloads", "inline"],
  ["plain.bin", "", "inline"],
  [
    'a "b" ä.txt',
    "?download",
    `attachment; filename="a _b_ _.txt"; filename*=UTF-8''a%20%22b%22%20%C3%A4.txt`,
  ],
])("Content-Disposition of %s%s", async (name, query, disposition) => {
  using site = startSite();
  writeSettled(join(site.directory, name), "x");
  const target = `/data/${encodeURIComponent(name)}${query}`;
  const seen = [];
  for (const [method, fields] of [
    ["GET", {}],
    ["HEAD", {}],
    ["GET", { Range: "bytes=0-0" }],
  ] as const) {
    seen.push((await ask(site.port, method, target, fields)).fields["content-disposition"]);
  }
  expect(seen).toEqual([disposition, disposition, disposition]);
});

test("What nobody expects is answered with 500 and logged, and the answer names no path", async () => {
  using site = startFilled();
  const request = new Request("http://x/data/small.txt");
  Object.defineProperty(request, "headers", {
    get() {
      throw new Error(`a fault in ${site.directory}`);
    },
  });
  const response = await serve(site.served, request, site.server);
  expect([response.status, await response.text(), site.lines]).toEqual([
    500,
    "This server failed to answer; its log says why\n",
    [`GET http://x/data/small.txt: Error: a fault in ${site.directory}`],
  ]);
});

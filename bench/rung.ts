/**
 * The program of one rung of the ladder in floor.ts: `bun bench/rung.ts RUNG BYTES FILE PORT`.
 * It answers every request with BYTES of FILE, doing as much for it as its rung says and no
 * more: those that were asked for from the rung "read" on, and below it the first of the file.
 */

import { fstatSync, openSync, readSync, statSync } from "node:fs";

/** From the bottom up; each does what those before it do. */
export const RUNGS = ["constant", "fields", "request", "stat", "read", "fstat"] as const;
export type Rung = (typeof RUNGS)[number];

const REQUEST_FIELDS = [
  "if-match",
  "if-unmodified-since",
  "if-none-match",
  "if-modified-since",
  "range",
  "if-range",
];

function serve(height: number, bytes: number, path: string, port: number): void {
  const descriptor = openSync(path, "r");
  const { size } = fstatSync(descriptor);
  const buffer = Buffer.alloc(bytes);
  readSync(descriptor, buffer, 0, bytes, 0);
  const reaches = (rung: Rung) => height >= RUNGS.indexOf(rung);
  const [fields, request, stat, read, fstat] = [
    reaches("fields"),
    reaches("request"),
    reaches("stat"),
    reaches("read"),
    reaches("fstat"),
  ];
  Bun.serve({
    hostname: "127.0.0.1",
    port,
    development: false,
    fetch({ method, url, headers }) {
      if (!fields) return new Response(buffer);
      if (request) {
        if (method !== "GET" || !url.endsWith("/data/file")) return new Response(null);
        for (const name of REQUEST_FIELDS) headers.get(name);
      }
      if (stat) statSync(path, { bigint: true, throwIfNoEntry: false });
      const first = read ? firstOf(headers.get("range")) : 0;
      if (read) readSync(descriptor, buffer, 0, bytes, first);
      if (fstat) fstatSync(descriptor, { bigint: true });
      return new Response(buffer, {
        status: 206,
        headers: {
          "accept-ranges": "bytes",
          etag: '"hra0hs-7tfkqbcz2k8"',
          "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT",
          "content-type": "application/octet-stream",
          "content-disposition": "inline",
          "content-range": `bytes ${first}-${first + bytes - 1}/${size}`,
        },
      });
    },
  });
}

/** `bytes=5-9` gives 5. */
function firstOf(range: string | null): number {
  return range === null ? 0 : Number(range.slice("bytes=".length, range.indexOf("-")));
}

if (import.meta.main) {
  const [rung = "", bytes, path = "", port] = process.argv.slice(2);
  serve(
    RUNGS.findIndex((name) => name === rung),
    Number(bytes),
    path,
    Number(port),
  );
}

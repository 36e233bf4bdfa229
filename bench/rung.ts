/**
 * The program of one rung of the ladder in floor.ts: `bun bench/rung.ts RUNG BYTES FILE PORT`.
 * It answers every request with the first BYTES of FILE, doing as much for it as its
 * rung says and no more.
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
      if (read) readSync(descriptor, buffer, 0, bytes, 0);
      if (fstat) fstatSync(descriptor, { bigint: true });
      return new Response(buffer, {
        status: 206,
        headers: {
          "accept-ranges": "bytes",
          etag: '"hra0hs-7tfkqbcz2k8"',
          "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT",
          "content-type": "application/octet-stream",
          "content-disposition": "inline",
          "content-range": `bytes 0-${bytes - 1}/${size}`,
        },
      });
    },
  });
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

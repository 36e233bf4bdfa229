/**
 * Requests of strangers against the executable: what they say of its host, what they
 * make it read, hold and send.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(120_000);

const MIB = 1024 * 1024;
const directory = temporaryDirectory();
let server: Running;

beforeAll(async () => {
  writeSettled(join(directory, "small"), offsetBytes(64));
  writeSettled(join(directory, "large"), offsetBytes(4 * MIB));
  server = await startBinary(["--host", "127.0.0.1", directory]);
});

afterAll(async () => await server[Symbol.asyncDispose]());

/** One answer to a request that is sent as it is. */
async function sent(request: string) {
  using wire = await Wire.connect(server.port);
  wire.send(request);
  return await wire.response(request.split(" ")[0]);
}

/** Asks until what a document needs is computed. */
async function untilReady(path: string): Promise<void> {
  while ((await ask(server.port, "HEAD", path)).status === 503);
}

/** Every document that names this server. */
const NAMING = ["small.torrent", "small.meta4", "small.magnet"];

test.each<[string, string[]]>([
  ["two lines", ["Host: a", "Host: b"]],
  ["the same line twice", ["Host: a", "Host: a"]],
  ["a space", ["Host: a b"]],
  ["a slash", ["Host: a/b"]],
  ["a user", ["Host: user@a"]],
  ["a port that is none", ["Host: a:b"]],
  // What a host may be called and nobody can reach
  ["an address that is none", ["Host: 1.2.3.999"]],
  ["a port past the last", ["Host: a:65536"]],
  ["an escape", ["Host: a%2fb"]],
  ["nothing", ["Host:"]],
  ["no line", []],
])("No document names a host that can't be meant: %s", async (_, lines) => {
  await untilReady("/data/small.torrent");
  const seen = await withstand(server, "small", async () => {
    const statuses = [];
    for (const name of NAMING) {
      const request = [`GET /data/${name} HTTP/1.0`, ...lines, "", ""].join("\r\n");
      statuses.push((await sent(request)).status);
    }
    expect(statuses).toEqual([400, 400, 400]);
  });
  expect(seen).toEqual(UNHARMED);
});

test("What depends on Host or Accept says so to caches", async () => {
  const listing = await ask(server.port, "GET", "/data/");
  const tracker = await ask(server.port, "GET", "/-/announce");
  expect([
    [listing.fields["vary"], listing.fields["cache-control"]],
    [tracker.fields["vary"], tracker.fields["cache-control"]],
  ]).toEqual([
    ["Accept", "no-cache"],
    [undefined, "no-store"],
  ]);
});

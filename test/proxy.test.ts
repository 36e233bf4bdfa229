/** Behind a proxy: the tracker counts the client that a trusted proxy names, and documents have its scheme. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { binary, startBinary } from "./binary.ts";
import { run } from "./clients.ts";
import { temporaryDirectory, writeSettled } from "./site.ts";
import { ask } from "./wire.ts";

setDefaultTimeout(60_000);

async function start(...args: string[]) {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  return await startBinary([
    "--no-seed",
    "--host",
    "127.0.0.1",
    "--open-tracker",
    ...args,
    directory,
  ]);
}

const HASH = "k".repeat(20);

/** Announces a peer at `port` and returns the addresses of others, as dotted quads with ports. */
async function announce(port: number, peer: number, fields: Record<string, string>) {
  const query = `info_hash=${HASH}&peer_id=${String(peer).padStart(20, "-")}&port=${peer}`;
  const target = `/-/announce?${query}&uploaded=0&downloaded=0&left=1&compact=1&event=started`;
  const { body } = await ask(port, "GET", target, fields);
  const at = body.indexOf("5:peers") + "5:peers".length;
  const length = Number.parseInt(body.toString("latin1", at), 10);
  const start = body.indexOf(":", at) + 1;
  return Array.from({ length: length / 6 }, (_, n) => {
    const bytes = body.subarray(start + 6 * n, start + 6 * n + 6);
    return `${bytes.subarray(0, 4).join(".")}:${bytes.readUInt16BE(4)}`;
  });
}

const older = (value: string) => ({ "X-Forwarded-For": value });

test.each<[string, string[], Record<string, string>, string[]]>([
  ["no proxy is trusted", [], older("192.0.2.7"), ["127.0.0.1:7001"]],
  ["this one is", ["127.0.0.0/8"], older("192.0.2.7"), ["192.0.2.7:7001"]],
  ["by the standard's field", ["127.0.0.1"], { Forwarded: "for=192.0.2.7" }, ["192.0.2.7:7001"]],
  ["of several networks", ["10.0.0.0/8", "127.0.0.1"], older("192.0.2.7"), ["192.0.2.7:7001"]],
  ["another is", ["10.0.0.0/8"], older("192.0.2.7"), ["127.0.0.1:7001"]],
  ["a client's claim", ["127.0.0.1"], older("192.0.2.6, 192.0.2.7"), ["192.0.2.7:7001"]],
  // A peer on this machine is listed to others on it alone.
  ["what is malformed", ["127.0.0.1"], older("192.0.2.7, x"), []],
])("The tracker's client: %s", async (_why, trusted, fields, expected) => {
  await using server = await start(...trusted.flatMap((one) => ["--trusted-proxy", one]));
  await announce(server.port, 7001, fields);
  expect(await announce(server.port, 7002, older("192.0.2.9"))).toEqual(expected);
});

test("Documents name the scheme that a trusted proxy tells, and none that others tell", async () => {
  const seen = [];
  for (const trusted of [["--trusted-proxy", "127.0.0.1"], []]) {
    await using server = await start(...trusted);
    const proto = { Host: "dl.example", "X-Forwarded-Proto": "https" };
    const get = () => ask(server.port, "GET", "/data/small.meta4", proto);
    let answer = await get();
    while (answer.status === 503) answer = await get();
    seen.push(/<url[^>]*>([^<]*)</.exec(answer.body.toString())?.[1]);
  }
  expect(seen).toEqual(["https://dl.example/data/small", "http://dl.example/data/small"]);
});

test("SIGHUP takes other proxies and origins", async () => {
  const home = temporaryDirectory();
  const config = join(home, "a.toml");
  writeSettled(config, 'cors = "https://a.example"');
  await using server = await start("--config", config);
  const origin = { Origin: "https://b.example" };
  const allowed = async () =>
    (await ask(server.port, "GET", "/data/small", origin)).fields["access-control-allow-origin"];
  const before = await allowed();
  writeSettled(config, 'cors = "*"\ntrusted-proxy = "127.0.0.1"');
  server.process.kill("SIGHUP");
  while ((await allowed()) !== "*") await new Promise(setImmediate);
  await announce(server.port, 7001, older("192.0.2.7"));
  const peers = await announce(server.port, 7002, older("192.0.2.9"));
  expect([before, peers]).toEqual([undefined, ["192.0.2.7:7001"]]);
});

test.each<[string[], string]>([
  [["--trusted-proxy", "proxy"], 'Cannot use trusted proxy "proxy": not an address or a network'],
  [["--trusted-proxy", "::/129"], 'Cannot use trusted proxy "::/129": not an address or a network'],
  [["--cors", "a"], 'Cannot use CORS origin "a": not http or https and a host alone'],
  [
    ["--cors", "http://a/b"],
    'Cannot use CORS origin "http://a/b": not http or https and a host alone',
  ],
  [["--cors", "null"], 'Cannot use CORS origin "null": not http or https and a host alone'],
])("A mistake: %p", async (args, line) => {
  const { exitCode, stderr } = await run([await binary(), ...args, temporaryDirectory()]);
  expect([exitCode, stderr]).toEqual([2, `rangesrv: ${line}; see rangesrv --help\n`]);
});

/** What one client may have at a time, against the executable: who waits, and who is refused. */

import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { startBinary } from "./binary.ts";
import {
  offsetBytes,
  removeTemporaryDirectories,
  temporaryDirectory,
  writeSettled,
} from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);
afterAll(removeTemporaryDirectories);

const LINUX = process.platform === "linux";

/** Another client than 127.0.0.1. */
const NEIGHBOUR = "::1";

const TREE = temporaryDirectory();
writeSettled(join(TREE, "large"), offsetBytes(64 * 1024 * 1024));
writeSettled(join(TREE, "other"), offsetBytes(1024 * 1024));
writeSettled(join(TREE, "small"), "SMALL");

/** A download whose client reads a little and then pauses. */
async function begin(port: number, path = "/data/large", address = "127.0.0.1"): Promise<Wire> {
  const wire = await Wire.connect(port, address);
  wire.request("GET", path);
  await wire.waitFor(1);
  wire.pause();
  return wire;
}

/** A request that isn't answered before the others that come after it. */
async function request(port: number, path: string, address = "127.0.0.1"): Promise<Wire> {
  const wire = await Wire.connect(port, address);
  wire.request("GET", path);
  return wire;
}

test.if(LINUX).concurrent.each<[string, string[]]>([
  ["one process", []],
  ["three workers", ["--workers", "3"]],
])("--max-downloads-client over %s: one more waits for the end of another", async (_, args) => {
  await using server = await startBinary([
    "--no-seed",
    "--max-downloads-client",
    "2",
    ...args,
    TREE,
  ]);
  const { port } = server;
  using first = await begin(port);
  using second = await begin(port);
  using third = await request(port, "/data/large");
  // What isn't a download of this file isn't held up.
  const free = [
    (await ask(port, "HEAD", "/data/large")).status,
    (await ask(port, "GET", "/data/large", { Range: "bytes=0-262143" })).status,
    (await ask(port, "GET", "/data/other")).status,
    (await ask(port, "GET", "/data/small")).status,
  ];
  using neighbour = await begin(port, "/data/large", NEIGHBOUR);
  const waited = third.buffered === 0;
  first[Symbol.dispose]();
  const { status, complete } = await third.response();
  const begun = [second, neighbour].map((wire) => wire.begins());
  expect({ free, waited, status, complete, begun }).toEqual({
    ...{ free: [200, 206, 200, 200], waited: true, status: 200, complete: true },
    begun: ["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"],
  });
});

test.if(LINUX).concurrent.each<[string, string, string | undefined]>([
  ["--max-downloads-client", "/data/large", undefined],
  ["--max-client", "/data/small", "close"],
])("%s: who waits too long is told when to try again", async (option, path, connection) => {
  await using server = await startBinary(["--no-seed", option, "1", TREE]);
  using _ = await begin(server.port);
  const { status, fields, body } = await ask(server.port, "GET", path);
  using neighbour = await begin(server.port, path, NEIGHBOUR);
  const told = { retryAfter: fields["retry-after"], connection: fields["connection"] };
  const line = body.toString().trim().split("\n").length;
  expect({ status, ...told, line, neighbour: neighbour.begins() }).toEqual({
    ...{ status: 503, retryAfter: "5", connection, line: 1, neighbour: "HTTP/1.1 200 OK" },
  });
});

test.if(LINUX).concurrent("--max-client: a connection more waits for another to end", async () => {
  await using server = await startBinary(["--no-seed", "--max-client", "2", TREE]);
  using first = await begin(server.port);
  using second = await begin(server.port);
  using third = await request(server.port, "/data/small");
  using neighbour = await request(server.port, "/data/small", NEIGHBOUR);
  const other = (await neighbour.response()).status;
  const waited = third.buffered === 0;
  second[Symbol.dispose]();
  const { status } = await third.response();
  expect({ other, waited, status, begun: first.begins() }).toEqual({
    ...{ other: 200, waited: true, status: 200, begun: "HTTP/1.1 200 OK" },
  });
});

test.if(LINUX).concurrent("--max-client: an idle connection makes room for a new one", async () => {
  await using server = await startBinary(["--no-seed", "--max-client", "2", TREE]);
  using idle = await request(server.port, "/data/small");
  await idle.response();
  using busy = await begin(server.port);
  // It waits until the first counts as idle.
  const { status } = await ask(server.port, "GET", "/data/small");
  const rest = (await idle.untilClosed()).length;
  expect([status, rest, busy.begins()]).toEqual([200, 0, "HTTP/1.1 200 OK"]);
});

test.if(LINUX).concurrent("Waiting is bounded: of a crowd, some are refused at once", async () => {
  await using server = await startBinary(["--no-seed", "--max-downloads-client", "1", TREE]);
  using first = await begin(server.port);
  const wires = await Promise.all(
    Array.from({ length: 70 }, () => request(server.port, "/data/large")),
  );
  const answered = () => wires.filter((wire) => wire.buffered > 0);
  while (answered().length < 6) await new Promise(setImmediate);
  const refused = answered().map((wire) => wire.begins());
  const small = await ask(server.port, "GET", "/data/small");
  for (const wire of wires) wire[Symbol.dispose]();
  expect({ refused: new Set(refused), small: small.status, first: first.begins() }).toEqual({
    refused: new Set(["HTTP/1.1 503 Service Unavailable"]),
    ...{ small: 200, first: "HTTP/1.1 200 OK" },
  });
});

/** Clients of a TLS port that never finish a handshake, or send what is none. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:http2";
import { join } from "node:path";
import { type Running, startBinary } from "../binary.ts";
import { makeCertificate } from "../certificates.ts";
import { testWith } from "../clients.ts";
import { temporaryDirectory, writeSettled } from "../site.ts";
import { Wire } from "../wire.ts";
import { UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const testTls = testWith("openssl");

async function start(...args: string[]): Promise<Running> {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  // More than the window that a client of HTTP/2 opens.
  writeSettled(join(directory, "middle"), new Uint8Array(200_000));
  const { cert, key } = await makeCertificate(temporaryDirectory(), "a");
  const secure = ["--tls-cert", cert, "--tls-key", key, "--http2"];
  return await startBinary([...secure, "--no-seed", "--host", "127.0.0.1", ...args, directory]);
}

/** The beginning of a handshake record that says it is longer. */
const HALF = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]);

/** Connections that send `bytes` and then nothing. */
async function connectAll(port: number, count: number, bytes: Uint8Array): Promise<Wire[]> {
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.connect(port)));
  for (const wire of wires) wire.send(bytes);
  return wires;
}

testTls("A thousand handshakes that aren't finished hold nobody up", async () => {
  await using server = await start();
  let wires: Wire[] = [];
  const seen = await withstand(server, "small", async () => {
    wires = await connectAll(server.port, 1000, HALF);
  });
  for (const wire of wires) wire[Symbol.dispose]();
  expect(seen).toEqual(UNHARMED);
});

testTls("A full server closes unfinished handshakes, and sends no plain text to them", async () => {
  await using server = await start("--max-connections", "100");
  const wires = await connectAll(server.port, 150, HALF);
  // Those idle longest are closed first, and more are let in.
  const first = await Promise.race(wires.map((wire) => wire.untilClosed()));
  const answer = await fetch(`${server.origin}/data/small`, TRUSTING);
  for (const wire of wires) wire[Symbol.dispose]();
  expect([first.toString("latin1"), await answer.text()]).toEqual(["", "SMALL"]);
});

testTls("Streams of HTTP/2 that nobody reads are as few as connections may be", async () => {
  await using server = await start("--max-connections", "40");
  const session = connect(server.origin, TRUSTING.tls);
  session.on("error", () => {});
  const statuses = Array.from({ length: 60 }, () => {
    const stream = session.request({ ":path": "/data/middle" });
    stream.on("error", () => {});
    stream.end();
    return new Promise((resolve) => {
      stream.on("response", (fields) => resolve(fields[":status"]));
      stream.on("data", () => stream.pause());
    });
  });
  const seen = Map.groupBy(await Promise.all(statuses), (status) => status);
  session.destroy();
  const [served, refused] = [200, 503].map((status) => seen.get(status)?.length ?? 0);
  while ((await fetch(`${server.origin}/data/small`, TRUSTING)).status !== 200);
  expect([served, refused]).toEqual([40, 20]);
});

const TRUSTING = { tls: { rejectUnauthorized: false } };

const GARBAGE: readonly [string, Uint8Array][] = [
  ["plain HTTP", Buffer.from("GET /data/small HTTP/1.1\r\nHost: a\r\n\r\n")],
  ["the preface of HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")],
  ["noise", Buffer.from(Array.from({ length: 4096 }, (_, n) => (n * 167 + 13) % 256))],
  ["a record of no type", Buffer.from([99, 3, 1, 0, 1, 0])],
  [
    "a record that is too long",
    Buffer.concat([Buffer.from([22, 3, 1, 255, 255]), Buffer.alloc(66_000)]),
  ],
  ["an alert", Buffer.from([21, 3, 1, 0, 2, 2, 0])],
  ["application data first", Buffer.from([23, 3, 3, 0, 3, 1, 2, 3])],
  ["SSL 2", Buffer.from([0x80, 0x2e, 1, 0, 2, 0, 21, 0, 0, 0, 16])],
  [
    "a hello of zeros",
    Buffer.concat([Buffer.from([22, 3, 1, 1, 0, 1, 0, 0, 252]), Buffer.alloc(252)]),
  ],
];

test.each(GARBAGE)("%s in place of a handshake", async (_why, bytes) => {
  await using server = await start();
  const answers: string[] = [];
  const seen = await withstand(server, "small", async () => {
    for (let n = 0; n < 20; n++) {
      using wire = await Wire.connect(server.port);
      wire.send(bytes);
      answers.push((await wire.untilClosed()).toString("latin1"));
    }
  });
  // Nothing but alerts: no header, and nothing of the file.
  const leaks = answers.filter((answer) => answer.includes("HTTP") || answer.includes("SMALL"));
  expect([seen, leaks]).toEqual([UNHARMED, []]);
});

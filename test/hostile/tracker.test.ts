/**
 * The tracker and what it asks of others: hostile announces here, and a hostile tracker
 * that the seeder is announced at. The executable takes no harm from either.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Encodable, encode } from "../../swarm/bittorrent/bencode.ts";
import { startBinary } from "../binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask } from "../wire.ts";
import { UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;

function tree(): string {
  const directory = join(temporaryDirectory(), "tree");
  mkdirSync(directory);
  writeSettled(join(directory, "file"), offsetBytes(100_000));
  writeSettled(join(directory, "small"), "small");
  return directory;
}

/** Asks until a document is there, as its 503 says to. */
async function fetchDocument(port: number, path: string): Promise<Buffer> {
  for (;;) {
    const { status, body } = await ask(port, "GET", `/data/${path}`);
    if (status === 200) return body;
    if (status !== 503) throw new Error(`${status}: ${body.toString()}`);
  }
}

/** A tracker that is asked once and sends `head`, and then `chunk` so many times. */
function hostileTracker(head: string | Uint8Array, chunk?: Uint8Array, times = 0) {
  const closed = Promise.withResolvers<void>();
  let connections = 0;
  interface Sent {
    left: number;
    offset: number;
  }
  function pour(socket: Bun.Socket<Sent>): void {
    const { data } = socket;
    while (chunk !== undefined && data.left > 0) {
      data.offset += socket.write(chunk.subarray(data.offset));
      if (data.offset < chunk.length) return;
      data.offset = 0;
      data.left--;
    }
    socket.end();
  }
  const listener = Bun.listen<Sent>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        connections++;
        socket.data = { left: times, offset: 0 };
      },
      data(socket) {
        socket.write(head);
        pour(socket);
      },
      drain: pour,
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  return {
    url: `http://127.0.0.1:${listener.port}/announce`,
    closed: closed.promise,
    connections: () => connections,
    [Symbol.dispose]: () => listener.stop(true),
  };
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n";

function answerOf(value: Encodable): Buffer {
  const body = encode(value);
  const head = `${HEAD}Content-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), body]);
}

/** A peer each that nobody may connect to: 240.0.0.0/4 is reserved. */
function peers(count: number): Uint8Array {
  const bytes = Buffer.alloc(6 * count);
  for (let n = 0; n < count; n++) bytes.writeUInt32BE(0xf0000000 + n, 6 * n);
  return bytes.fill(1, 6 * count - 2);
}

const NOT_UNDERSTOOD = "the tracker's answer is not understood";
const TOO_LONG = "the tracker's answer is longer than 65536 bytes";

describe("A tracker that the seeder is announced at answers with", () => {
  test.each<[string, string | Uint8Array, Uint8Array | undefined, number, string]>([
    ["a body without end", `${HEAD}\r\n`, new Uint8Array(MIB), 400, TOO_LONG],
    [
      "60 MiB in 60 kB of gzip",
      `${HEAD}Content-Encoding: gzip\r\n\r\n`,
      Bun.gzipSync(new Uint8Array(60 * MIB)),
      1,
      NOT_UNDERSTOOD,
    ],
    ["fields without end", HEAD, Buffer.from(`X: ${"x".repeat(1000)}\r\n`), 100_000, ""],
    ["a million peers", answerOf({ interval: 1, peers: peers(1_000_000) }), undefined, 0, TOO_LONG],
    ["lists in lists", `${HEAD}\r\n`, Buffer.alloc(60_000, "l"), 1, NOT_UNDERSTOOD],
    ["a million lists", answerOf(Array(500_000).fill([])), undefined, 0, TOO_LONG],
    ["half a dictionary", `${HEAD}\r\nd8:interval`, undefined, 0, NOT_UNDERSTOOD],
    [
      "a reason that a terminal would obey",
      answerOf({
        "failure reason": `\x1b]0;owned\x07\r\nrangesrv: all is well${"!".repeat(5000)}`,
      }),
      undefined,
      0,
      `/announce:  ]0;owned   rangesrv: all is well${"!".repeat(100)}`,
    ],
    ["nothing", "", undefined, 0, ""],
  ])("%s", async (_why, head, chunk, times, reason) => {
    using tracker = hostileTracker(head, chunk, times);
    await using running = await startBinary([
      "--host",
      "127.0.0.1",
      "--tracker",
      tracker.url,
      tree(),
    ]);
    const seen = await withstand(running, "small", async () => {
      await fetchDocument(running.port, "file.torrent");
      await tracker.closed;
      await running.printed(`rangesrv: ${tracker.url}: `);
    });
    const [line = ""] = running
      .stderr()
      .split("\n")
      .filter((one) => one.startsWith("rangesrv: http://127.0.0.1") && one.includes("/announce"));
    expect({
      ...seen,
      reason: line.includes(reason),
      plain: !/[\x00-\x1f\x7f]/.test(line),
      short: line.length < 400,
    }).toEqual({ ...UNHARMED, reason: true, plain: true, short: true });
  });

  test("a way to somebody else, who is not asked", async () => {
    using inside = hostileTracker(answerOf({ interval: 1, peers: "" }));
    using tracker = hostileTracker(
      `HTTP/1.1 302 Found\r\nLocation: ${inside.url}\r\nContent-Length: 0\r\n\r\n`,
    );
    await using running = await startBinary([
      "--host",
      "127.0.0.1",
      "--tracker",
      tracker.url,
      tree(),
    ]);
    const seen = await withstand(running, "small", async () => {
      await fetchDocument(running.port, "file.torrent");
      await Promise.race([running.printed(`rangesrv: ${tracker.url}: `), inside.closed]);
    });
    expect({ ...seen, asked: inside.connections() }).toEqual({ ...UNHARMED, asked: 0 });
  });
});

/**
 * The tracker and what it asks of others: hostile announces here, and a hostile tracker
 * that the seeder is announced at. The executable takes no harm from either.
 */

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../../swarm/bittorrent/bdecode.ts";
import { type Encodable, encode } from "../../swarm/bittorrent/bencode.ts";
import { type Running, startBinary } from "../binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { processesOf, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;

function tree(): string {
  const directory = join(temporaryDirectory(), "tree");
  mkdirSync(directory);
  writeSettled(join(directory, "file"), offsetBytes(100_000));
  writeSettled(join(directory, "small"), "small");
  return directory;
}

/** Starts it, and the process that hashes: its memory is no attack's. */
async function start(...args: readonly string[]): Promise<Running> {
  const running = await startBinary(args);
  for (;;) {
    const wanted = { "Want-Repr-Digest": "sha-256=1" };
    const { fields } = await ask(running.port, "GET", "/data/small", wanted);
    if (fields["repr-digest"] !== undefined) return running;
  }
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
      String.raw`/announce: \x1b]0;owned\x07\r\nrangesrv: all is well${"!".repeat(100)}`,
    ],
    ["nothing", "", undefined, 0, ""],
  ])("%s", async (_why, head, chunk, times, reason) => {
    using tracker = hostileTracker(head, chunk, times);
    await using running = await start("--host", "127.0.0.1", "--tracker", tracker.url, tree());
    const seen = await withstand(running, "small", async () => {
      await fetchDocument(running.port, "file.torrent");
      await tracker.closed;
      await running.printed(`rangesrv: Cannot announce to ${tracker.url}: `);
    });
    const [line = ""] = running
      .stderr()
      .split("\n")
      .filter(
        (one) =>
          one.startsWith("rangesrv: Cannot announce to http://127.0.0.1") &&
          one.includes("/announce"),
      );
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
    await using running = await start("--host", "127.0.0.1", "--tracker", tracker.url, tree());
    const seen = await withstand(running, "small", async () => {
      await fetchDocument(running.port, "file.torrent");
      await Promise.race([
        running.printed(`rangesrv: Cannot announce to ${tracker.url}: `),
        inside.closed,
      ]);
    });
    expect({ ...seen, asked: inside.connections() }).toEqual({ ...UNHARMED, asked: 0 });
  });
});

/** A query as clients send it. */
function announceOf(infoHash: Uint8Array, more = "port=1&left=1"): string {
  const peerId = "-XX0000-000000000000";
  return `/-/announce?info_hash=${escape(infoHash)}&peer_id=${peerId}&uploaded=0&downloaded=0&${more}`;
}

function escape(bytes: Uint8Array): string {
  return bytes.toHex().replaceAll(/../g, "%$&");
}

/** What a tracker's answer says: its reason, or that it has none. */
function reasonOf(body: Uint8Array): string {
  const decoded = decode(body);
  const value =
    decoded.kind === "value" && decoded.value instanceof Map ? decoded.value : undefined;
  const reason = value?.get("failure reason");
  if (reason instanceof Uint8Array) return new TextDecoder().decode(reason);
  return value === undefined ? "no dictionary" : "none";
}

async function announce(port: number, target: string): Promise<string> {
  const { body } = await ask(port, "GET", target);
  return reasonOf(body);
}

/** SHA-1 of the info dictionary of a torrent without web seeds. */
function infoHashOf(torrent: Buffer): Uint8Array {
  const info = torrent.subarray(torrent.indexOf("4:info") + 6, torrent.length - 1);
  return new Bun.CryptoHasher("sha1").update(info).digest();
}

function killHasher({ process: { pid } }: Running): void {
  for (const child of processesOf(pid)) if (child !== pid) process.kill(child, "SIGKILL");
}

/** 4000 torrents of which nobody has heard, each completed by the same address at once. */
async function flood(port: number): Promise<void> {
  await Promise.all(
    Array.from({ length: 8 }, async (_, connection) => {
      using wire = await Wire.connect(port);
      for (let n = 0; n < 500; n++) {
        const infoHash = crypto.getRandomValues(new Uint8Array(20));
        for (const left of [1, 0]) {
          wire.request("GET", announceOf(infoHash, `port=${connection + 1}&left=${left}`));
          await wire.response();
        }
      }
    }),
  );
}

describe("The tracker", () => {
  const TEMPORARY = "temporarily unavailable, try again";

  test("calls no torrent unregistered that was made here, while nobody can tell", async () => {
    const [directory, state] = [tree(), temporaryDirectory()];
    const args = ["--host", "127.0.0.1", "--state", state, directory];
    let torrent: Buffer = Buffer.of();
    {
      await using before = await startBinary(args);
      torrent = await fetchDocument(before.port, "file.torrent");
    }
    await using running = await startBinary(args);
    const { port } = running;
    const said: Record<string, string> = {};
    const seen = await withstand(running, "small", async () => {
      // Starts the hasher.
      said["unknown"] = await announce(port, announceOf(new Uint8Array(20)));
      killHasher(running);
      await running.printed("starting none");
      said["known"] = await announce(port, announceOf(infoHashOf(torrent)));
      said["unknown before"] = await announce(port, announceOf(new Uint8Array(20)));
      said["unknown now"] = await announce(port, announceOf(new Uint8Array(20).fill(1)));
      while ((await announce(port, announceOf(infoHashOf(torrent)))) !== "none");
      killHasher(running);
      await running.printed("starting none for 2 s");
      said["known again"] = await announce(port, announceOf(infoHashOf(torrent)));
    });
    expect({ ...seen, said }).toEqual({
      ...UNHARMED,
      said: {
        unknown: "unregistered torrent",
        known: TEMPORARY,
        "unknown before": "unregistered torrent",
        "unknown now": TEMPORARY,
        "known again": "none",
      },
    });
  });

  test.each<[string, string[]]>([
    ["one process", []],
    ["workers", ["--workers", "2"]],
  ])("takes no harm from queries that nobody would send: %s", async (_why, options) => {
    const args = ["--host", "127.0.0.1", "--open-tracker", ...options, tree()];
    await using running = await start(...args);
    const { port } = running;
    const hash = new Uint8Array(20).fill(7);
    const scrape = Array.from({ length: 64 }, (_, n) => {
      return `info_hash=${escape(new Uint8Array(20).fill(n))}`;
    }).join("&");
    const targets = [
      ...["/-/announce", "/-/announce?", "/-/announce?&&&=&%", `/-/scrape?${scrape}`],
      `/-/announce?${"info_hash=&".repeat(1000)}`,
      `/-/scrape?${"info_hash=&".repeat(1000)}`,
      announceOf(hash, `port=1&left=1&x=${"y".repeat(12_000)}`),
      announceOf(hash, "port=1&left=99999999999999999999&numwant=99999999999999999999"),
      announceOf(hash, "port=0&left=1"),
      announceOf(hash, "port=1e3&left=-1"),
      announceOf(hash, "port=1&left=1&event=%00"),
    ];
    let said: string[] = [];
    async function attack(): Promise<void> {
      for (let round = 0; round < 20; round++) {
        said = await Promise.all(targets.map((target) => announce(port, target)));
      }
    }
    // The heap grows to what many requests take, and then no more.
    await attack();
    const seen = await withstand(running, "small", attack);
    expect({ ...seen, said }).toEqual({
      ...UNHARMED,
      said: [
        ...["info_hash is missing", "info_hash is missing", "info_hash is missing", "none"],
        ...["the announce is too long", "the scrape is too long", "the announce is too long"],
        ...["none", "port is not one of 1 to 65535", "port is not a decimal number"],
        "event is not started, stopped or completed",
      ],
    });
  });

  test("an address that announces torrents without end leaves those of others alone", async () => {
    await using running = await start("--open-tracker", tree());
    const { port } = running;
    const theirs = new Uint8Array(20).fill(9);
    let found = "";
    // The heap grows to what many requests take, and then no more.
    await flood(port);
    const seen = await withstand(running, "small", async () => {
      using other = await Wire.connect(port, "::1");
      other.request("GET", announceOf(theirs, "port=7&left=1"));
      await other.response();
      await flood(port);
      const { body } = await ask(port, "GET", `/-/scrape?info_hash=${escape(theirs)}`);
      found = body.toString("latin1").slice(-49);
    });
    expect({ ...seen, found }).toEqual({
      ...UNHARMED,
      found: "d8:completei0e10:downloadedi0e10:incompletei1eeee",
    });
  });
});

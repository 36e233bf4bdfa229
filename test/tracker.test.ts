/** Real peers that know each other from the tracker alone, and copy a file from one to the other. */

import { expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pieceLengthFor } from "../digests/piece-length.ts";
import { type EncodableRecord, encode } from "../swarm/bittorrent/bencode.ts";
import { answerTracker, parseTrackerUrl } from "../swarm/tracker/route.ts";
import { Tracker } from "../swarm/tracker/tracker.ts";
import { LIBTORRENT, PYTHON, run, testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory } from "./site.ts";

setDefaultTimeout(20_000);

const FILE = offsetBytes(1_000_003);

/** A tracker over HTTP, and the torrent of {@link FILE} that names it. */
interface Tracked extends Disposable {
  readonly tracker: Tracker;
  readonly infoHash: Uint8Array;
  /** Path of the torrent. */
  readonly torrent: string;
  /** Resolves when so many peers have said that they have every piece. */
  readonly seeded: (peers: number) => Promise<void>;
}

function track(directory: string): Tracked {
  const info = encode(infoOf(FILE));
  const infoHash = new Uint8Array(new Bun.CryptoHasher("sha1").update(info).digest());
  const knows = async (asked: Uint8Array) =>
    Bun.deepEquals(asked, infoHash) ? ("made-here" as const) : ("unknown" as const);

  const tracker = new Tracker();
  const waiting: { peers: number; resolve: () => void }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request, listener) {
      const client = listener.requestIP(request)?.address ?? "";
      const asked = parseTrackerUrl(request.url, client);
      if (asked === undefined) return new Response(undefined, { status: 404 });
      const answer = await answerTracker(tracker, { knows, open: false }, asked, Date.now());
      const complete = Number(countsOf(tracker, infoHash)["complete"]);
      for (const { peers, resolve } of waiting) if (complete >= peers) resolve();
      return new Response(new Uint8Array(answer), { headers: { "content-type": "text/plain" } });
    },
  });

  const torrent = join(directory, "file.torrent");
  const announce = `http://127.0.0.1:${server.port}/-/announce`;
  writeFileSync(torrent, encode({ announce, info: infoOf(FILE) }));
  return {
    tracker,
    infoHash,
    torrent,
    seeded: (peers) => new Promise((resolve) => void waiting.push({ peers, resolve })),
    [Symbol.dispose]: () => void server.stop(true),
  };
}

function countsOf(tracker: Tracker, infoHash: Uint8Array): Record<string, unknown> {
  const { files } = tracker.scrape([{ infoHash, seeded: false }], Date.now());
  const [counts] = Object.values(files ?? {});
  return counts;
}

/** The info dictionary of a file named `file` (BEP 3). */
function infoOf(bytes: Uint8Array): EncodableRecord {
  const pieceLength = pieceLengthFor(bytes.length);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += pieceLength) {
    const piece = bytes.subarray(at, at + pieceLength);
    pieces.push(new Bun.CryptoHasher("sha1").update(piece).digest());
  }
  const lengths = { length: bytes.length, "piece length": pieceLength };
  return { name: "file", ...lengths, pieces: Buffer.concat(pieces) };
}

/** How a peer that shares `directory` is started: one that stays, and one that ends when it is complete. */
interface Peer {
  readonly seed: (torrent: string, directory: string) => readonly string[];
  readonly fetch: (torrent: string, directory: string) => readonly string[];
}

/** aria2c as nobody has configured it, without any way to peers but the tracker. */
const ARIA2C = [
  ["aria2c", "--no-conf", "--quiet", "--file-allocation=none", "--check-integrity"],
  ["--enable-dht=false", "--enable-dht6=false", "--enable-peer-exchange=false"],
].flat();

const aria2c: Peer = {
  seed: (torrent, directory) => [...ARIA2C, "--seed-ratio=0", `--dir=${directory}`, torrent],
  fetch: (torrent, directory) => [...ARIA2C, "--seed-time=0", `--dir=${directory}`, torrent],
};

const libtorrent: Peer = {
  seed: (torrent, directory) => [PYTHON, PEER, torrent, directory, "seed"],
  fetch: (torrent, directory) => [PYTHON, PEER, torrent, directory, "fetch"],
};

const PEER = join(import.meta.dir, "peer.py");

async function copies(from: Peer, to: Peer): Promise<void> {
  const directory = temporaryDirectory();
  const [full, empty] = [join(directory, "full"), join(directory, "empty")];
  for (const path of [full, empty]) mkdirSync(path);
  writeFileSync(join(full, "file"), FILE);

  using tracked = track(directory);
  const { tracker, infoHash, torrent } = tracked;
  const seeded = tracked.seeded(1);
  const seed = Bun.spawn([...from.seed(torrent, full)], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    await Promise.race([seeded, seed.exited]);
    const fetched = await run(to.fetch(torrent, empty));
    const { complete, downloaded } = countsOf(tracker, infoHash);
    const same = fetched.exitCode === 0 && readFileSync(join(empty, "file")).equals(FILE);
    expect({ ...fetched, same, seeders: Number(complete) > 0, downloaded }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      same: true,
      seeders: true,
      downloaded: 1,
    });
  } finally {
    seed.kill();
    await seed.exited;
  }
}

testWith("aria2c").concurrent("aria2c from aria2c", () => copies(aria2c, aria2c));
testWith("aria2c", LIBTORRENT).concurrent("libtorrent from aria2c", () =>
  copies(aria2c, libtorrent),
);

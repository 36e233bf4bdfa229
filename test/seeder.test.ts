/** The seeder and the clients that people have, with their defaults. */

import { describe, expect, setDefaultTimeout } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../swarm/bittorrent/bencode.ts";
import { freePort, LIBTORRENT, PYTHON, run, testWith } from "./clients.ts";
import { makeSample, type Sample, seed, type Seeding } from "./raw-peer.ts";
import { temporaryDirectory } from "./site.ts";

// Clients take seconds to find each other.
setDefaultTimeout(120_000);

const sample = makeSample(100 * 64 * 1024 + 12_345, 64 * 1024);

interface Swarm extends Disposable {
  readonly seeding: Seeding;
  /** Path of the .torrent file. */
  readonly path: string;
  readonly tracker: string;
}

/** The seeder, and a tracker that names everyone and tells the seeder of those who want something. */
function startSwarm({ torrent, file }: Sample, isInviting = true): Swarm {
  const seeding = seed(sample);
  const known = new Set([compact("127.0.0.1", seeding.port)]);
  const tracker = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      // A peer id is bytes, which URLSearchParams would take for UTF-8.
      const query = request.url.slice(request.url.indexOf("?") + 1);
      const fields = new Map(query.split("&").map((pair) => splitOnce(pair)));
      const port = Number(fields.get("port"));
      const hostname = "127.0.0.1";
      const others = [...known];
      known.add(compact(hostname, port));
      const peerId = Buffer.from(unescape(fields.get("peer_id") ?? ""), "latin1");
      if (isInviting && fields.get("left") !== "0") {
        void seeding.seeder.invite(torrent.infoHash, { hostname, port, peerId });
      }
      const peers = Buffer.from(others.join(""), "latin1");
      return new Response(encode({ interval: 5, peers }));
    },
  });
  const url = `http://127.0.0.1:${tracker.port}/announce`;
  const path = join(temporaryDirectory(), "sample.torrent");
  writeFileSync(path, file(url));
  return {
    seeding,
    path,
    tracker: url,
    [Symbol.dispose]() {
      seeding[Symbol.dispose]();
      void tracker.stop(true);
    },
  };
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** BEP 23. */
function compact(address: string, port: number): string {
  return String.fromCharCode(...address.split(".").map(Number), port >> 8, port & 255);
}

/** Runs libtorrent peers until all are complete. Whether each has the file. */
async function downloadAll(count: number, args: readonly string[]): Promise<boolean[]> {
  const script = join(import.meta.dir, "libtorrent-peer.py");
  const [source = "", ...peers] = args;
  const all = Array.from({ length: count }, () => {
    const directory = temporaryDirectory();
    const child = Bun.spawn([PYTHON, script, source, directory, ...peers], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    return { child, directory };
  });
  const lines = all.map(async ({ child, directory }) => {
    for await (const line of child.stdout) {
      if (!Buffer.from(line).includes("complete")) return false;
      return readFileSync(join(directory, "sample")).equals(sample.bytes);
    }
    return false;
  });
  try {
    return await Promise.all(lines);
  } finally {
    for (const { child } of all) child.kill("SIGKILL");
  }
}

describe("libtorrent", () => {
  testWith(LIBTORRENT).concurrent("downloads from the seeder alone", async () => {
    using swarm = startSwarm(sample);
    const whole = await downloadAll(1, [swarm.path]);
    const [upload] = swarm.seeding.seeder.stats().uploads;
    expect([whole, upload?.bytes]).toEqual([[true], sample.bytes.length]);
  });

  testWith(LIBTORRENT).concurrent("comes by itself too, past uTP and encryption", async () => {
    using swarm = startSwarm(sample, false);
    expect(await downloadAll(1, [swarm.path])).toEqual([true]);
  });

  testWith(LIBTORRENT).concurrent("knows nothing but a magnet link", async () => {
    using swarm = startSwarm(sample);
    const hash = Buffer.from(sample.torrent.infoHash).toString("hex");
    const link = `magnet:?xt=urn:btih:${hash}&tr=${encodeURIComponent(swarm.tracker)}`;
    expect(await downloadAll(1, [link])).toEqual([true]);
  });
});

describe("aria2c", () => {
  testWith("aria2c").concurrent("downloads from the seeder alone", async () => {
    using swarm = startSwarm(sample);
    const directory = temporaryDirectory();
    const quiet = ["--quiet", "--enable-dht=false", "--seed-time=0", "--dir", directory];
    const { exitCode } = await run(["aria2c", ...quiet, swarm.path]);
    const whole = readFileSync(join(directory, "sample")).equals(sample.bytes);
    expect([exitCode, whole]).toEqual([0, true]);
  });
});

describe("transmission", () => {
  testWith("transmission-cli").concurrent("downloads from the seeder alone", async () => {
    using swarm = startSwarm(sample);
    const directory = temporaryDirectory();
    const home = temporaryDirectory();
    const child = Bun.spawn(
      [
        "transmission-cli",
        "--config-dir",
        home,
        "--download-dir",
        directory,
        "--no-portmap",
        // All of them would take the same one.
        "--port",
        String(freePort()),
        swarm.path,
      ],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    for await (const text of child.stdout) {
      if (Buffer.from(text).includes("Seeding")) break;
    }
    child.kill("SIGKILL");
    expect(readFileSync(join(directory, "sample")).equals(sample.bytes)).toEqual(true);
  });
});

/** Times that libtorrent may fetch it: a busy machine only makes more copies of one. */
const TRIES = 3;

// Alone: what is counted depends on who is quick.
testWith(LIBTORRENT)("four of libtorrent at once take about one copy from the origin", async () => {
  const seen: { whole: boolean[]; copies: number }[] = [];
  do {
    using swarm = startSwarm(sample);
    const whole = await downloadAll(4, [swarm.path]);
    const [upload] = swarm.seeding.seeder.stats().uploads;
    seen.push({ whole, copies: (upload?.bytes ?? 0) / sample.bytes.length });
  } while (seen.length < TRIES && seen.every(({ copies }) => copies >= 1.5));
  // No link is limited here, so the origin is faster than its peers: see bench/swarm.
  const least = Math.min(...seen.map(({ copies }) => copies));
  expect([
    seen.every(({ whole }) => whole.every((one) => one)),
    least < 1.5 ? "fewer than 1.5" : least,
  ]).toEqual([true, "fewer than 1.5"]);
});

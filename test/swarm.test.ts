/**
 * The executable as the origin of swarms: real clients fetch through its seeder, its
 * web seeds and its Metalinks, and know each other from its tracker.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { decode, type Dictionary } from "../swarm/bittorrent/bdecode.ts";
import { type Running, startBinary } from "./binary.ts";
import { freePort, LIBTORRENT, PYTHON, run, testWith } from "./clients.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(90_000);

const MIB = 1024 * 1024;
const FILE = offsetBytes(3 * MIB + 12_345);
const FOLDER: readonly (readonly [string, Buffer])[] = [
  ["a", offsetBytes(100_000, "a")],
  ["deep/b b", offsetBytes(200_000, "b")],
  ["empty", Buffer.of()],
];

const PEER = join(import.meta.dir, "peer.py");

/** Some clients talk to no peer on a loopback address. */
const ADDRESS = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

const directory = temporaryDirectory();
let server: Running;

beforeAll(async () => {
  writeSettled(join(directory, "file"), FILE);
  mkdirSync(join(directory, "folder/deep"), { recursive: true });
  for (const [path, bytes] of FOLDER) writeSettled(join(directory, "folder", path), bytes);
  server = await startBinary(["--host", "0.0.0.0", directory]);
});

afterAll(async () => await server[Symbol.asyncDispose]());

function scratch(): string {
  return temporaryDirectory();
}

/** Asks until a document is there, as its 503 says to. */
async function fetchDocument(origin: string, path: string): Promise<Buffer> {
  for (;;) {
    const response = await fetch(`${origin}${path}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status === 200) return bytes;
    if (response.status !== 503) throw new Error(`${response.status}: ${bytes.toString()}`);
  }
}

function dictionary(bytes: Uint8Array): Dictionary {
  const decoded = decode(bytes);
  if (decoded.kind === "malformed" || !(decoded.value instanceof Map))
    throw new Error("no dictionary");
  return decoded.value;
}

function text(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "no text";
}

/** The tracker's counts of a torrent. */
async function scrape(origin: string, torrent: Uint8Array): Promise<Record<string, unknown>> {
  const infoHash = infoHashOf(torrent);
  const query = [...infoHash].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const response = await fetch(`${origin}/-/scrape?info_hash=${query}`);
  const files = dictionary(new Uint8Array(await response.arrayBuffer())).get("files");
  const counts = files instanceof Map ? files.get(infoHash.toString("latin1")) : undefined;
  return counts instanceof Map ? Object.fromEntries(counts) : {};
}

/** SHA-1 of the info dictionary, cut out of the torrent as it stands there. */
function infoHashOf(torrent: Uint8Array): Buffer {
  const start = Buffer.from(torrent).indexOf("4:info") + 6;
  for (let end = torrent.length - 1; end > start; end--) {
    const info = torrent.subarray(start, end);
    if (decode(info).kind === "value") return new Bun.CryptoHasher("sha1").update(info).digest();
  }
  throw new Error("no info dictionary");
}

/** As its users start it, but for an end when it is complete. */
async function aria2c(into: string, ...args: readonly string[]): Promise<number> {
  const { exitCode } = await run([
    "aria2c",
    ...["--no-conf", "--quiet", "--enable-dht=false", "--enable-dht6=false", "--seed-time=0"],
    // Digests that aren't there in a moment are a 503.
    "--retry-wait=1",
    ...["-d", into, ...args],
  ]);
  return exitCode;
}

/** Another name of the file, so that its swarm has no other members. Its torrent, when it is there. */
async function share(name: string, origin = server.origin): Promise<Buffer> {
  writeSettled(join(directory, name), FILE);
  return await fetchDocument(origin, `/data/${name}.torrent`);
}

describe("A swarm", () => {
  testWith("aria2c").concurrent("aria2c needs nothing but the torrent's URL", async () => {
    const into = scratch();
    const torrent = await share("alone");
    const exitCode = await aria2c(into, `${server.origin}/data/alone.torrent`);
    const same = readFileSync(join(into, "alone")).equals(FILE);
    const { complete, downloaded } = await scrape(server.origin, torrent);
    // This server's own seeder is the one that is complete; the client has left.
    expect({ exitCode, same, complete, downloaded }).toEqual({
      exitCode: 0,
      same: true,
      complete: 1,
      downloaded: 1,
    });
  });

  testWith("aria2c").concurrent("aria2c fetches by a magnet link, and a folder", async () => {
    const [into, second] = [scratch(), scratch()];
    await share("by-magnet");
    const magnet = await fetchDocument(server.origin, "/data/by-magnet.magnet");
    await fetchDocument(server.origin, "/data/folder.torrent");
    const exitCodes = await Promise.all([
      aria2c(into, magnet.toString().trim()),
      aria2c(second, `${server.origin}/data/folder.torrent`),
    ]);
    const same = [
      readFileSync(join(into, "by-magnet")).equals(FILE),
      ...FOLDER.map(([path, bytes]) => readFileSync(join(second, "folder", path)).equals(bytes)),
    ];
    expect({ exitCodes, same }).toEqual({ exitCodes: [0, 0], same: [true, true, true, true] });
  });

  testWith(LIBTORRENT).concurrent("libtorrent", async () => {
    const into = scratch();
    const path = join(scratch(), "torrent");
    writeFileSync(path, await share("by-libtorrent"));
    const { exitCode, stdout, stderr } = await run([PYTHON, PEER, path, into, "fetch"]);
    const same = readFileSync(join(into, "by-libtorrent")).equals(FILE);
    expect({ exitCode, stdout, stderr, same }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      same: true,
    });
  });

  testWith("transmission-cli").concurrent.if(ADDRESS !== undefined)("Transmission", async () => {
    const [into, home] = [scratch(), scratch()];
    const path = join(scratch(), "torrent");
    // On this machine it is connected to only where the server is bound to its address.
    await using bound = await startBinary(["--host", ADDRESS ?? "", directory]);
    const origin = `http://${ADDRESS}:${bound.port}`;
    writeFileSync(path, await share("by-transmission", origin));
    const finished = join(home, "finished");
    writeFileSync(finished, "#!/bin/sh\nkill -TERM $PPID\n", { mode: 0o755 });
    await run([
      ...["transmission-cli", "--config-dir", home, "--download-dir", into],
      ...["--no-portmap", "--port", String(freePort()), "--finish", finished, path],
    ]);
    expect(readFileSync(join(into, "by-transmission")).equals(FILE)).toBe(true);
  });

  testWith("aria2c", "opentracker").concurrent("finds the seeder at another tracker", async () => {
    const torrent = await fetchDocument(server.origin, "/data/file.torrent");
    // Debian's opentracker tracks what it is told to, and is nobody when it reads it.
    const open = scratch();
    chmodSync(open, 0o755);
    const whitelist = join(open, "whitelist");
    writeFileSync(whitelist, `${infoHashOf(torrent).toString("hex")}\n`);
    const port = freePort();
    const at = ["-i", "127.0.0.1", "-p", String(port), "-w", whitelist, "-d", "/"];
    const opentracker = Bun.spawn(["opentracker", ...at], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    try {
      const tracker = `http://127.0.0.1:${port}/announce`;
      while (!(await isListening(port))) await new Promise(setImmediate);
      // Another program may have the port behind the server's.
      const seeding = ["--seed-port", "0", "--tracker", tracker];
      await using running = await startBinary(["--host", "127.0.0.1", ...seeding, directory]);
      const into = scratch();
      const named = dictionary(await fetchDocument(running.origin, "/data/file.torrent"));
      const exitCode = await aria2c(into, `${running.origin}/data/file.torrent`);
      expect({
        announce: text(named.get("announce")),
        webSeeds: named.has("url-list"),
        exitCode,
        same: readFileSync(join(into, "file")).equals(FILE),
        lines: running
          .stderr()
          .split("\n")
          .filter((line) => line.includes("rangesrv:")),
      }).toEqual({ announce: tracker, webSeeds: false, exitCode: 0, same: true, lines: [] });
    } finally {
      opentracker.kill();
      await opentracker.exited;
    }
  });

  testWith("aria2c").concurrent("without a seeder, peers fetch from the web seed", async () => {
    await using unseeded = await startBinary(["--host", "127.0.0.1", "--no-seed", directory]);
    const into = scratch();
    const torrent = dictionary(await fetchDocument(unseeded.origin, "/data/file.torrent"));
    const exitCode = await aria2c(into, `${unseeded.origin}/data/file.torrent`);
    const same = readFileSync(join(into, "file")).equals(FILE);
    const seeds = torrent.get("url-list");
    expect({
      exitCode,
      same,
      seeds: Array.isArray(seeds) ? seeds.map(text) : undefined,
    }).toEqual({
      exitCode: 0,
      same: true,
      seeds: [`${unseeded.origin}/data/file`],
    });
  });
});

async function isListening(port: number): Promise<boolean> {
  try {
    using _ = await Wire.connect(port);
    return true;
  } catch {
    return false;
  }
}

/** Between aria2c and the server: flips one byte of the file the first time that it comes by. */
function startFlipping(port: number, at: number) {
  let flipped = false;
  let bytes = 0;
  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      // Peers would send what is counted here.
      if (pathname.endsWith(".torrent")) return new Response(null, { status: 404 });
      const response = await fetch(`http://127.0.0.1:${port}${pathname}`, {
        headers: request.headers,
        decompress: false,
      });
      const body = Buffer.from(await response.arrayBuffer());
      const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
      if (pathname === "/data/file" && response.headers.get("content-type") !== METALINK) {
        bytes += body.length;
        const place = at - Number(range?.[1] ?? 0);
        if (!flipped && place >= 0 && place < body.length) {
          flipped = true;
          body[place] = (body[place] ?? 0) ^ 1;
        }
      }
      return new Response(body, { status: response.status, headers: response.headers });
    },
  });
  return {
    origin: `http://127.0.0.1:${proxy.port}`,
    get bytes() {
      return bytes;
    },
    [Symbol.dispose]: () => void proxy.stop(true),
  };
}

const METALINK = "application/metalink4+xml";

describe("Repair", () => {
  const REPAIRED = { exitCode: 0, same: true, again: 12_345 };
  /** The file by `path` through a proxy that flips a byte: whether it is right, and bytes fetched again. */
  async function repair({ port, origin }: Running, path: string, ...args: string[]) {
    await fetchDocument(origin, "/data/file.meta4");
    using flipping = startFlipping(port, 3 * MIB + 77);
    const into = scratch();
    const exitCode = await aria2c(into, ...args, `${flipping.origin}${path}`);
    const same = readFileSync(join(into, "file")).equals(FILE);
    return { exitCode, same, again: flipping.bytes - FILE.length };
  }

  testWith("aria2c")(
    "aria2c NAME.meta4 fetches nothing again but the piece with a wrong byte",
    async () => {
      expect(await repair(server, "/data/file.meta4")).toEqual(REPAIRED);
    },
  );

  testWith("aria2c")("with --negotiate, so does aria2c NAME", async () => {
    await using own = await startBinary([
      "--host",
      "127.0.0.1",
      "--no-seed",
      "--negotiate",
      directory,
    ]);
    expect(await repair(own, "/data/file")).toEqual(REPAIRED);
  });
});

/** The digests are known, so that a Metalink could be made. */
describe("A file's URL gives the file", () => {
  testWith("aria2c").each<[string, string, string[]]>([
    ["to aria2c -o", "other", ["-o", "other"]],
    ["to aria2c --checksum", "file", ["--checksum", `sha-256=${digest(FILE, "hex")}`]],
  ])("%s", async (_, name, args) => {
    await fetchDocument(server.origin, "/data/file.meta4");
    const into = scratch();
    const exitCode = await aria2c(into, ...args, `${server.origin}/data/file`);
    const same = readFileSync(join(into, name)).equals(FILE);
    expect({ exitCode, names: readdirSync(into), same }).toEqual({
      exitCode: 0,
      names: [name],
      same: true,
    });
  });
});

describe("Digests", () => {
  test.concurrent("are on answers about a file once they are known", async () => {
    await fetchDocument(server.origin, "/data/file.sha256");
    const whole = digest(FILE);
    const piece = digest(FILE.subarray(MIB, 2 * MIB));
    const seen = [];
    for (const [method, fields] of [
      ["HEAD", {}],
      ["GET", { Range: `bytes=${MIB}-${2 * MIB - 1}` }],
      ["GET", { Range: "bytes=0-9" }],
      ["GET", { Range: "bytes=0-9", "Want-Digest": "MD5", "Want-Repr-Digest": "sha-256=0" }],
      ["GET", { Range: "bytes=9-0" }],
    ] as const) {
      const { status, fields: answered } = await ask(server.port, method, "/data/file", fields);
      seen.push([
        status,
        answered["repr-digest"],
        answered["digest"],
        answered["content-digest"],
        answered["link"],
      ]);
    }
    const link =
      '<file.meta4>; rel=describedby; type="application/metalink4+xml", <file.torrent>; rel=describedby; type="application/x-bittorrent"';
    const known = [`sha-256=:${whole}:`, `SHA-256=${whole}`];
    expect(seen).toEqual([
      [200, ...known, undefined, link],
      [206, ...known, `sha-256=:${piece}:`, undefined],
      [206, ...known, undefined, undefined],
      [206, undefined, undefined, undefined, undefined],
      [400, undefined, undefined, undefined, undefined],
    ]);
  });

  testWith("sha256sum").concurrent("are what sha256sum checks", async () => {
    const sums = await fetchDocument(server.origin, "/data/file.sha256");
    const path = join(scratch(), "sums");
    writeFileSync(path, sums);
    const { exitCode, stdout } = await run(["sha256sum", "-c", path], directory);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "file: OK\n" });
  });

  testWith("curl").concurrent("that take their time are waited for by curl --retry", async () => {
    const own = scratch();
    const path = join(own, "long");
    writeFileSync(path, "");
    truncateSync(path, 512 * MIB);
    settle(path);
    await using running = await startBinary(["--host", "127.0.0.1", own]);
    const url = `${running.origin}/data/long.sha256`;
    const { exitCode, stdout } = await run([
      "curl",
      "-s",
      "--retry",
      "20",
      "-w",
      "%{http_code}",
      url,
    ]);
    const [waited, answered] = stdout.split(/(?=[0-9a-f]{64}  )/);
    expect({
      exitCode,
      waited: waited?.replaceAll(/\d+ %/g, "n %").split("\n")[0],
      answered: answered?.slice(64),
    }).toEqual({
      exitCode: 0,
      waited: "Digests are being computed: n %",
      answered: "  long\n200",
    });
  });

  test.concurrent("a file that has the name of a document is that file", async () => {
    const own = scratch();
    for (const name of ["f", "f.torrent", "f.meta4.sha256"]) writeSettled(join(own, name), name);
    await using running = await startBinary(["--host", "127.0.0.1", own]);
    const seen = [];
    for (const name of ["f.torrent", "f.meta4.sha256", "f.meta4.meta4", "g.torrent", ".torrent"]) {
      const { status, body } = await ask(running.port, "GET", `/data/${name}`);
      seen.push([name, status, status === 200 ? body.toString() : undefined]);
    }
    expect(seen).toEqual([
      ["f.torrent", 200, "f.torrent"],
      ["f.meta4.sha256", 200, "f.meta4.sha256"],
      ["f.meta4.meta4", 404, undefined],
      ["g.torrent", 404, undefined],
      [".torrent", 404, undefined],
    ]);
  });

  test.concurrent("outlive a restart in the state directory, and torrents with them", async () => {
    const [own, state] = [scratch(), scratch()];
    writeSettled(join(own, "f"), FILE);
    const args = ["--host", "127.0.0.1", "--state", state, own];
    let torrent: Buffer;
    {
      await using first = await startBinary(args);
      torrent = await fetchDocument(first.origin, "/data/f.torrent");
    }
    await using second = await startBinary(args);
    // Nobody has asked the second for the torrent.
    expect(await scrape(second.origin, torrent)).toEqual({
      complete: 1,
      incomplete: 0,
      downloaded: 0,
    });
  });
});

test.concurrent("All workers know one swarm", async () => {
  await using running = await startBinary(["--host", "127.0.0.1", "--workers", "2", directory]);
  const torrent = await fetchDocument(running.origin, "/data/file.torrent");
  const infoHash = [...infoHashOf(torrent)]
    .map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
    .join("");
  const counts: unknown[] = [];
  // Each is a connection of its own, and so now one worker's and now the other's.
  for (let n = 1; n <= 20; n++) {
    const target = `/-/announce?info_hash=${infoHash}&peer_id=${String(n).padStart(20, "-")}&port=${n}&uploaded=0&downloaded=0&left=1`;
    const { body } = await ask(running.port, "GET", target);
    counts.push(dictionary(body).get("incomplete"));
  }
  expect(counts).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
});

function digest(bytes: Uint8Array, encoding: "base64" | "hex" = "base64"): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest(encoding);
}

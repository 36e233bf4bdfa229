/**
 * Who may read, by the executable: the files that say so and mistakes in them, `rangesrv
 * sign`, and what curl, wget, aria2 and libtorrent do with links, passwords and documents.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseKeys } from "../access/keys.ts";
import { signUrl } from "../access/link.ts";
import { decode, type Dictionary } from "../swarm/bittorrent/bdecode.ts";
import { binary, type Running, startBinary } from "./binary.ts";
import { LIBTORRENT, PYTHON, type Ran, run, testWith } from "./clients.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const MIB = 1024 * 1024;
const FILE = offsetBytes(3 * MIB + 12_345);
const KEY = "a key of 32 bytes, which is the least";
const OLD = "another key, which was used before that";

const scratch = temporaryDirectory;
const directory = scratch();
const secrets = scratch();
const keyFile = secret("keys", `# rotated today\n${KEY}\n${OLD}\n`);
const tokenFile = secret("tokens", "# for the build\nci token-of-the-build\nnameless-token\n");
const basicFile = join(secrets, "htpasswd");

function secret(name: string, text: string, mode = 0o600): string {
  const path = join(secrets, name);
  writeFileSync(path, text, { mode });
  return path;
}

/** A link to a path of a server, for a minute. */
function link(origin: string, path: string, isPrefix = false): string {
  const expires = Math.floor(Date.now() / 1000) + 60;
  return signUrl(parseKeys(KEY), origin + path, { expires }, isPrefix);
}

async function rangesrv(...args: readonly string[]): Promise<Ran> {
  return await run([await binary(), ...args]);
}

async function aria2c(into: string, ...args: readonly string[]): Promise<number> {
  const { exitCode } = await run([
    "aria2c",
    ...["--no-conf", "--quiet", "--enable-dht=false", "--enable-dht6=false", "--seed-time=0"],
    ...["--retry-wait=1", "-d", into, ...args],
  ]);
  return exitCode;
}

/** Asks until a document is there, as its 503 says to. */
async function fetchDocument(url: string, init?: RequestInit): Promise<Response> {
  for (;;) {
    const response = await fetch(url, init);
    if (response.status !== 503) return response;
    await response.arrayBuffer();
  }
}

function dictionary(bytes: Uint8Array): Dictionary {
  const decoded = decode(bytes);
  if (decoded.kind === "malformed" || !(decoded.value instanceof Map)) {
    throw new Error("no dictionary");
  }
  return decoded.value;
}

function text(value: unknown): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "no text";
}

let server: Running;

beforeAll(async () => {
  writeSettled(join(directory, "file"), FILE);
  writeSettled(join(directory, "small"), "small");
  writeSettled(join(directory, "plain"), "plain");
  // Files that are named like documents about another.
  writeSettled(join(directory, "small.sha256"), "no document");
  writeSettled(join(directory, "it's a & b"), "odd");
  mkdirSync(join(directory, "folder/deep"), { recursive: true });
  writeSettled(join(directory, "folder/deep/file"), "deep");
  const hash = await Bun.password.hash("sécret", { algorithm: "bcrypt", cost: 5 });
  secret("htpasswd", `ann:${hash.replace("$2b$", "$2y$")}\n`);
  const ways = ["--key-file", keyFile, "--token-file", tokenFile, "--basic-file", basicFile];
  server = await startBinary(["--host", "127.0.0.1", ...ways, directory]);
});

afterAll(async () => await server[Symbol.asyncDispose]());

describe("A mistake ends it before it serves", () => {
  const crypt = join(secrets, "crypt");
  const short = join(secrets, "short");
  const empty = join(secrets, "empty");
  const none = join(secrets, "none");
  beforeAll(() => {
    secret("crypt", "ann:$apr1$x$y\n");
    secret("short", "too short\n");
    secret("empty", "# nothing\n");
  });
  test.each<[string[], string]>([
    [["--token-file", none], `Cannot read "${none}": no such file`],
    [["--token-file", secrets], `Cannot read "${secrets}": not a file`],
    [["--token-file", empty], `Cannot use token file "${empty}": it has no token`],
    [["--basic-file", none], `Cannot read "${none}": no such file`],
    [["--basic-file", empty], `Cannot use password file "${empty}": it has no user`],
    [
      ["--basic-file", crypt],
      `Cannot use password file "${crypt}": line 1 has an MD5 hash (apr1), not bcrypt (htpasswd -B) or argon2`,
    ],
    [["--key-file", empty], `Cannot use key file "${empty}": it has no key`],
    [
      ["--key-file", short],
      `Cannot use key file "${short}": line 1 has 9 bytes; a key has 32 or more`,
    ],
    [
      ["--key-file", short, "--workers", "2"],
      `Cannot use key file "${short}": line 1 has 9 bytes; a key has 32 or more`,
    ],
  ])("%j", async (args, line) => {
    const ran = await rangesrv("--port", "0", ...args, directory);
    expect(ran).toEqual({ exitCode: 2, stdout: "", stderr: `rangesrv: ${line}\n` });
  });

  const url = "http://h/data/a";
  test.each<[string[], string]>([
    [["--expires", "2h", url], "Missing --key-file"],
    [["--key-file", none, "--expires", "2h", url], `Cannot read "${none}": no such file`],
    [["--key-file", keyFile, url], "Missing --expires, as in --expires 2h"],
    [["--key-file", keyFile, "--expires", "2h"], "Missing URL, the one to sign"],
    [
      ["--key-file", keyFile, "--expires", "2h", url, url],
      `Cannot sign "${url}" too: one URL at a time`,
    ],
    [
      ["--key-file", keyFile, "--expires", "2", url],
      'Cannot use expires "2": not a time like 90s, 15m, 2h or 7d',
    ],
    [
      ["--key-file", keyFile, "--expires", "0s", url],
      'Cannot use expires "0s": not a time like 90s, 15m, 2h or 7d',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "/data/a"],
      'Cannot sign "/data/a": not an http or https URL',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "http://h/a/../b"],
      'Cannot sign "http://h/a/../b": dot segments, backslashes or blanks in it',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "http://h/a%2fb"],
      'Cannot sign "http://h/a%2fb": no path of a file',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "http://h"],
      'Cannot sign "http://h": no path of a file',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "--prefix", url],
      `Cannot sign prefix "${url}": its path has no slash at its end`,
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "--client", "me", url],
      'Cannot use client "me": not an address',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "--range", "9-0", url],
      'Cannot use range "9-0": not first and last byte, as in 0-1023',
    ],
    [
      ["--key-file", keyFile, "--expires", "1h", "--range", "0-9", "--prefix", "http://h/a/"],
      "Cannot use --range with --prefix: a range is of one file",
    ],
    [["--key-file", keyFile, "--new-key"], `Cannot make "${keyFile}": there is such a file`],
    [["--key", "x", url], "Unknown option '--key'"],
  ])("sign %j", async (args, line) => {
    const ran = await rangesrv("sign", ...args);
    expect(ran).toEqual({ exitCode: 2, stdout: "", stderr: `rangesrv: ${line}\n` });
  });
});

describe("rangesrv sign", () => {
  test("makes a key that only its owner can read, and a link that the server takes", async () => {
    const path = join(scratch(), "key");
    const made = await rangesrv("sign", "--key-file", path, "--new-key");
    const mode = (statSync(path).mode & 0o777).toString(8);
    await using running = await startBinary([
      "--no-seed",
      "--host",
      "127.0.0.1",
      "--key-file",
      path,
      directory,
    ]);
    const url = `${running.origin}/data/folder/?download`;
    const args = ["--key-file", path, "--expires", "1h", "--prefix", url];
    const signed = await rangesrv("sign", ...args);
    const below = signed.stdout.trim().replace("folder/", "folder/deep/file");
    const statuses = await Promise.all(
      [signed.stdout.trim(), below, url].map(async (one) => (await fetch(one)).status),
    );
    expect({ made, mode, keys: readFileSync(path, "latin1").length, statuses }).toEqual({
      made: { exitCode: 0, stdout: "", stderr: "" },
      mode: "600",
      keys: 44,
      statuses: [200, 200, 403],
    });
  });

  test("says when others can read the key", async () => {
    const path = secret("public", KEY, 0o644);
    const args = ["--key-file", path, "--expires", "1h", "http://h/a"];
    const { exitCode, stderr } = await rangesrv("sign", ...args);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: `rangesrv: Every user of this machine can read key file "${path}"\n`,
    });
  });

  test("prints its usage", async () => {
    const { exitCode, stdout } = await rangesrv("sign", "--help");
    const lines = stdout.trimEnd().split("\n");
    expect({
      exitCode,
      fits: lines.length <= 24 && lines.every((line) => line.length <= 80),
    }).toEqual({
      exitCode: 0,
      fits: true,
    });
  });
});

describe("Who may read", () => {
  const TOKEN = { Authorization: "Bearer token-of-the-build" };
  const WRONG = { Authorization: "Bearer token" };
  const BASIC = { Authorization: `Basic ${Buffer.from("ann:sécret").toString("base64")}` };
  test.each<[string, string, Record<string, string>, number]>([
    ["a file", "/data/small", {}, 401],
    ["a file by a token", "/data/small", TOKEN, 200],
    ["a file by a password", "/data/small", BASIC, 200],
    ["a file by a wrong token", "/data/small", WRONG, 401],
    ["what isn't there", "/data/none", {}, 401],
    ["what isn't there, by a token", "/data/none", TOKEN, 404],
    ["a listing", "/data/", {}, 401],
    ["a listing by a token", "/data/", TOKEN, 200],
    ["a directory without its slash", "/data/folder", {}, 401],
    ["a document", "/data/file.magnet", {}, 401],
    ["a real file that is named like a document", "/data/small.sha256", TOKEN, 200],
    ["the root", "/", {}, 307],
    ["outside", "/other", {}, 404],
    ["a Host that is none", "/data/small", { Host: "a, b" }, 400],
  ])("%s", async (_why, path, fields, status) => {
    expect((await ask(server.port, "GET", path, fields)).status).toBe(status);
  });

  test("A link to a file is none to a real file that is named like its document", async () => {
    const { search } = new URL(link(server.origin, "/data/small"));
    const paths = ["small", "small.sha256", "small.meta4/", "small.magnet", "small"];
    const statuses: number[] = [];
    // By a token first, so that the server remembers where that URL leads.
    const byToken = await ask(server.port, "GET", `/data/small.sha256${search}`, TOKEN);
    statuses.push(byToken.status);
    for (const path of paths) {
      for (;;) {
        const { status } = await ask(server.port, "GET", `/data/${path}${search}`);
        if (status === 503) continue;
        statuses.push(status);
        break;
      }
    }
    // Refused by the link, not for want of one.
    expect(statuses).toEqual([200, 200, 403, 401, 200, 200]);
  });

  test("A folder's page by a link gives a browser a cookie for what it refers to", async () => {
    const url = link(server.origin, "/data/folder/", true);
    const page = await fetch(url);
    const [cookie = "", ...attributes] = (page.headers.get("set-cookie") ?? "").split("; ");
    const paths = ["folder/", "folder/deep/", "folder/deep/file", "folder.torrent", "small", ""];
    const statuses: number[] = [];
    for (const path of paths) {
      const answer = await fetchDocument(`${server.origin}/data/${path}`, { headers: { cookie } });
      statuses.push(answer.status);
    }
    expect({
      status: page.status,
      policy: page.headers.get("cache-control"),
      value: cookie === `rangesrv-link=${new URL(url).search.slice(1)}`,
      attributes,
      statuses,
    }).toEqual({
      status: 200,
      policy: "private, no-cache",
      value: true,
      attributes: ["Path=/data/folder/", "HttpOnly", "SameSite=Strict"],
      statuses: [200, 200, 200, 200, 401, 401],
    });
  });

  test("Answers are private, and differ in nothing else from those of an open server", async () => {
    await using open = await startBinary(["--no-seed", "--host", "127.0.0.1", directory]);
    const fields = async ({ port }: Running, target: string, more = {}) => {
      const answer = await ask(port, "GET", target, { Range: "bytes=0-4", ...more });
      const { date: _, "cache-control": policy, ...others } = answer.fields;
      return { status: answer.status, body: answer.body.toString(), policy, others };
    };
    const expected = await fields(open, "/data/plain");
    const guarded = await fields(server, "/data/plain", TOKEN);
    const linked = new URL(link(server.origin, "/data/plain"));
    const byLink = await fields(server, linked.pathname + linked.search);
    expect([guarded, byLink]).toEqual([
      { ...expected, policy: "private" },
      { ...expected, policy: "private" },
    ]);
  });
});

describe("Documents", () => {
  test("of two readers have links of their own, and are kept for nobody", async () => {
    const soon = Math.floor(Date.now() / 1000) + 100;
    const queries = [soon, soon + 1].map((expires) => {
      const url = signUrl(parseKeys(OLD), `${server.origin}/data/file`, { expires });
      return new URL(url).search;
    });
    const answers = await Promise.all(
      [...queries, ...queries].map((query) =>
        fetchDocument(`${server.origin}/data/file.meta4${query}`),
      ),
    );
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    const ends = texts.map((xml) => [
      ...new Set([...xml.matchAll(/Expires=(\d+)/g)].map(([, end]) => Number(end) - soon)),
    ]);
    const tags = new Set(answers.map(({ headers }) => headers.get("etag")));
    const policies = new Set(answers.map(({ headers }) => headers.get("cache-control")));
    const other = await fetchDocument(`${server.origin}/data/file.meta4${queries[0]}`, {
      headers: { "if-none-match": [...tags].join(", ") },
    });
    expect({ ends, tags: tags.size, policies: [...policies], again: other.status }).toEqual({
      ends: [[0], [1], [0], [1]],
      tags: 2,
      policies: ["private, no-cache"],
      again: 304,
    });
  });

  test("by a token have links for a day; by a server without keys, none", async () => {
    await using keyless = await startBinary([
      "--no-seed",
      "--host",
      "127.0.0.1",
      "--token-file",
      tokenFile,
      directory,
    ]);
    const days: unknown[] = [];
    for (const { origin } of [server, keyless]) {
      const headers = { authorization: "bearer nameless-token" };
      const answer = await fetchDocument(`${origin}/data/it's%20a%20&%20b.torrent`, { headers });
      const torrent = dictionary(new Uint8Array(await answer.arrayBuffer()));
      const announce = text(torrent.get("announce"));
      const end = /Expires=(\d+)/.exec(announce)?.[1];
      days.push(end && Math.floor((Number(end) - Date.now() / 1000) / 86_400));
    }
    expect(days).toEqual([1, undefined]);
  });

  test("of a folder have a link for each file, and need one, beside the prefix too", async () => {
    const { search } = new URL(link(server.origin, "/data/folder/", true));
    const whole = new URL(link(server.origin, "/data/", true)).search;
    const bare = ["data.txt", "data.meta4", "data/folder.txt", "data/folder/SHA256SUMS"];
    const refused = await Promise.all(
      bare.map(async (path) => (await fetch(`${server.origin}/${path}`)).status),
    );
    const list = await fetchDocument(`${server.origin}/data/folder.txt${search}`);
    const [url = ""] = (await list.text()).split("\n");
    const all = await fetchDocument(`${server.origin}/data.txt${whole}`);
    const metalink = await fetchDocument(`${server.origin}/data/folder.meta4${search}`);
    const sums = await fetchDocument(`${server.origin}/data/folder/SHA256SUMS${search}`);
    const inMetalink = /<url[^>]*>([^<]*)/.exec(await metalink.text())?.[1] ?? "";
    const followed = [url, inMetalink.replaceAll("&#38;", "&")].map(
      async (one) => await (await fetch(one)).text(),
    );
    expect({
      refused,
      listed: [list.status, all.status, metalink.status, sums.status],
      followed: await Promise.all(followed),
    }).toEqual({
      refused: [401, 401, 401, 401],
      listed: [200, 200, 200, 200],
      followed: ["deep", "deep"],
    });
  });

  test("of a folder by a link have no web seeds: a client would put its path behind the signature", async () => {
    await using unseeded = await startBinary([
      "--no-seed",
      "--host",
      "127.0.0.1",
      "--key-file",
      keyFile,
      directory,
    ]);
    const { search } = new URL(link(unseeded.origin, "/data/folder/", true));
    const answer = await fetchDocument(`${unseeded.origin}/data/folder.torrent${search}`);
    const torrent = dictionary(new Uint8Array(await answer.arrayBuffer()));
    expect({ status: answer.status, seeds: torrent.has("url-list") }).toEqual({
      status: 200,
      seeds: false,
    });
  });
});

describe("Clients", () => {
  testWith("curl")("curl with a password, a token and a link, whole and resumed", async () => {
    const into = scratch();
    const url = `${server.origin}/data/file`;
    const partial = join(into, "link");
    writeFileSync(partial, FILE.subarray(0, 1_000_000));
    const runs = [
      ["-u", "ann:sécret", "-o", join(into, "basic"), url],
      ["--oauth2-bearer", "token-of-the-build", "-o", join(into, "token"), url],
      ["-C", "-", "-o", partial, link(server.origin, "/data/file")],
    ];
    const exitCodes = await Promise.all(
      runs.map(async (args) => (await run(["curl", "-sf", ...args])).exitCode),
    );
    const same = ["basic", "token", "link"].map((name) =>
      readFileSync(join(into, name)).equals(FILE),
    );
    expect({ exitCodes, same }).toEqual({ exitCodes: [0, 0, 0], same: [true, true, true] });
  });

  testWith("wget")("wget with a password, after the challenge, and with a link", async () => {
    const into = scratch();
    const partial = join(into, "link");
    writeFileSync(partial, FILE.subarray(0, 1_000_000));
    const runs = [
      ["--user=ann", "--password=sécret", "-O", join(into, "basic"), `${server.origin}/data/file`],
      ["-c", "-O", partial, link(server.origin, "/data/file")],
    ];
    const exitCodes = await Promise.all(
      runs.map(async (args) => (await run(["wget", "-q", "--no-config", ...args])).exitCode),
    );
    const same = ["basic", "link"].map((name) => readFileSync(join(into, name)).equals(FILE));
    expect({ exitCodes, same }).toEqual({ exitCodes: [0, 0], same: [true, true] });
  });

  testWith("aria2c")("aria2c with a link: 16 connections, and resumed", async () => {
    const [into, other] = [scratch(), scratch()];
    const many = ["-x16", "-s16", "-k1M", "-o", "file"];
    writeFileSync(join(other, "file"), FILE.subarray(0, 1_000_000));
    truncateSync(join(other, "file"), 1_000_000);
    const url = link(server.origin, "/data/file");
    const exitCodes = [
      await aria2c(into, ...many, url),
      await aria2c(other, "-c", "-o", "file", url),
    ];
    const same = [into, other].map((path) => readFileSync(join(path, "file")).equals(FILE));
    expect({ exitCodes, same }).toEqual({ exitCodes: [0, 0], same: [true, true] });
  });

  testWith("aria2c")("aria2c with a signed Metalink, its torrent left out", async () => {
    const into = scratch();
    const metalink = join(scratch(), "file.meta4");
    const { search } = new URL(link(server.origin, "/data/file"));
    const answer = await fetchDocument(`${server.origin}/data/file.meta4${search}`);
    writeFileSync(metalink, await answer.text());
    const exitCode = await aria2c(into, "--follow-torrent=false", "-M", metalink);
    const same = readFileSync(join(into, "file")).equals(FILE);
    expect({ exitCode, same }).toEqual({ exitCode: 0, same: true });
  });

  testWith("aria2c")(
    "aria2c with a signed torrent, from the seeder and from the web seed",
    async () => {
      await using unseeded = await startBinary([
        "--no-seed",
        "--host",
        "127.0.0.1",
        "--key-file",
        keyFile,
        directory,
      ]);
      const seen: unknown[] = [];
      for (const { origin } of [server, unseeded]) {
        const into = scratch();
        const path = join(scratch(), "torrent");
        const { search } = new URL(link(origin, "/data/file"));
        const answer = await fetchDocument(`${origin}/data/file.torrent${search}`);
        writeFileSync(path, new Uint8Array(await answer.arrayBuffer()));
        const seeds = dictionary(readFileSync(path)).has("url-list");
        const exitCode = await aria2c(into, "-T", path);
        seen.push({ seeds, exitCode, same: readFileSync(join(into, "file")).equals(FILE) });
      }
      expect(seen).toEqual([
        { seeds: false, exitCode: 0, same: true },
        { seeds: true, exitCode: 0, same: true },
      ]);
    },
  );

  testWith("aria2c")("aria2c with a signed magnet link", async () => {
    const into = scratch();
    writeSettled(join(directory, "by-magnet"), FILE);
    const { search } = new URL(link(server.origin, "/data/by-magnet"));
    const answer = await fetchDocument(`${server.origin}/data/by-magnet.magnet${search}`);
    const exitCode = await aria2c(into, (await answer.text()).trim());
    const same = readFileSync(join(into, "by-magnet")).equals(FILE);
    expect({ exitCode, same }).toEqual({ exitCode: 0, same: true });
  });

  testWith(LIBTORRENT)(
    "libtorrent with a signed torrent; without its key it gets nothing",
    async () => {
      const [into, other, torrents] = [scratch(), scratch(), scratch()];
      writeSettled(join(directory, "shared"), FILE);
      const { search } = new URL(link(server.origin, "/data/shared"));
      const answer = await fetchDocument(`${server.origin}/data/shared.torrent${search}`);
      const torrent = Buffer.from(await answer.arrayBuffer());
      const path = join(torrents, "torrent");
      writeFileSync(path, torrent);
      const bare = join(torrents, "bare");
      const announce = text(dictionary(torrent).get("announce"));
      const plain = announce.replace(/\?.*/, "");
      writeFileSync(bare, replaceAnnounce(torrent, announce, plain));
      const peer = join(import.meta.dir, "peer.py");
      const refused = await run([PYTHON, peer, bare, other, "fetch"]);
      const served = await run([PYTHON, peer, path, into, "fetch"]);
      expect({
        refused: [refused.exitCode, refused.stderr.includes("this announce URL is not valid")],
        served: [served.exitCode, readFileSync(join(into, "shared")).equals(FILE)],
      }).toEqual({ refused: [1, true], served: [0, true] });
    },
  );
});

function replaceAnnounce(torrent: Buffer, before: string, after: string): Buffer {
  const whole = torrent.toString("latin1");
  const replaced = whole.replace(`${before.length}:${before}`, `${after.length}:${after}`);
  return Buffer.from(replaced, "latin1");
}

describe("The swarm of a protected file", () => {
  test("has only peers with a key: at the tracker, and at the seeder", async () => {
    writeSettled(join(directory, "guarded"), FILE);
    const { search } = new URL(link(server.origin, "/data/guarded"));
    const answer = await fetchDocument(`${server.origin}/data/guarded.torrent${search}`);
    const torrent = new Uint8Array(await answer.arrayBuffer());
    const infoHash = infoHashOf(torrent);
    const announce = new URL(text(dictionary(torrent).get("announce")));
    const other = await fetchDocument(
      `${server.origin}/data/file.torrent${new URL(link(server.origin, "/data/file")).search}`,
    );
    const wrong = new URL(
      text(dictionary(new Uint8Array(await other.arrayBuffer())).get("announce")),
    );
    const escaped = [...infoHash].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const asked = `info_hash=${escaped}&peer_id=${"x".repeat(20)}&port=7000&uploaded=0&downloaded=0&left=0&key=ABCDEF`;
    const track = async (path: string) => {
      const { status, body } = await ask(server.port, "GET", path);
      return [status, ...dictionary(body).keys()];
    };
    const handshake = Buffer.concat([
      Buffer.from("\x13BitTorrent protocol"),
      Buffer.alloc(8),
      infoHash,
      Buffer.from("y".repeat(20)),
    ]);
    const greet = async (from: string) => {
      using wire = await Wire.connect(server.port + 1, "127.0.0.1", from);
      wire.send(handshake);
      await wire.waitFor(68);
      return wire.buffered >= 68;
    };
    const before = await greet("127.0.0.1");
    const refused = [
      await track(`/-/announce?${asked}`),
      await track(`/-/announce${wrong.search}&${asked}`),
      await track(`/-/scrape?info_hash=${escaped}`),
      await track(`/-/scrape${wrong.search}&info_hash=${escaped}`),
    ];
    const still = await greet("127.0.0.1");
    const admitted = [
      await track(`/-/scrape${announce.search}&info_hash=${escaped}`),
      await track(`/-/announce${announce.search}&${asked}`),
    ];
    const after = [await greet("127.0.0.1"), await greet("127.0.0.2")];
    expect({ before, refused, still, admitted, after }).toEqual({
      before: false,
      refused: Array.from({ length: 4 }, () => [200, "failure reason"]),
      still: false,
      admitted: [
        [200, "files"],
        [
          200,
          "complete",
          "downloaded",
          "external ip",
          "incomplete",
          "interval",
          "min interval",
          "peers",
        ],
      ],
      after: [true, false],
    });
  });
});

/** SHA-1 of the info dictionary, cut out of the torrent as it stands there. */
function infoHashOf(torrent: Uint8Array): Buffer {
  const start = Buffer.from(torrent).indexOf("4:info") + 6;
  for (let end = torrent.length - 1; end > start; end--) {
    const info = torrent.subarray(start, end);
    if (decode(info).kind === "value") return new Bun.CryptoHasher("sha1").update(info).digest();
  }
  throw new Error("no info dictionary");
}

test("With workers, a client that began in time goes on at each of them", async () => {
  await using workers = await startBinary([
    "--workers",
    "2",
    "--no-seed",
    "--host",
    "127.0.0.1",
    "--key-file",
    keyFile,
    directory,
  ]);
  const expires = Math.floor(Date.now() / 1000) + 2;
  const url = new URL(signUrl(parseKeys(OLD), `${workers.origin}/data/small`, { expires }));
  const target = url.pathname + url.search;
  const statusFrom = async (address: string) => {
    using wire = await Wire.connect(workers.port, "127.0.0.1", address);
    wire.request("GET", target);
    return (await wire.response()).status;
  };
  const first = await statusFrom("127.0.0.1");
  // Each time another link for another client, until it has expired.
  while (Date.now() < expires * 1000) await statusFrom("127.0.0.1");
  const began: number[] = [];
  const late: number[] = [];
  for (let n = 0; n < 12; n++) {
    began.push(await statusFrom("127.0.0.1"));
    late.push(await statusFrom("127.0.0.3"));
  }
  expect({ first, began: [...new Set(began)], late: [...new Set(late)] }).toEqual({
    first: 200,
    began: [200],
    late: [403],
  });
});

describe("SIGHUP reads the files again", () => {
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

  test.each<[string, string[], string]>([
    ["in one process", [], "SIGHUP: no option changed"],
    ["with workers", ["--workers", "2"], "rolling restart finished"],
  ])("%s, and keeps what runs when it can't use them", async (_why, workers, done) => {
    const tokens = secret(`changing ${workers.length}`, "first\n");
    await using running = await startBinary([
      "--no-seed",
      "--host",
      "127.0.0.1",
      "--token-file",
      tokens,
      ...workers,
      directory,
    ]);
    const statuses = async () => {
      const seen: number[] = [];
      for (const token of ["first", "second"]) {
        seen.push((await ask(running.port, "GET", "/data/small", bearer(token))).status);
      }
      return seen;
    };
    const before = await statuses();
    writeFileSync(tokens, "# nothing\n");
    running.process.kill("SIGHUP");
    await running.printed("kept what runs");
    const kept = await statuses();
    writeFileSync(tokens, "second\n");
    running.process.kill("SIGHUP");
    await running.printed(done);
    const after = await statuses();
    const lines = running
      .stderr()
      .split("\n")
      .filter((line) => line.includes("kept"));
    expect({ before, kept, after, lines }).toEqual({
      before: [200, 401],
      kept: [200, 401],
      after: [401, 200],
      lines: [
        `rangesrv: SIGHUP: kept what runs: Cannot use token file "${tokens}": it has no token`,
      ],
    });
  });

  test("but opens nothing that was restricted", async () => {
    const tokens = secret("tokens of a config", "first\n");
    const config = secret("config.toml", `token-file = "${tokens}"\n`);
    await using running = await startBinary([
      "--no-seed",
      "--host",
      "127.0.0.1",
      "--config",
      config,
      directory,
    ]);
    writeFileSync(config, "");
    running.process.kill("SIGHUP");
    await running.printed("kept what runs: Whether anyone may read can't change without a restart");
    const { status } = await ask(running.port, "GET", "/data/small");
    expect(status).toBe(401);
  });
});

test("A preflight has no credentials and is answered; other OPTIONS need them", async () => {
  const ways = ["--token-file", tokenFile, "--cors", "https://app.example"];
  await using running = await startBinary(["--no-seed", "--host", "127.0.0.1", ...ways, directory]);
  const origin = { Origin: "https://app.example" };
  const preflight = { ...origin, "Access-Control-Request-Method": "GET" };
  const seen: unknown[] = [];
  for (const [method, fields] of [
    ["OPTIONS", preflight],
    ["OPTIONS", origin],
    ["GET", preflight],
  ] as const) {
    const answer = await ask(running.port, method, "/data/small", fields);
    seen.push([answer.status, answer.fields["access-control-allow-origin"]]);
  }
  expect(seen).toEqual([
    [204, "https://app.example"],
    [401, "https://app.example"],
    [401, "https://app.example"],
  ]);
});

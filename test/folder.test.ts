/**
 * Documents about a folder, by the executable and the programs that read them:
 * sha256sum, aria2c, wget and xmllint.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Running, startBinary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "./site.ts";

setDefaultTimeout(60_000);

const directory = temporaryDirectory();

/** Names that mean something to a shell, a list, XML or a URL, and contents that tell their offset. */
const FILES: [string, Buffer][] = [
  ["#hash", offsetBytes(3)],
  ["-rf", offsetBytes(4)],
  ["a b", offsetBytes(2_500_000)],
  ["deep/empty", Buffer.of()],
  ["deep/er/<'\">", offsetBytes(5, "x")],
  ["ü%41?", offsetBytes(100)],
];
/** aria2c saves no name with a line break in it, and writes another name for an ampersand. */
const ESCAPED: [string, Buffer][] = [
  ["and&", offsetBytes(6)],
  ["back\\slash", offsetBytes(7)],
  ["line\nbreak", offsetBytes(8)],
];

let server: Running;
/** The same files, which the first server's documents name as a mirror. */
let mirror: Running;

function write(folder: string, files: readonly [string, Buffer][]): void {
  for (const [path, content] of files) {
    mkdirSync(join(directory, folder, dirname(path)), { recursive: true });
    writeSettled(join(directory, folder, path), content);
  }
}

beforeAll(async () => {
  write("tree", FILES);
  write("odd", [...FILES, ...ESCAPED]);
  write("odd/.hidden", [["secret", Buffer.from("SECRET")]]);
  write("real", [
    ["file", offsetBytes(9)],
    ["SHA256SUMS", Buffer.from("real\n")],
  ]);
  write(".", [["real.txt", Buffer.from("real\n")]]);
  write("xml", [["bad\x01", offsetBytes(1)]]);
  mkdirSync(join(directory, "none"));
  mirror = await startBinary(["--host", "127.0.0.1", "--no-seed", directory]);
  const args = ["--host", "127.0.0.1", "--workers", "2", "--mirror", `${mirror.origin}/data/`];
  server = await startBinary([...args, directory]);
});

afterAll(async () => {
  await Promise.all([server[Symbol.asyncDispose](), mirror[Symbol.asyncDispose]()]);
});

/** Asks until a document is there, as its 503 says to. */
async function untilReady(target: string, { origin } = server) {
  for (;;) {
    const { status, headers, body } = await get(target, origin);
    if (status !== 503) return { status, headers, body };
  }
}

/** As a client asks that knows the server by its address. */
async function get(target: string, origin = server.origin, init: RequestInit = {}) {
  const response = await fetch(`${origin}${target}`, init);
  const { status, headers } = response;
  return { status, headers, body: Buffer.from(await response.arrayBuffer()) };
}

/** Which of the files are below `into` as they are on the server. */
function saved(into: string, files = FILES): (string | boolean)[][] {
  return files.map(([path, content]) => {
    try {
      return [path, readFileSync(join(into, path)).equals(content)];
    } catch (error) {
      return [path, String(error)];
    }
  });
}

const ALL = FILES.map(([path]) => [path, true]);

testWith("sha256sum")("SHA256SUMS checks with sha256sum -c, however the names look", async () => {
  const { status, body } = await untilReady("/data/odd/SHA256SUMS");
  const list = join(temporaryDirectory(), "list");
  writeFileSync(list, body);
  const checked = await run(["sha256sum", "--strict", "-c", list], join(directory, "odd"));
  const seen = { status, exitCode: checked.exitCode, stderr: checked.stderr };
  expect({ ...seen, lines: checked.stdout.split("\n") }).toEqual({
    status: 200,
    exitCode: 0,
    stderr: "",
    lines: [
      "#hash: OK",
      "-rf: OK",
      "a b: OK",
      "and&: OK",
      "back\\slash: OK",
      `deep/empty: OK`,
      `deep/er/<'">: OK`,
      "\\line\\nbreak: OK",
      "ü%41?: OK",
      "",
    ],
  });
});

testWith("aria2c")(
  "aria2c -M takes the whole folder by its Metalink, checked, from mirrors",
  async () => {
    const into = temporaryDirectory();
    const document = join(temporaryDirectory(), "tree.meta4");
    const { status, body } = await untilReady("/data/tree.meta4");
    writeFileSync(document, body);
    const options = ["--no-conf", "--quiet", "--split=4", "--min-split-size=1M"];
    const { exitCode } = await run(["aria2c", ...options, "-d", into, "-M", document]);
    const text = body.toString();
    expect([
      status,
      exitCode,
      saved(join(into, "tree")),
      text.includes(`<url priority="2">${mirror.origin}/data/tree/deep/empty</url>`),
      text.match(/<pieces type="sha-256" length="1048576">/g)?.length,
    ]).toEqual([200, 0, ALL, true, 5]);
  },
);

testWith("aria2c")("aria2c repairs a damaged piece by the Metalink of a folder", async () => {
  const into = temporaryDirectory();
  const document = join(temporaryDirectory(), "tree.meta4");
  writeFileSync(document, (await untilReady("/data/tree.meta4")).body);
  const damaged = Buffer.from(FILES[2]![1]);
  damaged[1_500_000] = 0;
  mkdirSync(join(into, "tree"));
  writeFileSync(join(into, "tree", "a b"), damaged);
  const options = ["--no-conf", "--quiet", "--check-integrity=true", "-d", into];
  const { exitCode } = await run(["aria2c", ...options, "-M", document]);
  expect([exitCode, saved(join(into, "tree"))]).toEqual([0, ALL]);
});

testWith("xmllint").each(["tree", "odd"])("The Metalink of %s is well-formed", async (folder) => {
  const document = join(temporaryDirectory(), "document");
  writeFileSync(document, (await untilReady(`/data/${folder}.meta4`)).body);
  const names = "//*[local-name()='file']/@name";
  const { exitCode, stderr, stdout } = await run([
    "xmllint",
    "--nonet",
    "--xpath",
    names,
    document,
  ]);
  const outside = /"(?:\/|\.\.\/)|\/\.\.[/"]|secret/.test(stdout);
  const count = stdout.match(/ name="/g)?.length;
  expect([exitCode, stderr, outside, count]).toEqual([0, "", false, folder === "odd" ? 9 : 6]);
});

testWith("wget")("wget -i takes every file of the list", async () => {
  const into = temporaryDirectory();
  const list = `${server.origin}/data/odd.txt`;
  const options = ["--no-config", "--no-proxy", "-q", "-x", "-nH", "--cut-dirs=2", "-i", list];
  const { exitCode } = await run(["wget", ...options, "--restrict-file-names=nocontrol"], into);
  // wget writes a question mark of a path as it came, escaped.
  const plain = [...FILES, ...ESCAPED].filter(([path]) => !path.includes("?"));
  expect([exitCode, saved(into, plain)]).toEqual([0, plain.map(([path]) => [path, true])]);
});

testWith("aria2c")("aria2c -i takes every file of the list", async () => {
  const into = temporaryDirectory();
  const list = join(temporaryDirectory(), "list");
  writeFileSync(list, (await get("/data/tree.txt")).body);
  const { exitCode } = await run(["aria2c", "--no-conf", "--quiet", "-d", into, "-i", list]);
  const flat = FILES.map(([path, content]): [string, Buffer] => [
    path.split("/").at(-1) ?? "",
    content,
  ]);
  expect([exitCode, saved(into, flat)]).toEqual([0, flat.map(([path]) => [path, true])]);
});

test.each<[string, string, number, string]>([
  ["a real SHA256SUMS", "/data/real/SHA256SUMS", 200, "real\n"],
  ["a real list", "/data/real.txt", 200, "real\n"],
  ["checksums of nothing", "/data/none/SHA256SUMS", 200, ""],
  ["URLs of nothing", "/data/none.txt", 200, ""],
  [
    "a Metalink of nothing",
    "/data/none.meta4",
    404,
    "The folder has no files: a Metalink has at least one\n",
  ],
  [
    "a name that XML can't hold",
    "/data/xml.meta4",
    404,
    "A name has a character that XML 1.0 can't hold\n",
  ],
  ["a hidden folder", "/data/odd/.hidden.txt", 404, "There is no such file here\n"],
  [
    "checksums in a hidden folder",
    "/data/odd/.hidden/SHA256SUMS",
    404,
    "There is no such file here\n",
  ],
  ["a list of a file", "/data/real/file.txt", 404, "There is no such file here\n"],
  ["checksums in a file", "/data/real/file/SHA256SUMS", 404, "There is no such file here\n"],
  ["checksums of no folder", "/data/nothing/SHA256SUMS", 404, "There is no such file here\n"],
  [
    "a folder by the name of one file",
    "/data/odd.sha256",
    404,
    "A folder has no .sha256; it has SHA256SUMS in it\n",
  ],
  ["the folder outside", "/data/../etc.txt", 404, "There is no such file here\n"],
  ["a torrent beside the prefix", "/data.torrent", 404, "There is no such file here\n"],
])("%s", async (_why, target, status, body) => {
  const response = await untilReady(target);
  expect([response.status, response.body.toString()]).toEqual([status, body]);
});

test("The root's are in the prefix and beside it, by the prefix's last name", async () => {
  const args = ["--host", "127.0.0.1", "--no-seed", "--prefix", "/a/files/"];
  await using running = await startBinary([...args, join(directory, "tree")]);
  const sums = await untilReady("/a/files/SHA256SUMS", running);
  const metalink = await untilReady("/a/files.meta4", running);
  const urls = await get("/a/files.txt", running.origin);
  const lines = urls.body.toString().trim().split("\n");
  const names = [...metalink.body.toString().matchAll(/<file name="([^"]+)"/g)];
  expect({
    urls: lines.map((line) => decodeURIComponent(line.replace(`${running.origin}/a/files/`, ""))),
    sums: [...sums.body.toString().matchAll(/ {2}(.+)/g)].map(([, name]) => name),
    names: names.map(([, name]) => name),
    saved: [urls, sums, metalink].map(({ headers }) => headers.get("content-disposition")),
  }).toEqual({
    urls: FILES.map(([path]) => path),
    sums: FILES.map(([path]) => path),
    names: FILES.map(([path]) =>
      `files/${path.replace("'", "&#39;").replace('"', "&#34;")}`
        .replace("<", "&#60;")
        .replace(">", "&#62;"),
    ),
    saved: ["files.txt", "SHA256SUMS", "files.meta4"].map(
      (name) => `attachment; filename="${name}"`,
    ),
  });
});

test("A prefix without a name has the checksums alone", async () => {
  const root = join(directory, "tree");
  const args = ["--host", "127.0.0.1", "--prefix", "/", "--no-seed", root];
  await using running = await startBinary(args);
  const sums = await untilReady("/SHA256SUMS", running);
  const sub = await get("/deep.txt", running.origin);
  const none = await get("/.txt", running.origin);
  const count = sums.body.toString().trim().split("\n").length;
  expect([sums.status, count, sub.status, none.status]).toEqual([200, 6, 200, 404]);
});

test("A condition, HEAD, and a folder that changes: each document is of one version", async () => {
  const name = "changing";
  write(name, [["a", Buffer.from("1")]]);
  const first = await untilReady(`/data/${name}/SHA256SUMS`);
  const etag = first.headers.get("etag") ?? "";
  const same = await get(`/data/${name}/SHA256SUMS`, server.origin, {
    headers: { "If-None-Match": etag },
  });
  const head = await get(`/data/${name}.txt`, server.origin, { method: "HEAD" });
  appendFileSync(join(directory, name, "a"), "2");
  settle(join(directory, name, "a"), 1_100_000_000);
  write(name, [["b", Buffer.from("3")]]);
  // The result of a walk is kept for a second.
  let second = first;
  while (second.body.equals(first.body)) second = await untilReady(`/data/${name}/SHA256SUMS`);
  const digest = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
  expect([
    first.body.toString(),
    same.status,
    head.headers.get("content-length"),
    second.body.toString(),
  ]).toEqual([
    `${digest("1")}  a\n`,
    304,
    String(`http://127.0.0.1:${server.port}/data/changing/a\n`.length),
    `${digest("12")}  a\n${digest("3")}  b\n`,
  ]);
});

/** Never outside the root, never a hang: names, links and special files, on the wire. */

import { expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { SymlinkPolicy } from "../files/locate.ts";
import { startBinary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { type Site, startSite, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const SECRET = "SECRET";

/** A root with a file and a directory, and beside it a secret with a name that begins like the root's. */
function startBeside(
  options: Parameters<typeof startSite>[0] = {},
): Site & { readonly outside: string } {
  const parent = temporaryDirectory();
  const root = join(parent, "root");
  mkdirSync(join(root, "sub"), { recursive: true });
  mkdirSync(join(parent, "root-beside"));
  writeFileSync(join(parent, "secret"), SECRET);
  writeFileSync(join(parent, "root-beside", "secret"), SECRET);
  writeFileSync(join(root, "file"), "FILE");
  writeFileSync(join(root, "sub", "file"), "SUB");
  const site = startSite(options, root);
  return {
    ...site,
    outside: parent,
    [Symbol.dispose]() {
      site[Symbol.dispose]();
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

const NO_FILE = "There is no such file here\n";
const NO_NAME = "The path has a name that no file can have\n";
const NO_TEXT = "The path is not percent-encoded UTF-8\n";

const TRAVERSALS: [string, number, string][] = [
  ["/data/../secret", 404, NO_FILE],
  ["/data/../../secret", 404, NO_FILE],
  ["/data/sub/../../secret", 404, NO_FILE],
  ["/data/sub/../file", 200, "FILE"],
  ["/data/%2e%2e/secret", 404, NO_FILE],
  ["/data/.%2e/secret", 404, NO_FILE],
  ["/data/%2e%2e%2fsecret", 400, NO_NAME],
  ["/data/..%2fsecret", 400, NO_NAME],
  ["/data/sub%2f..%2f..%2fsecret", 400, NO_NAME],
  ["/data/sub%2ffile", 400, NO_NAME],
  ["/data/..%5csecret", 404, NO_FILE],
  ["/data/..\\secret", 404, NO_FILE],
  ["/data/%252e%252e%252fsecret", 404, NO_FILE],
  ["/data/%c0%ae%c0%ae/secret", 400, NO_TEXT],
  ["/data/%c0%ae%c0%ae%c0%afsecret", 400, NO_TEXT],
  ["/data/%e0%80%ae/secret", 400, NO_TEXT],
  ["/data/%f0%80%80%ae/secret", 400, NO_TEXT],
  ["/data/%ff", 400, NO_TEXT],
  ["/data/%zz", 400, NO_TEXT],
  ["/data/%", 400, NO_TEXT],
  ["/data/%ed%a0%80", 400, NO_TEXT],
  ["/data/file%00", 400, NO_NAME],
  ["/data/file%00.txt", 400, NO_NAME],
  ["/data/%uff0e%uff0e/secret", 400, NO_TEXT],
  ["/data//file", 200, "FILE"],
  ["/data//../secret", 404, NO_FILE],
  ["/data/./file", 200, "FILE"],
  ["/data/....//secret", 404, NO_FILE],
  ["/data/..;/secret", 404, NO_FILE],
  ["/data/file/", 404, NO_FILE],
  ["/data/file/..%2f..%2fsecret", 400, NO_NAME],
  ["/data/file/x", 404, NO_FILE],
  ["/data/%20file", 404, NO_FILE],
  [`/data/${"a".repeat(256)}`, 404, NO_FILE],
  [`/data/${"a/".repeat(4000)}x`, 404, NO_FILE],
  ["/file", 404, NO_FILE],
  ["/datafile", 404, NO_FILE],
  ["/DATA/file", 404, NO_FILE],
  ["/etc/passwd", 404, NO_FILE],
  ["//etc/passwd", 404, NO_FILE],
  ["/data//etc/passwd", 404, NO_FILE],
  ["/data/file?../../secret", 200, "FILE"],
  ["/data/file#/../../secret", 200, "FILE"],
  ["/-/", 404, NO_FILE],
];

test.each(TRAVERSALS)("GET %s", async (target, status, body) => {
  using site = startBeside();
  const response = await ask(site.port, "GET", target);
  expect([response.status, response.body.toString()]).toEqual([status, body]);
});

test.each<[string, string, number, string]>([
  [
    "no Host, so the runtime hands it on as it is",
    "GET /data/../secret HTTP/1.0\r\n\r\n",
    404,
    NO_FILE,
  ],
  ["no Host, encoded", "GET /data/%2e%2e/%2e%2e/secret HTTP/1.0\r\n\r\n", 404, NO_FILE],
  ["no Host, two slashes", "GET //data/../secret HTTP/1.0\r\n\r\n", 404, NO_FILE],
  ["an absolute target", "GET http://x/data/../secret HTTP/1.1\r\nHost: x\r\n\r\n", 404, NO_FILE],
  [
    "an absolute target with another authority",
    "GET http://x:1@y/data/file HTTP/1.1\r\nHost: x\r\n\r\n",
    200,
    "FILE",
  ],
  ["a file URL", "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""],
  ["a relative target", "GET data/file HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""],
  ["bytes that are no UTF-8", "GET /data/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 404, NO_FILE],
])("A target with %s", async (_, request, status, body) => {
  using site = startBeside();
  using wire = await Wire.connect(site.port);
  wire.send(request);
  const response = await wire.response();
  expect([response.status, response.body.toString()]).toEqual([status, body]);
});

test("With the prefix / the root is still the end", async () => {
  using site = startBeside({ prefix: "/" });
  const seen = [];
  for (const target of [
    "/file",
    "/sub/../file",
    "/../secret",
    "//file",
    "/%2e%2e%2fsecret",
    "/..%5csecret",
  ]) {
    const { status, body } = await ask(site.port, "GET", target);
    seen.push([target, status, body.toString()]);
  }
  expect(seen).toEqual([
    ["/file", 200, "FILE"],
    ["/sub/../file", 200, "FILE"],
    ["/../secret", 404, NO_FILE],
    ["//file", 200, "FILE"],
    ["/%2e%2e%2fsecret", 400, NO_NAME],
    ["/..%5csecret", 404, NO_FILE],
  ]);
});

/** The status of each link, by the policy. */
test.each<[SymlinkPolicy, Record<string, number>]>([
  [
    "inside",
    {
      file: 200,
      "sub/": 200,
      chain: 200,
      absolute: 200,
      out: 404,
      "outdir/secret": 404,
      beside: 404,
      back: 200,
      loop: 404,
      dangling: 404,
      device: 404,
    },
  ],
  [
    "none",
    {
      file: 404,
      "sub/": 404,
      chain: 404,
      absolute: 404,
      out: 404,
      "outdir/secret": 404,
      beside: 404,
      back: 404,
      loop: 404,
      dangling: 404,
      device: 404,
    },
  ],
  [
    "all",
    {
      file: 200,
      "sub/": 200,
      chain: 200,
      absolute: 200,
      out: 200,
      "outdir/secret": 200,
      beside: 200,
      back: 200,
      loop: 404,
      dangling: 404,
      device: 404,
    },
  ],
])("Symbolic links, policy %s: answered and listed alike", async (symlinks, expected) => {
  using site = startBeside({ symlinks });
  const links = join(site.directory, "links");
  mkdirSync(links);
  const targets = {
    file: "../file",
    sub: "../sub",
    chain: "file",
    absolute: join(site.directory, "file"),
    out: "../../secret",
    outdir: "../../root-beside",
    beside: "../../root-beside/secret",
    back: "../../root/file",
    loop: "loop",
    dangling: "nothing",
    device: "/dev/zero",
  };
  for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(links, name));

  const seen: Record<string, number> = {};
  for (const name of Object.keys(expected)) {
    seen[name] = (await ask(site.port, "GET", `/data/links/${name}`)).status;
  }
  const listing = await ask(site.port, "GET", "/data/links/", { Accept: "application/json" });
  const listed = (JSON.parse(listing.body.toString()) as { name: string }[]).map(
    ({ name }) => name,
  );
  const served = Object.entries(expected).filter(([, status]) => status === 200);
  const names = served.map(([name]) => name.split("/")[0] ?? "");
  expect({ seen, listed: listed.sort() }).toEqual({ seen: expected, listed: names.sort() });
});

test("A link that is turned to the outside between two requests is seen by the second", async () => {
  using site = startBeside();
  const link = join(site.directory, "link");
  symlinkSync("file", link);
  const before = await ask(site.port, "GET", "/data/link");
  unlinkSync(link);
  symlinkSync("../secret", link);
  const after = await ask(site.port, "GET", "/data/link");
  expect([before.status, after.status]).toEqual([200, 404]);
});

test("A root that is a link may be turned to another tree", async () => {
  const parent = temporaryDirectory();
  for (const name of ["one", "two"]) {
    mkdirSync(join(parent, name));
    writeFileSync(join(parent, name, "file"), name);
  }
  symlinkSync("one", join(parent, "current"));
  using site = startSite({}, join(parent, "current"));
  const first = await ask(site.port, "GET", "/data/file");
  symlinkSync("two", join(parent, "next"));
  renameSync(join(parent, "next"), join(parent, "current"));
  const second = await ask(site.port, "GET", "/data/file");
  rmSync(parent, { recursive: true });
  expect([first.body.toString(), second.body.toString()]).toEqual(["one", "two"]);
});

test("A FIFO and a socket are not there, at once and in a listing", async () => {
  using site = startBeside();
  await run(["mkfifo", join(site.directory, "fifo")]);
  using _socket = Bun.listen({ unix: join(site.directory, "socket"), socket: { data() {} } });
  const seen = [];
  for (const target of ["/data/fifo", "/data/socket", "/data/fifo/", "/data/file"]) {
    seen.push((await ask(site.port, "GET", target)).status);
  }
  const listing = await ask(site.port, "GET", "/data/", { Accept: "application/json" });
  const names = (JSON.parse(listing.body.toString()) as { name: string }[]).map(({ name }) => name);
  expect({ seen, names }).toEqual({ seen: [404, 404, 404, 200], names: ["sub", "file"] });
});

test("Names that begin with a dot are neither served nor listed, unless asked for", async () => {
  const seen = [];
  for (const dotfiles of [false, true]) {
    using site = startBeside({ dotfiles });
    mkdirSync(join(site.directory, ".git"));
    writeFileSync(join(site.directory, ".git", "config"), "CONFIG");
    writeFileSync(join(site.directory, ".env"), "ENV");
    const statuses = [];
    for (const target of ["/data/.env", "/data/%2eenv", "/data/.git/", "/data/.git/config"]) {
      statuses.push((await ask(site.port, "GET", target)).status);
    }
    const listing = await ask(site.port, "GET", "/data/", { Accept: "application/json" });
    const names = (JSON.parse(listing.body.toString()) as { name: string }[]).map(
      ({ name }) => name,
    );
    seen.push([dotfiles, statuses, names]);
  }
  expect(seen).toEqual([
    [false, [404, 404, 404, 404], ["sub", "file"]],
    [true, [200, 200, 200, 200], [".git", "sub", ".env", "file"]],
  ]);
});

const ODD_NAMES = [
  "with space",
  " leading and trailing ",
  "100%",
  "%41",
  "a+b",
  "a#b",
  "a?b=c",
  "a&b;c",
  `quote"quote'`,
  "back\\slash",
  "colon:name",
  "<script>alert(1)<script>",
  "tab\tname",
  "line\nbreak",
  "ünïcödé",
  "文件.txt",
  "🙂",
  "e\u0301 decomposed",
  "~user",
  "a".repeat(255),
  "é".repeat(127),
  "-",
  "*",
  "[x]{y}|^`",
  "\u202ertl",
  "javascript:alert(1)",
];

test("Every odd name is listed, and its link in the page leads to it", async () => {
  using site = startSite();
  for (const name of ODD_NAMES) writeSettled(join(site.directory, name), name);
  const page = (await ask(site.port, "GET", "/data/")).body.toString();
  const json = await ask(site.port, "GET", "/data/", { Accept: "application/json" });
  const listed = (JSON.parse(json.body.toString()) as { name: string }[]).map(({ name }) => name);
  const bodies = [];
  for (const [, href = ""] of page.matchAll(/<td><a href="([^"]*)"/g)) {
    const { pathname } = new URL(href, "http://x/data/");
    bodies.push((await ask(site.port, "GET", pathname)).body.toString());
  }
  const sorted = ODD_NAMES.toSorted();
  expect({
    listed: listed.sort(),
    bodies: bodies.sort(),
    scripts: page.match(/<script[^>]*>/g)?.map((tag) => tag.replace(/[0-9a-f]{12}/, "HASH")),
  }).toEqual({
    listed: sorted,
    bodies: sorted,
    scripts: ['<script src="/-/page.HASH.js">', '<script src="/-/live.HASH.js" defer>'],
  });
});

testWith("setpriv")("What the process may not read is 403, and the process goes on", async () => {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "closed"), SECRET, { mode: 0 });
  writeFileSync(join(directory, "open"), "OPEN");
  mkdirSync(join(directory, "cellar"), { mode: 0 });
  mkdirSync(join(directory, "unlisted"), { mode: 0o311 });
  writeFileSync(join(directory, "unlisted", "file"), "FOUND");
  const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  await using server = await startBinary([directory], process.getuid?.() === 0 ? asNobody : []);
  const seen = [];
  for (const name of [
    "closed",
    "cellar/",
    "cellar/file",
    "cellar",
    "unlisted/",
    "unlisted/file",
    "open",
  ]) {
    const { status, body } = await ask(server.port, "GET", `/data/${name}`);
    seen.push([name, status, body.toString()]);
  }
  rmSync(directory, { recursive: true, force: true });
  expect(seen).toEqual([
    ["closed", 403, "This server may not read that\n"],
    ["cellar/", 403, "This server may not read that\n"],
    ["cellar/file", 403, "This server may not read that\n"],
    ["cellar", 403, "This server may not read that\n"],
    ["unlisted/", 403, "This server may not read that\n"],
    ["unlisted/file", 200, "FOUND"],
    ["open", 200, "OPEN"],
  ]);
});

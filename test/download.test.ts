/**
 * The programs that people download with, against the executable: wget, curl and
 * aria2c fetch, resume, revalidate and mirror, and every byte they save is compared.
 */

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Running, startBinary } from "./binary.ts";
import { type Ran, run, testWith } from "./clients.ts";
import {
  offsetBytes,
  settle,
  SETTLED,
  startSite,
  temporaryDirectory,
  writeSettled,
} from "./site.ts";

// Real processes and many megabytes take longer than a unit.
setDefaultTimeout(60_000);

/** 101 MB as in the founding example, and three bytes more so that nothing ends on a line. */
const LENGTH = 101_000_003;
const FILE = offsetBytes(LENGTH);

const top = temporaryDirectory();
const directory = join(top, "site");
let server: Running;
/** Of the large file. */
let url: string;

beforeAll(async () => {
  mkdirSync(directory);
  writeSettled(join(directory, "test.file"), FILE);
  server = await startBinary(["--host", "127.0.0.1", directory]);
  url = `${server.origin}/data/test.file`;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(top, { recursive: true, force: true });
});

/** An empty directory for one client to save into. */
function scratch(): string {
  return mkdtempSync(join(top, "client-"));
}

/** wget as nobody has configured it, printing header lines on stderr. */
function wget(...args: string[]): Promise<Ran> {
  return run(["wget", "--no-config", "--no-proxy", "-nv", "-S", ...args]);
}

/** curl as nobody has configured it, printing header lines on stdout and the body nowhere. */
function curl(...args: string[]): Promise<Ran> {
  return run(["curl", "-q", "-sS", "--noproxy", "*", "-D", "-", ...args]);
}

/** aria2c as nobody has configured it, saving the large file as `directory`/test.file. */
async function aria2c(into: string, ...args: string[]) {
  const log = join(into, "log");
  rmSync(log, { force: true });
  const options = ["--no-conf", "--all-proxy=", "--quiet", `--log=${log}`, "--log-level=info"];
  const { exitCode } = await run(["aria2c", ...options, "-d", into, ...args, url]);
  const text = readFileSync(log, "latin1");
  return {
    exitCode,
    statuses: [...new Set(answers(text).map((answer) => answer.slice(0, 3)))].sort(),
    ranges: [...text.matchAll(/^Range: bytes=(\d+)-/gm)].map((match) => Number(match[1])),
  };
}

/** Status and Content-Range of each answer whose header lines a client printed. */
function answers(printed: string): string[] {
  const lines = printed.replaceAll("\r", "");
  const heads = lines.matchAll(/^ *HTTP\/1\.[01] (\d{3}).*\n((?: *[\w-]+: .*\n)*)/gm);
  return Array.from(heads, ([, status = "", fields = ""]) => {
    const range = fieldOf(fields, "Content-Range");
    return range === undefined ? status : `${status} ${range}`;
  });
}

function fieldOf(printed: string, name: string): string | undefined {
  return new RegExp(`^ *${name}: (.*?)\\r?$`, "im").exec(printed)?.[1];
}

/** Where a saved file first differs from what it should be; undefined when it doesn't. */
function differsAt(path: string, wanted: Uint8Array): number | undefined {
  const saved = readFileSync(path);
  if (saved.equals(wanted)) return undefined;
  const at = saved.findIndex((byte, index) => byte !== wanted[index]);
  return at === -1 ? saved.length : at;
}

testWith("wget")("The founding example is answered as it was printed", async () => {
  const printed = (ran: Ran) => [
    ran.exitCode,
    /awaiting response\.\.\. (.*)/.exec(ran.stderr)?.[1],
    /saved \[(.*)\]/.exec(ran.stderr)?.[1],
  ];
  const example = ["wget", "-O", "/dev/null", url];
  const observed = [
    printed(await run([...example, "--head", "Range:bytes=0-10"])),
    printed(await run([...example, "--head", "Range:bytes=10000000000-100000009000"])),
    printed(await run(example)),
  ];
  expect(observed).toEqual([
    [0, "206 Partial Content", "11/11"],
    [0, "416 Range Not Satisfiable", undefined],
    [0, "200 OK", "101000003/101000003"],
  ]);
});

testWith("wget", "curl")("A download without a range is the whole file", async () => {
  const saved = join(scratch(), "saved");
  const observed = [];
  for (const ran of [() => wget("-O", saved, url), () => curl("-o", saved, url)]) {
    const { exitCode, stdout, stderr } = await ran();
    const printed = stdout + stderr;
    const length = fieldOf(printed, "Content-Length");
    observed.push([exitCode, answers(printed), length, differsAt(saved, FILE)]);
  }
  const whole = [0, ["200"], "101000003", undefined];
  expect(observed).toEqual([whole, whole]);
});

for (const [why, cut, answer] of [
  ["in the middle", 33_333_333, "206 bytes 33333333-101000002/101000003"],
  ["before its last byte", LENGTH - 1, "206 bytes 101000002-101000002/101000003"],
  ["not at all", LENGTH, "416 bytes */101000003"],
] as const) {
  testWith("wget", "curl")(`A download that was cut ${why} is resumed`, async () => {
    const into = scratch();
    const saved = join(into, "test.file");
    const observed: Record<string, unknown> = {};
    for (const [client, ran] of [
      ["wget -c", () => wget("-c", "-P", into, url)],
      ["curl -C -", () => curl("-C", "-", "-o", saved, url)],
    ] as const) {
      writeFileSync(saved, FILE.subarray(0, cut));
      const { exitCode, stdout, stderr } = await ran();
      observed[client] = [exitCode, answers(stdout + stderr), differsAt(saved, FILE)];
    }
    const resumed = [0, [answer], undefined];
    expect(observed).toEqual({ "wget -c": resumed, "curl -C -": resumed });
  });
}

for (const [range, answer, start, end] of [
  ["0-0", "206 bytes 0-0/101000003", 0, 1],
  ["0-10", "206 bytes 0-10/101000003", 0, 11],
  ["50000000-50999999", "206 bytes 50000000-50999999/101000003", 50_000_000, 51_000_000],
  ["100999990-", "206 bytes 100999990-101000002/101000003", 100_999_990, LENGTH],
  ["0-", "206 bytes 0-101000002/101000003", 0, LENGTH],
  ["-7", "206 bytes 100999996-101000002/101000003", 100_999_996, LENGTH],
  ["-99999999999999999999", "206 bytes 0-101000002/101000003", 0, LENGTH],
  [
    "100999999-99999999999999999999",
    "206 bytes 100999999-101000002/101000003",
    100_999_999,
    LENGTH,
  ],
] as const) {
  testWith("curl")(`curl -r ${range} gets its bytes`, async () => {
    const saved = join(scratch(), "saved");
    const { exitCode, stdout } = await curl("-r", range, "-o", saved, url);
    const differs = differsAt(saved, FILE.subarray(start, end));
    expect([exitCode, answers(stdout), differs]).toEqual([0, [answer], undefined]);
  });
}

/** The Content-Range of each part of a multipart body in order; throws where it isn't one. */
function readParts(path: string, mediaType = ""): string[] {
  const body = readFileSync(path);
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(mediaType)?.[1] ?? "";
  const head = /^\r\nContent-Type: application\/octet-stream\r\nContent-Range: (.*)\r\n\r\n/;
  const ranges: string[] = [];
  for (let at = `--${boundary}`.length, end = 0; ; at = end + `\r\n--${boundary}`.length) {
    const [whole = "", range = ""] = head.exec(body.toString("latin1", at, at + 200)) ?? [];
    if (whole === "") {
      if (body.toString("latin1", at) === "--\r\n") return ranges;
      throw new Error(`No part at ${at}`);
    }
    end = body.indexOf(`\r\n--${boundary}`, at + whole.length);
    const [, first, last] = /(\d+)-(\d+)/.exec(range) ?? [];
    const wanted = FILE.subarray(Number(first), Number(last) + 1);
    if (!body.subarray(at + whole.length, end).equals(wanted)) throw new Error(`Not ${range}`);
    ranges.push(range);
  }
}

for (const [range, ...wanted] of [
  [
    "0-1,5-6,-3",
    "bytes 0-1/101000003",
    "bytes 5-6/101000003",
    "bytes 101000000-101000002/101000003",
  ],
  // In the order asked, joined where they touch.
  ["900-999,0-99,100-199", "bytes 900-999/101000003", "bytes 0-199/101000003"],
  // Larger than what is read before the answer begins.
  ["99000001-,7-1999999", "bytes 99000001-101000002/101000003", "bytes 7-1999999/101000003"],
] as const) {
  testWith("curl")(`curl -r ${range} gets each of its ranges`, async () => {
    const saved = join(scratch(), "saved");
    const { exitCode, stdout } = await curl("-r", range, "-o", saved, url);
    const parts = readParts(saved, fieldOf(stdout, "Content-Type"));
    expect([exitCode, answers(stdout), parts]).toEqual([0, ["206"], wanted]);
  });
}

testWith("curl")("curl revalidates by entity tag", async () => {
  const into = scratch();
  const [tag, saved] = [join(into, "tag"), join(into, "saved")];
  const page = join(directory, "tagged.txt");
  const compare = async () => {
    const tags = ["--etag-compare", tag, "--etag-save", tag];
    const ran = await curl(...tags, "-o", saved, `${server.origin}/data/tagged.txt`);
    return [ran.exitCode, ...answers(ran.stdout), readFileSync(saved, "latin1")];
  };
  writeSettled(page, "one");
  const observed = [await compare(), await compare()];
  writeFileSync(page, "two");
  settle(page, SETTLED + 1);
  observed.push(await compare(), await compare());
  expect(observed).toEqual([
    [0, "200", "one"],
    [0, "304", "one"],
    [0, "200", "two"],
    [0, "304", "two"],
  ]);
});

testWith("curl")("curl -z revalidates by date", async () => {
  const stamped = join(scratch(), "stamped");
  writeSettled(stamped, "");
  const observed = [];
  for (const since of [
    stamped,
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sun, 09 Sep 2001 01:46:39 GMT",
    "-Sun, 09 Sep 2001 01:46:40 GMT",
    "-Sun, 09 Sep 2001 01:46:39 GMT",
  ]) {
    const { stdout } = await curl("-r", "0-10", "-z", since, "-o", "/dev/null", url);
    observed.push(...answers(stdout));
  }
  const window = "206 bytes 0-10/101000003";
  // With a minus sign in front curl asks for what has not changed since.
  expect(observed).toEqual(["304", "304", window, window, "412"]);
});

testWith("curl")("If-Range decides between the rest and the whole", async () => {
  const tag = fieldOf((await curl("-I", url)).stdout, "ETag") ?? "";
  const observed: Record<string, string[]> = {};
  for (const [why, value] of [
    ["current tag", tag],
    ["stale tag", '"stale"'],
    ["current tag, weak", `W/${tag}`],
    ["current date", "Sun, 09 Sep 2001 01:46:40 GMT"],
    ["stale date", "Sun, 09 Sep 2001 01:46:39 GMT"],
  ] as const) {
    const condition = ["-H", `If-Range: ${value}`];
    const { stdout } = await curl(...condition, "-r", "7-", "-o", "/dev/null", url);
    observed[why] = [...answers(stdout), fieldOf(stdout, "Content-Length") ?? ""];
  }
  const rest = ["206 bytes 7-101000002/101000003", "100999996"];
  const whole = ["200", "101000003"];
  expect(observed).toEqual({
    "current tag": rest,
    "stale tag": whole,
    "current tag, weak": whole,
    "current date": rest,
    "stale date": whole,
  });
});

testWith("aria2c")("aria2c gets the file over sixteen connections", async () => {
  const into = scratch();
  const { exitCode, statuses, ranges } = await aria2c(into, "-x16", "-s16", "-k1M");
  const differs = differsAt(join(into, "test.file"), FILE);
  // The first connection asks for the whole and takes its first part.
  expect([exitCode, statuses, ranges.length >= 15, differs]).toEqual([
    0,
    ["200", "206"],
    true,
    undefined,
  ]);
});

testWith("aria2c")("aria2c goes on with a download that was ended", async () => {
  const into = scratch();
  const limits = ["--stop=1", "--max-overall-download-limit=30M"];
  const half = await aria2c(into, "-x4", "-s4", "-k1M", ...limits);
  const control = readdirSync(into).includes("test.file.aria2");
  const rest = await aria2c(into, "-x4", "-s4", "-k1M");
  const differs = differsAt(join(into, "test.file"), FILE);
  // 7: unfinished downloads are left.
  expect([half.exitCode, control, rest.exitCode, rest.ranges.includes(0), differs]).toEqual([
    7,
    true,
    0,
    false,
    undefined,
  ]);
});

testWith("aria2c")("aria2c --continue goes on from where a file ends", async () => {
  const into = scratch();
  const saved = join(into, "test.file");
  writeFileSync(saved, FILE);
  truncateSync(saved, 33_333_333);
  const { exitCode, statuses, ranges } = await aria2c(into, "--continue", "-s1");
  // It asks from the last whole block of 16 KiB that it has.
  expect([exitCode, statuses, ranges, differsAt(saved, FILE)]).toEqual([
    0,
    ["200", "206"],
    [33_325_056],
    undefined,
  ]);
});

testWith("aria2c")("aria2c --conditional-get downloads nothing that it has", async () => {
  const into = scratch();
  const saved = join(into, "test.file");
  writeSettled(saved, "what it has");
  const observed = await aria2c(into, "--conditional-get", "--allow-overwrite");
  expect([observed, readFileSync(saved, "latin1")]).toEqual([
    { exitCode: 0, statuses: ["304"], ranges: [] },
    "what it has",
  ]);
});

/** Names that a link, a query or a file name can be broken by. */
const NAMES = [
  "plain.txt",
  "two words.txt",
  " leading and trailing ",
  "100%.txt",
  "%41.txt",
  "a+b.txt",
  "sharp#1.txt",
  "why?.txt",
  "what?x=1&y=2.txt",
  `it's "quoted".txt`,
  "rock & roll.txt",
  "&amp;.txt",
  "a<b>.txt",
  "[br]{ack}|et^.txt",
  ";semi=colon:@.txt",
  "http:colon.txt",
  "back\\slash.txt",
  "new\nline.txt",
  "café.txt",
  "cafe\u0301.txt",
  "日本語 😀.txt",
  "-dash",
  "~tilde",
  "empty",
  "x".repeat(200),
  "a/b/c/d/deep.bin",
  "ünï ? #/ço∂é/100%/inside.bin",
];

/** Every file below `path` but listings: its length and digest by name. */
function describeTree(path: string): Record<string, string> {
  const files = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => basename(name) !== "index.html" && statSync(join(path, name)).isFile())
    .sort();
  return Object.fromEntries(
    files.map((name) => {
      const bytes = readFileSync(join(path, name));
      return [name, `${bytes.length} ${Bun.CryptoHasher.hash("sha256", bytes, "hex")}`];
    }),
  );
}

testWith("wget")("wget -r mirrors a tree of odd names by its listings", async () => {
  const tree = join(directory, "tree");
  for (const [index, name] of NAMES.entries()) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    // Small and large, each its own.
    const length = name === "empty" ? 0 : 1 + index * 30_000;
    writeFileSync(join(tree, name), offsetBytes(length, String(index % 10)));
  }
  const into = scratch();
  const names = ["-nH", "--cut-dirs=2", "--restrict-file-names=nocontrol", "--no-iri"];
  const ran = await wget("-r", "-np", ...names, "-P", into, `${server.origin}/data/tree/`);
  // wget decodes what it saves once more: %2541 in a link, %41 in the name, A on its disk.
  const original = Object.entries(describeTree(tree)).map(
    ([name, content]) => [name === "%41.txt" ? "A.txt" : name, content] as const,
  );
  const wrong = answers(ran.stderr).filter((answer) => answer !== "200");
  // It asks for /robots.txt, which there is none of.
  expect([wrong, describeTree(into)]).toEqual([["404"], Object.fromEntries(original)]);
});

testWith("wget")("wget -r takes each listing and each file once, and nothing else", async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "sub"));
  for (const name of ["a.bin", "b.md", "sub/c.bin"]) writeFileSync(join(directory, name), name);
  using site = startSite({}, directory);
  const asked: string[] = [];
  site.served.transfers.observe({ ended: ({ target }) => void asked.push(target) });
  await wget("-r", "-np", "-P", scratch(), `${site.origin}/data/`);
  expect(asked.toSorted()).toEqual([
    ...["/data/", "/data/a.bin", "/data/b.md", "/data/sub/", "/data/sub/c.bin", "/robots.txt"],
  ]);
});

testWith("curl", "wget")("?download is saved under the file's own name", async () => {
  const names = ["plain 1.txt", `it's "quoted" 100%.txt`, "café.txt"];
  for (const name of names) writeFileSync(join(directory, name), name);
  const urls = names.map((name) => `${server.origin}/data/${encodeURIComponent(name)}?download`);
  const [byCurl, byWget] = [scratch(), scratch()];
  const saved = (into: string) =>
    readdirSync(into)
      .sort()
      .map((name) => [name, readFileSync(join(into, name), "utf8")]);
  const curls = ["curl", "-q", "-sS", "--noproxy", "*", ...urls.flatMap((one) => ["-OJ", one])];
  const naming = ["--content-disposition", "--restrict-file-names=nocontrol"];
  const exitCodes = [
    (await run(curls, byCurl)).exitCode,
    (await wget(...naming, "-P", byWget, ...urls)).exitCode,
  ];
  expect([exitCodes, saved(byCurl), saved(byWget)]).toEqual([
    [0, 0],
    // curl reads the plain form alone, wget the exact one.
    [
      ["caf_.txt", "café.txt"],
      ["it's _quoted_ 100_.txt", `it's "quoted" 100%.txt`],
      ["plain 1.txt", "plain 1.txt"],
    ],
    [
      ["café.txt", "café.txt"],
      [`it's "quoted" 100%.txt`, `it's "quoted" 100%.txt`],
      ["plain 1.txt", "plain 1.txt"],
    ],
  ]);
});

for (const [why, fields] of [
  ["with a Host", []],
  ["without a Host", ["-H", "Host:"]],
] as const) {
  testWith("curl")(`HTTP/1.0 ${why} gets the same bytes, never chunked`, async () => {
    const saved = join(scratch(), "saved");
    const observed = [];
    for (const [range, start, end] of [
      [[], 0, LENGTH],
      [["-r", "5-99"], 5, 100],
      [["-r", "5-999999"], 5, 1_000_000],
    ] as const) {
      const { stdout } = await curl("-0", ...fields, ...range, "-o", saved, url);
      const chunked = fieldOf(stdout, "Transfer-Encoding");
      observed.push([...answers(stdout), chunked, differsAt(saved, FILE.subarray(start, end))]);
    }
    const several = ["-r", "1-299999,400000-699999"];
    const { stdout } = await curl("-0", ...fields, ...several, "-o", saved, url);
    const parts = readParts(saved, fieldOf(stdout, "Content-Type"));
    observed.push([...answers(stdout), fieldOf(stdout, "Transfer-Encoding"), ...parts]);
    expect(observed).toEqual([
      ["200", undefined, undefined],
      ["206 bytes 5-99/101000003", undefined, undefined],
      ["206 bytes 5-999999/101000003", undefined, undefined],
      ["206", undefined, "bytes 1-299999/101000003", "bytes 400000-699999/101000003"],
    ]);
  });
}

testWith("curl")("No target leads out of the directory", async () => {
  writeFileSync(join(top, "secret.txt"), "SECRET");
  const wanted: Record<string, string> = {
    "/data/../secret.txt": "404",
    "/data/../../secret.txt": "404",
    "/data/test.file/../../secret.txt": "404",
    "/data/./../secret.txt": "404",
    "/data/%2e%2e/secret.txt": "404",
    "/data/.%2E/secret.txt": "404",
    "/data/%252e%252e/secret.txt": "404",
    "/data/..%2fsecret.txt": "400",
    "/data/%2e%2e%2fsecret.txt": "400",
    "/data/..%5csecret.txt": "404",
    "/data/..\\secret.txt": "404",
    "/data/..;/secret.txt": "404",
    "/data//../secret.txt": "404",
    "/data//secret.txt": "404",
    "/data/%c0%ae%c0%ae/secret.txt": "400",
    "/data/%ff": "400",
    "/data/%": "400",
    "/data/test.file%00.txt": "400",
    "/data/%00": "400",
    "/secret.txt": "404",
    "/../secret.txt": "404",
  };
  const observed: Record<string, string> = {};
  for (const target of Object.keys(wanted)) {
    const options = ["-q", "-sS", "--noproxy", "*", "--path-as-is", "-w", "\n%{http_code}"];
    const { stdout } = await run(["curl", ...options, server.origin + target]);
    observed[target] = stdout.includes("SECRET") ? stdout : (stdout.split("\n").at(-1) ?? "");
  }
  expect(observed).toEqual(wanted);
});

/**
 * Strangers at a server where not everybody may read: paths and links that are nearly
 * right, credentials that are huge, and passwords that are guessed.
 */

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseKeys } from "../../access/keys.ts";
import { signUrl } from "../../access/link.ts";
import { type Running, startBinary } from "../binary.ts";
import { offsetBytes, temporaryDirectory, writeSettled } from "../site.ts";
import { ask, Wire } from "../wire.ts";
import { processorSeconds, UNHARMED, withstand } from "./withstand.ts";

setDefaultTimeout(120_000);

const KEYS = parseKeys("a key of 32 bytes, which is the least");
const directory = temporaryDirectory();
const secrets = temporaryDirectory();
const keyFile = join(secrets, "keys");
const basicFile = join(secrets, "htpasswd");
let links: Running;
let passwords: Running;

beforeAll(async () => {
  for (const name of ["a", "ab", "b"]) writeSettled(join(directory, name), `<${name}>`);
  writeSettled(join(directory, "large"), offsetBytes(1024 * 1024));
  mkdirSync(join(directory, "d"));
  writeSettled(join(directory, "d", "x"), "<x>");
  writeFileSync(keyFile, "a key of 32 bytes, which is the least\n", { mode: 0o600 });
  // As slow as htpasswd -B -C 10 makes them.
  const hash = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 10 });
  writeFileSync(basicFile, `ann:${hash}\n`, { mode: 0o600 });
  const common = ["--no-seed", "--host", "127.0.0.1"];
  links = await startBinary([...common, "--key-file", keyFile, directory]);
  passwords = await startBinary([
    ...common,
    "--basic-file",
    basicFile,
    "--key-file",
    keyFile,
    directory,
  ]);
});

afterAll(async () => {
  await links[Symbol.asyncDispose]();
  await passwords[Symbol.asyncDispose]();
});

/** The parameters of a link, for two minutes. */
function query(path: string, isPrefix = false): string {
  const expires = Math.floor(Date.now() / 1000) + 120;
  return new URL(signUrl(KEYS, `http://h${path}`, { expires }, isPrefix)).search;
}

/** An answer in few words: its status, and the file that it is of. */
async function seen(target: string, method = "GET", fields: Record<string, string> = {}) {
  const { status, body } = await ask(links.port, method, target, fields);
  return `${status} ${/<.*>/.exec(body.toString())?.[0] ?? ""}`.trim();
}

describe("A link opens no other path", () => {
  test.each<[string, () => string, string]>([
    ["its own", () => `/data/a${query("/data/a")}`, "200 <a>"],
    ["its own, escaped", () => `/data/%61${query("/data/a")}`, "200 <a>"],
    ["its own over another name", () => `/data/b/../a${query("/data/a")}`, "200 <a>"],
    ["its own, absolute", () => `http://elsewhere/data/a${query("/data/a")}`, "200 <a>"],
    ["a name that begins like it", () => `/data/ab${query("/data/a")}`, "403"],
    ["a name that it begins like", () => `/data/a${query("/data/ab")}`, "403"],
    ["below it, and up again", () => `/data/a/../b${query("/data/a")}`, "403"],
    ["up again, escaped", () => `/data/a/%2e%2e/b${query("/data/a")}`, "403"],
    ["up again, escaped twice", () => `/data/a/%252e%252e/b${query("/data/a")}`, "403"],
    ["a path with a parameter", () => `/data/a;b${query("/data/a")}`, "403"],
    ["an encoded slash", () => `/data%2fa${query("/data/a")}`, "404"],
    ["an encoded slash in a name", () => `/data/d%2fx${query("/data/d/x")}`, "400"],
    ["an encoded end", () => `/data/a%00${query("/data/a")}`, "400"],
    ["an encoded question mark", () => `/data/a%3f${query("/data/a").slice(1)}`, "403"],
    ["behind a fragment", () => `/data/a#${query("/data/a")}`, "403"],
    ["a folder's file", () => `/data/d/x${query("/data/d/", true)}`, "200 <x>"],
    ["out of the folder", () => `/data/d/../a${query("/data/d/", true)}`, "403"],
    ["out of the folder, escaped", () => `/data/d/%2e%2e/a${query("/data/d/", true)}`, "403"],
    ["out of the folder by ..;", () => `/data/d/..;/a${query("/data/d/", true)}`, "404"],
    ["a folder's link, as a file's", () => `/data/a${query("/data/a/", true)}`, "200 <a>"],
    ["the folder itself, not as a prefix", () => `/data/d/x${query("/data/d/")}`, "403"],
    [
      "two links, each for another file",
      () => `/data/a${query("/data/b")}&${query("/data/a").slice(1)}`,
      "403",
    ],
    ["the tracker", () => `/-/announce${query("/data/a")}`, "200"],
    ["other things of the server", () => `/-/other${query("/data/a")}`, "404"],
  ])("%s", async (_why, target, expected) => {
    expect(await seen(target())).toBe(expected);
  });
});

test.each<[string, string, Record<string, string>, string]>([
  ["HEAD", "HEAD", {}, "200"],
  ["OPTIONS", "OPTIONS", {}, "204"],
  ["POST", "POST", {}, "403"],
  ["PUT", "PUT", {}, "403"],
  ["another method named in a field", "GET", { "X-HTTP-Method-Override": "DELETE" }, "200 <a>"],
  ["any Host", "GET", { Host: "elsewhere.example:1" }, "200 <a>"],
  ["several ranges", "GET", { Range: "bytes=0-0,2-2" }, "206"],
  ["another path named in a field", "GET", { "X-Original-URL": "/data/b" }, "200 <a>"],
])("A link for reading, with %s", async (_why, method, fields, expected) => {
  expect(await seen(`/data/a${query("/data/a")}`, method, fields)).toBe(expected);
});

test("A window is kept, whatever the Range says", async () => {
  const expires = Math.floor(Date.now() / 1000) + 120;
  const window = { first: 1, last: 2 };
  const { search } = new URL(signUrl(KEYS, "http://h/data/a", { expires, window }));
  const ranges = [
    "bytes=1-2",
    "bytes=1-1",
    "bytes=0-2",
    "bytes=1-",
    "bytes=-2",
    "bytes=1-1,2-2",
    "bytes=1-2,",
    "lines=1-2",
    "x",
  ];
  const statuses: number[] = [];
  for (const Range of ranges) {
    statuses.push((await ask(links.port, "GET", `/data/a${search}`, { Range })).status);
  }
  const more: Record<string, string>[] = [{}, { Range: "bytes=1-2", "If-Range": '"old"' }];
  for (const fields of more) {
    statuses.push((await ask(links.port, "GET", `/data/a${search}`, fields)).status);
  }
  expect(statuses).toEqual([206, 206, 403, 403, 403, 403, 206, 403, 403, 403, 403]);
});

test("A window is of a file: neither listings nor documents are sent by it", async () => {
  const expires = Math.floor(Date.now() / 1000) + 120;
  const window = { first: 0, last: 1 };
  const statuses: number[] = [];
  for (const path of ["/data/d/", "/data/d", "/data/a.magnet", "/data/none", "/data/a"]) {
    const { search } = new URL(signUrl(KEYS, `http://h${path}`, { expires, window }));
    const answer = await ask(links.port, "GET", path + search, { Range: "bytes=0-1" });
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 206]);
});

test("Whatever is wrong with a link, the answer is the same", async () => {
  const good = query("/data/a");
  const bad = [
    "",
    "?",
    query("/data/b"),
    good.replace(/Expires=\d+/, "Expires=1"),
    good.replace(/Expires=\d+/, "Expires=-1"),
    good.replace(/Expires=\d+&/, ""),
    good.slice(0, -1),
    `${good}x`,
    good.replace("v1.f", "v1.d1"),
    good.replace("v1", "v0"),
    good.replace(/\.[^.]*$/, `.${"A".repeat(43)}`),
    `${good}&Signature=${"A".repeat(6000)}`,
    `${good}${"&x".repeat(3000)}&Expires=1`,
    "?Expires[]=1&Signature[]=1",
    "?Expires=%00&Signature=%ff",
  ];
  const answers = new Set<string>();
  for (const search of bad) {
    const { status, fields, body } = await ask(links.port, "GET", `/data/a${search}`);
    const { date: _, ...others } = fields;
    answers.add(JSON.stringify([status, others, body.toString()]));
  }
  const [answer = ""] = answers;
  expect({ count: answers.size, answer: JSON.parse(answer) as unknown }).toEqual({
    count: 1,
    answer: [
      403,
      {
        "cache-control": "no-store",
        "content-length": "24",
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
      },
      "This needs a valid link\n",
    ],
  });
});

describe("Credentials", () => {
  const long = "A".repeat(8000);
  test.each<[string, string, number]>([
    ["8 KB of them", `Basic ${long}`, 401],
    ["a token of 8 KB", `Bearer ${long}`, 401],
    ["a scheme of 8 KB", long, 401],
    ["nothing", "", 401],
    ["no more than a scheme", "Basic", 401],
    ["no base64", "Basic ====", 401],
    ["no UTF-8", "Basic /zo=", 401],
    ["no colon", `Basic ${btoa("ann")}`, 401],
    ["no password", `Basic ${btoa("ann:")}`, 401],
    ["the hash for a password", `Basic ${btoa("ann:$2b$10$")}`, 401],
    ["a name of an object's own", `Basic ${btoa("__proto__:constructor")}`, 401],
    ["two of them", `Basic ${btoa("ann:secret")}, Basic ${btoa("ann:x")}`, 401],
    ["the right ones", `basic ${btoa("ann:secret")}`, 200],
  ])("%s", async (_why, Authorization, status) => {
    expect((await ask(passwords.port, "GET", "/data/a", { Authorization })).status).toBe(status);
  });
});

test("A thousand guesses from one client cost eleven hashes; all others are answered at once", async () => {
  const path = `a${query("/data/a")}`;
  const { pid } = passwords.process;
  const statuses = new Map<number, number>();
  let seconds = 0;
  const after = await withstand(passwords, path, async () => {
    const began = processorSeconds(pid);
    const guesses = Array.from({ length: 1000 }, async (_, n) => {
      using wire = await Wire.connect(passwords.port, "127.0.0.1", "127.0.0.9");
      const Authorization = `Basic ${btoa(`ann:guess ${n}`)}`;
      wire.request("GET", "/data/a", { Authorization });
      const { status } = await wire.response();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    });
    await Promise.all(guesses);
    seconds = processorSeconds(pid) - began;
  });
  expect({ after, statuses: Object.fromEntries(statuses), bounded: seconds < 4 }).toEqual({
    after: UNHARMED,
    statuses: { 401: 10, 429: 990 },
    bounded: true,
  });
});

test("Guesses from many clients fill the queue, and those who are known go on", async () => {
  const path = `a${query("/data/a")}`;
  const known = { Authorization: `Basic ${btoa("ann:secret")}` };
  await ask(passwords.port, "GET", "/data/a", known);
  const statuses = new Map<number, number>();
  const admitted: number[] = [];
  const after = await withstand(passwords, path, async () => {
    const guesses = Array.from({ length: 200 }, async (_, n) => {
      using wire = await Wire.connect(passwords.port, "127.0.0.1", `127.0.1.${n + 1}`);
      wire.request("GET", "/data/a", { Authorization: `Basic ${btoa(`user ${n}:x`)}` });
      const { status, fields } = await wire.response();
      const key = status === 503 ? Number(`503${fields["retry-after"]}`) : status;
      statuses.set(key, (statuses.get(key) ?? 0) + 1);
    });
    for (let n = 0; n < 20; n++) {
      admitted.push((await ask(passwords.port, "GET", "/data/a", known)).status);
    }
    await Promise.all(guesses);
  });
  const refused = statuses.get(401) ?? 0;
  expect({
    after,
    admitted: [...new Set(admitted)],
    sum: refused + (statuses.get(5032) ?? 0),
    bounded: refused >= 33 && refused < 100,
  }).toEqual({ after: UNHARMED, admitted: [200], sum: 200, bounded: true });
});

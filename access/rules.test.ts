import { describe, expect, test } from "bun:test";
import type { Terms } from "../http/pass.ts";
import { BegunTable, GRACE, LONGEST_PAUSE } from "./begun.ts";
import type { Keys } from "./keys.ts";
import { signUrl } from "./link.ts";
import { Passwords } from "./passwords.ts";
import { Rules, type Ways } from "./rules.ts";
import { Tokens } from "./tokens.ts";
import type { Verdict } from "./verdict.ts";

const KEYS: Keys = [Buffer.from("a key of at least 32 bytes, as it must be")];
const EXPIRES = 2_000_000_000;
const BEFORE = EXPIRES * 1000 - 1;
const HASH = `$2y$05$${"a".repeat(53)}`;
const ALL: Ways = {
  tokens: new Tokens("ci token"),
  passwords: new Passwords(`ann:${HASH}`, { verify: async (password) => password === "right" }),
  keys: KEYS,
};
const LINKS: Ways = { tokens: undefined, passwords: undefined, keys: KEYS };
const FAR = "10.0.0.9";

interface Asked {
  readonly method?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly client?: string;
  readonly now?: number;
}

function rulesOf(ways: Ways, prefix = "/data/", begun = new BegunTable()): Rules {
  const aboutOf = (segments: readonly string[]) => {
    const [, name] = /^(.+)\.torrent$/.exec(segments.at(-1) ?? "") ?? [];
    return name === undefined ? undefined : [...segments.slice(0, -1), name];
  };
  return new Rules({ ...ways, prefix, begun, aboutOf });
}

async function judge(rules: Rules, path: string, asked: Asked = {}): Promise<Verdict> {
  const { method = "GET", fields = {}, client = FAR, now = BEFORE } = asked;
  const lookup = { get: (name: string) => fields[name] ?? null };
  return await rules.judge({ method, url: `http://h${path}`, fields: lookup, client, now });
}

/** A verdict in few words. */
function said(verdict: Verdict): string {
  if (verdict.kind === "open") return "open";
  if (verdict.kind === "refused") return String(verdict.plan.status);
  const { name, hasCredentials, terms, query, reach } = verdict.pass;
  return [
    hasCredentials ? `credentials of ${name}` : query === "" ? "bare" : "link",
    ...(terms === undefined ? [] : ["signs"]),
    ...(reach === "documents" ? ["no files"] : []),
    ...(reach === "file" ? ["a file"] : []),
  ].join(", ");
}

function basic(user: string, password: string): Asked {
  return { fields: { authorization: `Basic ${btoa(`${user}:${password}`)}` } };
}

function bearer(token: string): Asked {
  return { fields: { authorization: `Bearer ${token}` } };
}

function signed(path: string, terms: Partial<Terms> = {}, isPrefix = false): string {
  return signUrl(KEYS, `http://h${path}`, { expires: EXPIRES, ...terms }, isPrefix).slice(8);
}

/** The parameters of one link behind another path. */
function moved(path: string, link: string): string {
  return path + link.slice(link.indexOf("?"));
}

const FILE = signed("/data/a");
const FOLDER = signed("/data/d/", {}, true);
const HERE = { client: "127.0.0.1" };
const PROXIED = { client: "::1", fields: { "x-forwarded-for": "10.0.0.9" } };

describe("With all ways open", () => {
  test.each<[string, string, Asked, string]>([
    ["nothing", "/data/a", {}, "401"],
    ["nothing for the prefix", "/data/", {}, "401"],
    ["nothing for the prefix without its slash", "/data", {}, "401"],
    ["nothing, by OPTIONS", "/data/a", { method: "OPTIONS" }, "401"],
    ["a token", "/data/a", bearer("token"), "credentials of ci, signs"],
    [
      "a token, by any method",
      "/data/a",
      { ...bearer("token"), method: "PUT" },
      "credentials of ci, signs",
    ],
    ["a wrong token", "/data/a", bearer("tokem"), "401"],
    ["another scheme", "/data/a", { fields: { authorization: "Digest x" } }, "401"],
    ["two fields", "/data/a", { fields: { authorization: "Bearer token, Bearer x" } }, "401"],
    ["a password", "/data/a", basic("ann", "right"), "credentials of ann, signs"],
    ["a password again", "/data/a", basic("ann", "right"), "credentials of ann, signs"],
    ["a wrong password", "/data/a", basic("ann", "wrong"), "401"],
    ["a password of nobody", "/data/a", basic("bob", "right"), "401"],
    ["a link", FILE, {}, "link, signs"],
    ["a link, by HEAD", FILE, { method: "HEAD" }, "link, signs"],
    ["a link, by POST", FILE, { method: "POST" }, "401"],
    ["a link and a wrong token", FILE, bearer("x"), "link, signs"],
    ["a bad link and a token", moved("/data/b", FILE), bearer("token"), "credentials of ci, signs"],
    [
      "a link to a file and a token, for its torrent",
      moved("/data/a.torrent", FILE),
      bearer("token"),
      "credentials of ci, signs",
    ],
    [
      "a link to a file and a wrong token, for its torrent",
      moved("/data/a.torrent", FILE),
      bearer("x"),
      "link, signs, no files",
    ],
    [
      "a link to a file and a password, for its torrent",
      moved("/data/a.torrent", FILE),
      basic("ann", "right"),
      "credentials of ann, signs",
    ],
    ["a link for another file", moved("/data/b", FILE), {}, "401"],
    ["a folder's link for a file", moved("/data/d/x", FOLDER), {}, "link, signs"],
    ["the root, which leads to the prefix", "/", {}, "open"],
    ["what is nowhere", "/other/a", {}, "open"],
    ["a document about all, beside the prefix", "/data.torrent", {}, "401"],
    ["a document about something else there", "/other.torrent", {}, "open"],
    ["a path that no file can have", "/data/%2f", {}, "open"],
    ["health", "/-/healthy", {}, "open"],
    ["readiness", "/-/ready", {}, "open"],
    ["metrics, from afar", "/-/metrics", {}, "401"],
    ["metrics, with a token", "/-/metrics", bearer("token"), "credentials of ci, signs"],
    ["metrics, from this machine", "/-/metrics", HERE, "open"],
    ["the style of pages", "/-/page.0123456789ab.css", {}, "open"],
    ["what else may be there, from afar", "/-/other", {}, "401"],
    ["metrics, through a proxy on this machine", "/-/metrics", PROXIED, "401"],
    ["a file, from this machine", "/data/a", HERE, "401"],
    ["the tracker", "/-/announce?info_hash=x", {}, "bare, no files"],
    ["the tracker, with a token", "/-/announce", bearer("token"), "credentials of ci, signs"],
    ["the tracker, with a wrong password", "/-/scrape", basic("ann", "x"), "bare, no files"],
  ])("%s", async (_why, path, asked, expected) => {
    expect(said(await judge(rulesOf(ALL), path, asked))).toBe(expected);
  });
});

describe("With links alone", () => {
  const windowed = signed("/data/a", { window: { first: 10, last: 19 } });
  const bound = signed("/data/a", { client: FAR });
  const range = (value: string, others = {}): Asked => ({ fields: { range: value, ...others } });
  test.each<[string, string, Asked, string]>([
    ["nothing", "/data/a", {}, "403"],
    ["a token", "/data/a", bearer("token"), "403"],
    ["a password", "/data/a", basic("ann", "right"), "403"],
    ["a link", FILE, {}, "link, signs"],
    ["a link with any Range", FILE, range("bytes=-5"), "link, signs"],
    [
      "a link to a file, for its torrent",
      moved("/data/a.torrent", FILE),
      {},
      "link, signs, no files",
    ],
    ["a link to the torrent, for the file", moved("/data/a", signed("/data/a.torrent")), {}, "403"],
    [
      "a link to a folder, for its torrent",
      moved("/data/d.torrent", FOLDER),
      {},
      "link, signs, no files",
    ],
    [
      "a link to a folder, for a torrent in it",
      moved("/data/d/x.torrent", FOLDER),
      {},
      "link, signs",
    ],
    [
      "a link to a listing, for the folder's torrent",
      moved("/data/d.torrent", signed("/data/d/")),
      {},
      "403",
    ],
    ["a client's link", bound, {}, "link, signs"],
    ["a client's link, its address mapped", bound, { client: `::ffff:${FAR}` }, "link, signs"],
    ["a client's link from elsewhere", bound, { client: "10.0.0.8" }, "403"],
    ["a client's link from a client that is gone", bound, { client: "" }, "403"],
    ["a window", windowed, range("bytes=10-19"), "bare, a file"],
    ["a part of a window", windowed, range("bytes=12-12"), "bare, a file"],
    ["a window, by HEAD", windowed, { method: "HEAD" }, "bare, a file"],
    ["a window without Range", windowed, {}, "403"],
    ["a byte before the window", windowed, range("bytes=9-19"), "403"],
    ["a byte behind the window", windowed, range("bytes=10-20"), "403"],
    ["a window and all behind it", windowed, range("bytes=10-"), "403"],
    ["a window counted from the end", windowed, range("bytes=-1"), "403"],
    ["a window twice", windowed, range("bytes=10-12,14-19"), "403"],
    ["a window of another unit", windowed, range("items=10-19"), "403"],
    ["a window that is malformed", windowed, range("bytes=19-10"), "403"],
    ["a window with If-Range", windowed, range("bytes=10-19", { "if-range": '"x"' }), "403"],
    ["a window, for a document", moved("/data/a.torrent", windowed), range("bytes=10-19"), "403"],
    [
      "a window of a listing",
      signed("/data/d/", { window: { first: 0, last: 9 } }),
      range("bytes=0-9"),
      "bare, a file",
    ],
    [
      "a window of a document",
      signed("/data/a.torrent", { window: { first: 0, last: 9 } }),
      range("bytes=0-9"),
      "bare, a file",
    ],
    ["metrics", "/-/metrics", {}, "403"],
    ["metrics, by a link", signed("/-/metrics"), {}, "link, signs"],
  ])("%s", async (_why, path, asked, expected) => {
    expect(said(await judge(rulesOf(LINKS), path, asked))).toBe(expected);
  });
});

describe("A link in a cookie", () => {
  const cookie = (path: string, isPrefix = false) =>
    `rangesrv-link=${signed(path, {}, isPrefix).replace(/.*\?/, "")}`;
  const folder = cookie("/data/d/", true);
  test.each<[string, string, string, string]>([
    ["for its folder", "/data/d/", folder, "bare, signs"],
    ["for a file in it", "/data/d/x", folder, "bare, signs"],
    ["for its torrent", "/data/d.torrent", folder, "bare, signs, no files"],
    ["among others", "/data/d/x", `a=b; ${cookie("/data/e/", true)}; ${folder}`, "bare, signs"],
    ["for another folder", "/data/e/x", folder, "403"],
    ["damaged", "/data/d/x", `${folder}x`, "403"],
    ["behind four others", "/data/d/x", `${"rangesrv-link=x; ".repeat(4)}${folder}`, "403"],
    ["in a long field", "/data/d/x", `${folder}; a=${"b".repeat(4096)}`, "403"],
    ["beside a link in the URL, which counts", moved("/data/d/x", FILE), folder, "403"],
  ])("%s", async (_why, path, field, expected) => {
    const asked = { fields: { cookie: field } };
    expect(said(await judge(rulesOf(LINKS), path, asked))).toBe(expected);
  });

  test.each<[string, string, string | undefined]>([
    ["a folder's page", FOLDER, "/data/d/"],
    ["a page below", moved("/data/d/e/", FOLDER), "/data/d/"],
    ["a page by another spelling", moved("/data/%64/", FOLDER), "/data/%64/"],
    ["a page, by a link to all", moved("/data/", signed("/", {}, true)), "/"],
    ["a file", moved("/data/d/x", FOLDER), undefined],
    ["a page by its own link", signed("/data/d/"), undefined],
    ["two slashes", moved("/data//d/", FOLDER), undefined],
    ["a semicolon", signed("/data/d;Domain=x/", {}, true), undefined],
  ])("is given with %s", async (_why, path, expected) => {
    const verdict = await judge(rulesOf(LINKS), path);
    const given = verdict.kind === "admitted" ? verdict.pass.cookie : "refused";
    expect(given?.replace(/^rangesrv-link=Expires=\d+&Signature=[\w.-]+; Path=/, "")).toBe(
      expected && `${expected}; HttpOnly; SameSite=Strict`,
    );
  });
});

test("With the prefix / the tracker's URL is no way to a file", async () => {
  const rules = rulesOf(LINKS, "/");
  const paths = ["/a", "/-/announce", "/-/a", "/-/announce/a", "/-/healthy", "/-/live"];
  const seen = await Promise.all(paths.map(async (path) => said(await judge(rules, path))));
  expect(seen).toEqual(["403", "bare, no files", "403", "403", "open", "403"]);
});

test("Each 401 names the ways that are open, and all that is refused is answered alike", async () => {
  const { tokens, passwords, keys } = ALL;
  const answers = async (ways: Ways, asked: Asked = {}) => {
    const verdict = await judge(rulesOf(ways), "/data/a", asked);
    return verdict.kind === "refused" ? verdict.plan : undefined;
  };
  const none = undefined;
  const challenges = await Promise.all(
    [
      answers({ tokens, passwords, keys }),
      answers({ tokens, passwords: none, keys }),
      answers({ tokens: none, passwords, keys: none }),
      answers({ tokens, passwords, keys }, bearer("x")),
    ].map(async (plan) => (await plan)?.fields["www-authenticate"]),
  );
  const links = [FILE.slice(0, -1), moved("/data/b", FILE), signed("/data/a", { expires: 1 })];
  const plans = await Promise.all(links.map(async (link) => await judge(rulesOf(LINKS), link)));
  expect({ challenges, plans: new Set(plans.map((plan) => JSON.stringify(plan))).size }).toEqual({
    challenges: [
      'Basic realm="rangesrv", charset="UTF-8", Bearer realm="rangesrv"',
      'Bearer realm="rangesrv"',
      'Basic realm="rangesrv", charset="UTF-8"',
      'Basic realm="rangesrv", charset="UTF-8", Bearer realm="rangesrv", error="invalid_token"',
    ],
    plans: 1,
  });
});

test("A client that began in time goes on for an hour, with short pauses", async () => {
  const begun = new BegunTable();
  const rules = rulesOf(LINKS, "/data/", begun);
  const end = EXPIRES * 1000;
  const ask = async (client: string, now: number) =>
    said(await judge(rules, FILE, { client, now }));
  const seen = [
    await ask("10.0.0.1", end - 1),
    await ask("10.0.0.1", end),
    await ask("10.0.0.2", end),
    await ask("10.0.0.1", end + LONGEST_PAUSE),
    await ask("10.0.0.1", end + 2 * LONGEST_PAUSE + 1),
  ];
  for (let now = end - 1; now <= end + GRACE; now += LONGEST_PAUSE / 2) {
    seen.push(await ask("10.0.0.3", now));
  }
  seen.push(await ask("10.0.0.3", end + GRACE + 1));
  const going = Array.from({ length: 13 }, () => "link, signs");
  expect(seen).toEqual([
    ...["link, signs", "link, signs", "403", "link, signs", "403"],
    ...going,
    "403",
  ]);
});

test("Links in a document live as long as the link that it was asked for with, or a day", async () => {
  const termsOf = (verdict: Verdict) =>
    verdict.kind === "admitted" ? verdict.pass.terms : undefined;
  const hour = 3_600_000;
  const bound = signed("/data/a", { client: FAR });
  expect([
    termsOf(await judge(rulesOf(ALL), FILE)),
    termsOf(await judge(rulesOf(ALL), bound)),
    termsOf(await judge(rulesOf(ALL), "/data/a", { ...bearer("token"), now: 5 * hour })),
    termsOf(await judge(rulesOf(ALL), "/data/a", { ...bearer("token"), now: 5 * hour - 1 })),
    termsOf(await judge(rulesOf({ ...ALL, keys: undefined }), "/data/a", bearer("token"))),
  ]).toEqual([
    { expires: EXPIRES, client: undefined },
    { expires: EXPIRES, client: FAR },
    { expires: 29 * 3600 },
    { expires: 29 * 3600 },
    undefined,
  ]);
});

test("The table of those who began is bounded", () => {
  const begun = new BegunTable(2);
  const use = (client: string) => ({ link: "x", client, expires: 1 });
  for (const client of ["1", "2", "1", "3"]) begun.note(use(client), 1000);
  expect(["1", "2", "3"].map((client) => begun.goesOn(use(client), 1000))).toEqual([
    true,
    false,
    true,
  ]);
});

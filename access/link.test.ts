import { describe, expect, test } from "bun:test";
import type { Terms } from "../http/pass.ts";
import { parseTarget } from "../http/target.ts";
import type { Keys } from "./keys.ts";
import { clientName, isForPlace, isForSwarm, readLink, signAnnounce, signUrl } from "./link.ts";

const OLD = Buffer.from("an old key, of 32 bytes and more!");
const NEW = Buffer.from("a new key, of 32 bytes and more!!");
const OTHER = Buffer.from("another server's key, of 32 bytes");
const KEYS: Keys = [NEW, OLD];
const EXPIRES = 2_000_000_000;

/** Whether a link's query, put behind another path, is good for it. */
function admits(link: string, url: string, client = "", keys = KEYS): boolean {
  const target = parseTarget(url + link.slice(link.indexOf("?")), "/");
  if (target.kind !== "path") return false;
  const sent = readLink(target.query);
  return sent !== undefined && isForPlace(keys, sent, target, client);
}

function link(url: string, terms: Partial<Terms> = {}, isPrefix = false, keys = KEYS): string {
  return signUrl(keys, url, { expires: EXPIRES, ...terms }, isPrefix);
}

test.each<[string, string | undefined]>([
  ["10.0.0.1", "10.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::FFFF:a00:1", "10.0.0.1"],
  ["0:0:0:0:0:ffff:255.0.0.1", "255.0.0.1"],
  ["::1", "0:0:0:0:0:0:0:1"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8:0:0:1:2:3:4"],
  ["2001:db8::1:2:3:4", "2001:db8:0:0:1:2:3:4"],
  ["2001:0db8::1", "2001:db8:0:0:0:0:0:1"],
  ["fe80::1%eth0", "fe80:0:0:0:0:0:0:1"],
  ["", undefined],
  ["host", undefined],
])("A client's address has one spelling: %s", (address, name) => {
  expect(clientName(address)).toBe(name);
});

test("A link has two parameters, and keeps those that the URL had", () => {
  expect(
    [
      signUrl([OLD], "http://h/data/a", { expires: EXPIRES }),
      signUrl([OLD], "http://h/data/d/?download&a=1#top", { expires: EXPIRES }, true),
      signUrl([OLD], "http://h/a?Expires=1&Signature=x", {
        expires: EXPIRES,
        client: "10.0.0.1",
        window: { first: 0, last: 1023 },
      }),
      signAnnounce([OLD], "http://h/-/announce", new Uint8Array(20), { expires: EXPIRES }),
    ].map((url) => url.replace(/[\w-]{43}$/, "MAC")),
  ).toEqual([
    "http://h/data/a?Expires=2000000000&Signature=v1.f.MAC",
    "http://h/data/d/?download&a=1&Expires=2000000000&Signature=v1.d2.MAC",
    "http://h/a?Expires=2000000000&Signature=v1.fcr0-1023.MAC",
    "http://h/-/announce?Expires=2000000000&Signature=v1.s.MAC",
  ]);
});

test("A signature is the same at every time and place: other servers make it, too", () => {
  const terms = { expires: EXPIRES, client: "10.0.0.1" };
  const mac = new Bun.CryptoHasher("sha256", OLD)
    .update('["rangesrv",1,"GET","path","/data/a b",2000000000,"10.0.0.1",null]')
    .digest("base64url");
  expect(signUrl([OLD], "http://h/data/a%20b", terms)).toEndWith(`.fc.${mac}`);
});

describe("A link is good for", () => {
  const file = link("http://h/data/a%2Bb");
  const folder = link("http://h/data/d/", {}, true);
  test.each<[string, string, string, boolean]>([
    ["its path", file, "http://h/data/a%2Bb", true],
    ["its path in other letters", file, "http://h/data/%61%2bb", true],
    ["its path with two slashes", file, "http://h//data//a+b", true],
    ["its path on another host", file, "https://other:1/data/a+b", true],
    ["no longer path", file, "http://h/data/a+bc", false],
    ["no path below it", file, "http://h/data/a+b/c", false],
    ["no path with a slash", file, "http://h/data/a+b/", false],
    ["no path above it", file, "http://h/data/", false],
    ["no path that is encoded twice", file, "http://h/data/a%252Bb", false],
    ["no name with an encoded slash", link("http://h/a/b"), "http://h/a%2fb", false],
    ["no path with a parameter of it", file, "http://h/data/a+b;x", false],
    ["no other letter case", file, "http://h/data/A+B", false],
    ["its directory", folder, "http://h/data/d/", true],
    ["its directory without the slash", folder, "http://h/data/d", true],
    ["all below", folder, "http://h/data/d/e/f", true],
    ["no directory that begins like it", folder, "http://h/data/de/f", false],
    ["no directory above", folder, "http://h/data/", false],
    ["no other directory of its name", folder, "http://h/d/data/d", false],
    ["no way out of it", folder, "http://h/data/d/../a", false],
    ["no way out of it, encoded", folder, "http://h/data/d/%2e%2e/a", false],
    ["no way out of it with a parameter", folder, "http://h/data/d/..;/a", true], // a name below it
    ["everything, signed for the root", link("http://h/", {}, true), "http://h/data/d", true],
  ])("%s", (_why, signed, url, expected) => {
    expect(admits(signed, url)).toBe(expected);
  });
});

describe("Nothing of a link can be changed", () => {
  const good = link("http://h/data/a1", { client: "10.0.0.1", window: { first: 0, last: 9 } });
  test.each<[string, string, boolean]>([
    ["as it is", good, true],
    ["a later end", good.replace("2000000000", "2000000001"), false],
    ["a digit moved from the path to the end", good.replace("=2", "=12"), false],
    ["a longer window", good.replace("r0-9", "r0-99"), false],
    ["no window", good.replace("r0-9", ""), false],
    ["any client", good.replace("fcr", "fr"), false],
    ["a folder", good.replace(".fcr0-9.", ".d2c."), false],
    ["the root", good.replace(".fcr0-9.", ".d0."), false],
    ["a deeper folder", good.replace(".fcr0-9.", ".d3c."), false],
    ["a swarm", good.replace(".fcr0-9.", ".s."), false],
    ["another version", good.replace("v1.", "v2."), false],
    ["one letter less", good.slice(0, -1), false],
    ["one letter more", `${good}A`, false],
    ["padding", `${good}=`, false],
    // 43 letters of base64 have two bits that aren't used.
    ["another letter of the same bits", sameBits(good), false],
    ["a zero in front", good.replace("r0-9", "r00-9"), false],
    ["two ends", `${good}&Expires=2000000000`, false],
    ["two signatures", `${good}&Signature=x`, false],
    ["another parameter", `${good}&x=1`, true],
    ["a name in other letters", good.replace("Expires", "expires"), false],
    ["an escaped name", good.replace("Expires", "%45xpires"), false],
    ["a sign", good.replace("=2000", "=+2000"), false],
    ["no signature", good.replace(/Signature=.*/, "Signature="), false],
    ["an end that is no number", good.replace("2000000000", "9e99"), false],
    ["a huge end", good.replace("2000000000", "9".repeat(400)), false],
    ["a huge signature", good + "A".repeat(60_000), false],
  ])("%s", (_why, url, expected) => {
    expect(admits(url, "http://h/data/a1", "10.0.0.1")).toBe(expected);
  });

  function sameBits(url: string): string {
    const last = url.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return url.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ 1];
  }
});

test("The depth of a folder is that of its path", () => {
  const folder = link("http://h/data/d/", {}, true);
  const depths = ["d1", "d2", "d3"].map((depth) => folder.replace(".d2.", `.${depth}.`));
  expect(depths.map((signed) => admits(signed, "http://h/data/d/"))).toEqual([false, true, false]);
});

test("A client's link is no other client's", () => {
  const url = "http://h/a";
  const bound = link(url, { client: "10.0.0.1" });
  expect(["10.0.0.1", "10.0.0.2", ""].map((client) => admits(bound, url, client))).toEqual([
    true,
    false,
    false,
  ]);
});

test("Both keys are accepted, the first one signs, and no other is", () => {
  const url = "http://h/a";
  const signers: Keys[] = [[NEW], [OLD], [OTHER], KEYS];
  const accepted = signers.map((keys) => admits(link(url, {}, false, keys), url));
  const only = admits(link(url, {}, false, KEYS), url, "", [NEW]);
  expect({ accepted, only }).toEqual({ accepted: [true, true, false, true], only: true });
});

test("The key of a swarm opens that swarm, and no path", () => {
  const infoHash = new Uint8Array(20).fill(7);
  const url = signAnnounce(KEYS, "http://h/-/announce", infoHash, { expires: EXPIRES });
  const sent = readLink(url.slice(url.indexOf("?")));
  const file = readLink(link("http://h/-/announce").split("?")[1] ?? "");
  if (sent === undefined || file === undefined) throw new Error("unread");
  expect({
    its: isForSwarm(KEYS, sent, infoHash, ""),
    other: isForSwarm(KEYS, sent, new Uint8Array(20), ""),
    path: isForPlace(KEYS, sent, { segments: ["-", "announce"], trailingSlash: false }, ""),
    hexPath: isForPlace(KEYS, sent, { segments: [infoHash.toHex()], trailingSlash: false }, ""),
    file: isForSwarm(KEYS, file, infoHash, ""),
  }).toEqual({ its: true, other: false, path: false, hexPath: false, file: false });
});

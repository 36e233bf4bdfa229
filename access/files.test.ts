/** The files that say who may read: what they may hold, and what is refused at start. */

import { expect, test } from "bun:test";
import { parseKeys } from "./keys.ts";
import { Passwords } from "./passwords.ts";
import { Unusable } from "./secret-file.ts";
import { Tokens } from "./tokens.ts";

const BCRYPT = `$2y$05$${"a".repeat(53)}`;
const ARGON2 = "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g";
const KEY = "k".repeat(32);

/** What is wrong with a text; "" for nothing. */
function fault(read: (text: string) => unknown, text: string): string {
  try {
    read(text);
    return "";
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    return error.message;
  }
}

test.each<[string, string, string]>([
  ["one", KEY, ""],
  ["two, a comment and blank lines", `# new\n${KEY}\r\n\n  ${KEY}1 \n`, ""],
  ["none", "# nothing\n\n", "it has no key"],
  ["a short one", `${KEY}\nshort`, "line 2 has 5 bytes; a key has 32 or more"],
  ["three", `${KEY}\n${KEY}1\n${KEY}2`, "it has 3 keys; 2 are the most"],
])("A key file: %s", (_why, text, expected) => {
  expect(fault(parseKeys, text)).toBe(expected);
});

test.each<[string, string, string]>([
  ["tokens, with names and without", "abc\nci a.b~c+d/e-f_==\n# old", ""],
  ["none", "", "it has no token"],
  ["three words", "a b c", "line 1 is no token and no name with a token"],
  [
    "a letter that can't be sent",
    "#\nci geheim€",
    "line 2 has a character that no bearer token has",
  ],
])("A token file: %s", (_why, text, expected) => {
  expect(fault((one) => new Tokens(one), text)).toBe(expected);
});

test("Tokens are found by their letters alone", () => {
  const tokens = new Tokens("ci one-token\nother-token");
  const asked = ["one-token", "other-token", "ci", "one-toke", "One-token", "", "x".repeat(5000)];
  expect(asked.map((token) => tokens.nameOf(token))).toEqual([
    ...["ci", "line 2", undefined, undefined, undefined, undefined, undefined],
  ]);
});

const FOREIGN = "not bcrypt (htpasswd -B) or argon2";
test.each<[string, string, string]>([
  ["bcrypt and argon2", `ann:${BCRYPT}\n# x\nbob:${ARGON2}`, ""],
  [
    "bcrypt by other programs",
    `a:${BCRYPT.replace("2y", "2b")}\nb:${BCRYPT.replace("2y", "2a")}`,
    "",
  ],
  ["none", "\n", "it has no user"],
  ["no colon", "ann", "line 1 is no user:hash"],
  ["no user", `:${BCRYPT}`, "line 1 is no user:hash"],
  ["apr1", "ann:$apr1$x$y", `line 1 has an MD5 hash (apr1), ${FOREIGN}`],
  ["SHA-1", `a:${BCRYPT}\nann:{SHA}AAAA=`, `line 2 has an SHA-1 hash, ${FOREIGN}`],
  ["crypt", "ann:rqXexS6ZhobKA", `line 1 has a hash by crypt, ${FOREIGN}`],
  ["SHA-512 crypt", "ann:$6$salt$hash", `line 1 has a hash by crypt, ${FOREIGN}`],
  ["the password itself", "ann:secret", `line 1 has an unknown hash or none, ${FOREIGN}`],
  ["a hash that was cut", `ann:${BCRYPT.slice(0, -1)}`, `line 1 has a damaged hash, ${FOREIGN}`],
  [
    "a cost that doesn't exist",
    `a:${BCRYPT.replace("05", "99")}`,
    `line 1 has a damaged hash, ${FOREIGN}`,
  ],
])("A password file: %s", (_why, text, expected) => {
  expect(fault((one) => new Passwords(one), text)).toBe(expected);
});

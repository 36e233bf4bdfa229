/** Commands for hostile names: a shell reads back exactly the name. */

import { expect, test } from "bun:test";
import { run } from "../test/clients.ts";
import { fileCommands, folderCommands, quote } from "./commands.ts";

const U = "http://host/data/a";

test.each<[string, string, string]>([
  ["a name", "a b.txt", "'a b.txt'"],
  ["a quote", "it's", "'it'\\''s'"],
  ["what a shell would run", '$(id);`id`&|<>"*?\\', "'$(id);`id`&|<>\"*?\\'"],
  ["a line break", "a\nb", "$'a\\012b'"],
  ["a line break, a quote, a backslash", "a\n'\\", "$'a\\012\\'\\\\'"],
  ["another writing direction", "a\u202eb", "$'a\\342\\200\\256b'"],
  ["an escape character before a digit", "\u001b1", "$'\\0331'"],
  ["nothing", "", "''"],
])("quote: %s", (_why, word, quoted) => {
  expect(quote(word)).toBe(quoted);
});

const HOSTILE = [
  ...[
    "a b",
    "it's",
    "$(touch x)",
    "`id`",
    '"',
    "\\",
    "a\nb",
    "\n",
    "-rf",
    "--",
    "a\u001b[2Jb",
    "!!",
  ],
  ...["a\u202eb'\\\n", "x".repeat(255), "\u0085", "é ∂ 😀", "~", "*", "a\tb\r\n", "#a", "{a,b}"],
];

test("bash reads back every name", async () => {
  const script = HOSTILE.map((name) => `printf '%s\\0' ${quote(name)}`).join("\n");
  const { stdout } = await run(["bash", "-c", script]);
  expect(stdout.split("\0").slice(0, -1)).toEqual(HOSTILE);
});

test("A name is no option, and no standard output", () => {
  const texts = (name: string) => fileCommands(U, name, []).map(({ text }) => text);
  expect([texts("-"), texts("-x")]).toEqual([
    [
      "curl -fL --retry 9 -C - -o './-' 'http://host/data/a'",
      "wget -c -O './-' 'http://host/data/a'",
      "aria2c -c -x16 -s16 -k1M -o './-' 'http://host/data/a'",
    ],
    [
      "curl -fL --retry 9 -C - -o './-x' 'http://host/data/a'",
      "wget -c -O './-x' 'http://host/data/a'",
      "aria2c -c -x16 -s16 -k1M -o './-x' 'http://host/data/a'",
    ],
  ]);
});

test("Documents bring their commands along", () => {
  const labels = fileCommands(U, "a", ["meta4", "torrent", "sha256"]).map(({ text }) => text);
  const documents = {
    torrent: "http://h/a.torrent",
    meta4: "http://h/a.meta4",
    txt: "http://h/a.txt",
    sha256sums: "http://h/a/SHA256SUMS",
  };
  expect([
    labels.slice(3),
    folderCommands("http://h/a/", documents).map(({ text }) => text),
  ]).toEqual([
    [
      "aria2c --retry-wait=1 --seed-time=0 'http://host/data/a.meta4'",
      "aria2c --retry-wait=1 'http://host/data/a.torrent'",
      "curl -fsS --retry 9 'http://host/data/a.sha256' | sha256sum -c",
    ],
    [
      "wget -r -np -nH -c 'http://h/a/'",
      "aria2c --retry-wait=1 --seed-time=0 'http://h/a.meta4'",
      "curl -fsS 'http://h/a.txt' | aria2c -c -i -",
      "aria2c --retry-wait=1 'http://h/a.torrent'",
      "curl -fsS --retry 9 'http://h/a/SHA256SUMS' | sha256sum -c",
    ],
  ]);
});

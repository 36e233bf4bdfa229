/** What of a line reaches a terminal, and what becomes of lines that nobody reads. */

import { expect, test } from "bun:test";
import { Bounded, escapeUnprintable } from "./log.ts";

// [why, what is logged, what is seen]
test.each<[string, string, string]>([
  ["letters of any script", "naïve Ωμέγα 日本 👍 e\u0301", "naïve Ωμέγα 日本 👍 e\u0301"],
  ["a backslash", "C:\\tree", "C:\\tree"],
  ["lines", "a\r\nb\nc", String.raw`a\r\nb\nc`],
  ["a tab", "a\tb", String.raw`a\tb`],
  ["NUL and bell", "\0\x07", String.raw`\x00\x07`],
  ["a colour", "\x1b[31mred", String.raw`\x1b[31mred`],
  ["a title of the terminal", "\x1b]0;title\x07", String.raw`\x1b]0;title\x07`],
  ["delete", "\x7f", String.raw`\x7f`],
  ["C1: a control sequence in one character", "\x9b31m", String.raw`\x9b31m`],
  ["C1: next line", "a\x85b", String.raw`a\x85b`],
  ["writing directions", "\u202etxt.exe\u2066\u200f", String.raw`\u202etxt.exe\u2066\u200f`],
  ["line and paragraph separators", "a\u2028b\u2029c", String.raw`a\u2028b\u2029c`],
  ["no width", "a\u200bb\ufeffc", String.raw`a\u200bb\ufeffc`],
  ["a tag", "a\u{e0041}b", String.raw`a\u{e0041}b`],
  ["half of a pair", "a\ud83db\udc4d", String.raw`a\ud83db\udc4d`],
])("%s", (_why, line, seen) => {
  expect(escapeUnprintable(line)).toBe(seen);
});

test("a stream that isn't read holds a bounded amount, and says what it lost when it is", () => {
  const taken: (() => void)[] = [];
  const put: string[] = [];
  const bounded = new Bounded((text, done) => {
    put.push(text);
    taken.push(done);
  });
  const line = `${"x".repeat(1023)}\n`;
  for (let n = 0; n < 300; n++) bounded.write(line);
  const held = put.length;
  for (const done of taken) done();
  bounded.write("again\n");
  expect([held, ...put.slice(held)]).toEqual([
    256,
    "rangesrv: 44 lines were lost: stderr was not read\n",
    "again\n",
  ]);
});

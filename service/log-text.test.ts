import { expect, test } from "bun:test";
import { jsonText, quotable } from "./log-text.ts";

test.each<[string, string, number, string]>([
  ["plain", "a b~", 9, "a b~"],
  ["as long as it may be", "abcdef", 6, "abcdef"],
  ["longer", "abcdefg", 6, "abc..."],
  ["an escape character", "\u001b[1m", 99, "\\x1B[1m"],
  ["UTF-8", "é€😀", 99, "\\xC3\\xA9\\xE2\\x82\\xAC\\xF0\\x9F\\x98\\x80"],
  ["half a character", "\ud83d", 99, "\\xEF\\xBF\\xBD"],
  ["cut before an escape", "ab\u007fc\u007f", 8, "ab..."],
  ["cut behind an escape", "a\u007f\u007fc", 8, "a\\x7F..."],
  ["many that grow", "\u0000".repeat(100), 20, "\\x00\\x00\\x00\\x00..."],
])("quotable: %s", (_why, text, longest, expected) => {
  expect(quotable(text, longest)).toBe(expected);
});

test.each<[string, string, number, string]>([
  ["plain", "a", 9, '"a"'],
  ["longer", "abcdefg", 6, '"abc..."'],
  ["an escape character", "\u001b", 9, '"\\u001b"'],
  ["beyond ASCII", "é", 9, '"\\u00e9"'],
  ["cut before an escape", "ab\u007f\u007f", 8, '"ab..."'],
  ["backslashes", "\\\\\\\\", 6, '"\\\\..."'],
])("jsonText: %s", (_why, text, longest, expected) => {
  expect(jsonText(text, longest)).toBe(expected);
});

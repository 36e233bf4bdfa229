/** Content-Disposition by RFC 6266 §4.1 and RFC 8187 §3.2. */

import { describe, expect, test } from "bun:test";
import { attachment } from "./disposition.ts";

describe("attachment", () => {
  test.each<[string, string, string]>([
    // Plain: one form
    ["letters", "plain.bin", 'attachment; filename="plain.bin"'],
    ["a space", "two words.txt", 'attachment; filename="two words.txt"'],
    ["a semicolon", "a;b.txt", 'attachment; filename="a;b.txt"'],
    ["a comma and an equals sign", "a,b=c", 'attachment; filename="a,b=c"'],
    ["an apostrophe", "it's.txt", `attachment; filename="it's.txt"`],
    ["brackets and a star", "a (1)*.txt", 'attachment; filename="a (1)*.txt"'],
    ["the first and last plain characters", " ~", 'attachment; filename=" ~"'],
    // Not plain: a second, exact form
    ["a quote", 'a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"],
    ["a backslash", "a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"],
    ["a percent sign", "100%", "attachment; filename=\"100_\"; filename*=UTF-8''100%25"],
    ["what looks like an escape", "%41", "attachment; filename=\"_41\"; filename*=UTF-8''%2541"],
    ["an umlaut", "ä.bin", "attachment; filename=\"_.bin\"; filename*=UTF-8''%C3%A4.bin"],
    ["a euro sign", "€", "attachment; filename=\"_\"; filename*=UTF-8''%E2%82%AC"],
    ["past 16 bits", "😀", "attachment; filename=\"_\"; filename*=UTF-8''%F0%9F%98%80"],
    ["half a pair", "\ud83d", "attachment; filename=\"_\"; filename*=UTF-8''%EF%BF%BD"],
    ["a line break", "a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"],
    ["a tab", "a\tb", "attachment; filename=\"a_b\"; filename*=UTF-8''a%09b"],
    ["DEL", "a\x7fb", "attachment; filename=\"a_b\"; filename*=UTF-8''a%7Fb"],
    [
      "Latin-1's no-break space",
      "a\xa0b",
      "attachment; filename=\"a_b\"; filename*=UTF-8''a%C2%A0b",
    ],
    // RFC 8187: of the printable ones, attr-char stays as it is
    [
      "punctuation beside an umlaut",
      "ä!#$&+-.^_`|~",
      "attachment; filename=\"_!#$&+-.^_`|~\"; filename*=UTF-8''%C3%A4!%23%24%26%2B-.%5E_%60%7C~",
    ],
    [
      "what is no attr-char beside an umlaut",
      "ä '()*,/:;<=>?@[]{}",
      'attachment; filename="_ \'()*,/:;<=>?@[]{}"; ' +
        "filename*=UTF-8''%C3%A4%20%27%28%29%2A%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5D%7B%7D",
    ],
  ])("%s", (_why, name, expected) => {
    expect(attachment(name)).toBe(expected);
  });

  test("any character gives a field that keeps to its syntax", () => {
    // RFC 6266 §4.1; a quoted string without quotes, backslashes and escapes in it.
    const syntax =
      /^attachment; filename="[\x20\x21\x23\x24\x26-\x5b\x5d-\x7e]+"(?:; filename\*=UTF-8''(?:[A-Za-z0-9!#$&+.^_`|~-]|%[0-9A-F]{2})+)?$/;
    for (let code = 0; code < 0x3000; code++) {
      expect(attachment(String.fromCharCode(code))).toMatch(syntax);
    }
  });
});

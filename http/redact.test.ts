import { expect, test } from "bun:test";
import { redact } from "./redact.ts";

test.each<[string, string, string]>([
  ["no query", "/data/file", "/data/file"],
  ["an empty query", "/data/file?", "/data/file?"],
  ["a harmless one", "/data/file?download&x=1", "/data/file?download&x=1"],
  ["a signed link keeps its expiry", "/f?Expires=1&Signature=abc", "/f?Expires=1&Signature=***"],
  ["in lower case", "/f?signature=abc", "/f?signature=***"],
  ["S3's", "/f?X-Amz-Signature=abc&X-Amz-Date=1", "/f?X-Amz-Signature=***&X-Amz-Date=1"],
  ["a token first", "/f?token=abc&x=1", "/f?token=***&x=1"],
  ["a token twice", "/f?token=a&token=b", "/f?token=***&token=***"],
  ["an access token", "/f?access_token=abc", "/f?access_token=***"],
  ["a password", "/f?password=abc", "/f?password=***"],
  ["auth", "/f?auth=abc", "/f?auth=***"],
  [
    "a tracker's key",
    "/-/announce?info_hash=%12&key=4242&port=1",
    "/-/announce?info_hash=%12&key=***&port=1",
  ],
  ["a name that only ends so", "/f?monkey=1", "/f?monkey=1"],
  ["no value", "/f?token", "/f?token"],
  ["an empty value", "/f?token=&x=1", "/f?token=***&x=1"],
  ["an equals sign in the value", "/f?token=a=b==&x", "/f?token=***&x"],
  ["an escaped name", "/f?%74oken=abc", "/f?%74oken=***"],
  ["a name that is no UTF-8", "/f?%ff=abc", "/f?%ff=abc"],
  ["a semicolon between", "/f?x=1;token=abc", "/f?x=1;token=***"],
  ["a second question mark", "/f?x=?token=abc", "/f?x=?token=***"],
  ["one in a secret", "/f?token=a?b=c&x=1", "/f?token=***&x=1"],
  ["a referer", "https://h/p?token=abc&y=2", "https://h/p?token=***&y=2"],
  ["user and password", "https://me:pw@host/p?x=1", "https://host/p?x=1"],
  ["and an @ in the password", "https://me:p@w@host/p", "https://host/p"],
  ["an @ in a path", "/data/a@b", "/data/a@b"],
  ["an @ in a query", "https://h/p?mail=a@b", "https://h/p?mail=a@b"],
  ["a fragment", "https://h/p#access_token=abc", "https://h/p#access_token=***"],
])("%s", (_why, target, expected) => {
  expect(redact(target)).toEqual(expected);
});

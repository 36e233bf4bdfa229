import { expect, test } from "bun:test";
import { formatLength } from "./format-length.ts";

test.each<[number, string]>([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1024, "1.0 KiB"],
  [1536 * 1024, "1.5 MiB"],
  [1024 ** 4, "1.0 TiB"],
  [2 ** 62, "4096.0 PiB"],
])("%d is %s", (bytes, expected) => {
  expect(formatLength(bytes)).toBe(expected);
});

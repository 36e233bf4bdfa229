/** The lines of sha256sum, written and read by sha256sum itself. */

import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, testWith } from "../../test/clients.ts";
import { temporaryDirectory } from "../../test/site.ts";
import { formatChecksum } from "./checksum.ts";

const ZEROS = new Uint8Array(32);
const HEX = "00".repeat(32);

test.each<[string, string, string]>([
  ["plain", "plain.bin", `${HEX}  plain.bin\n`],
  ["spaces on both ends", " a ", `${HEX}   a \n`],
  ["a star, which is a mark elsewhere", "*a", `${HEX}  *a\n`],
  ["UTF-8", "ä文🙂", `${HEX}  ä文🙂\n`],
  ["a backslash", "a\\nb", `\\${HEX}  a\\\\nb\n`],
  ["a line feed", "a\nb", `\\${HEX}  a\\nb\n`],
  ["a carriage return", "a\r", `\\${HEX}  a\\r\n`],
])("%s", (_why, name, expected) => {
  expect(formatChecksum(ZEROS, name)).toBe(expected);
});

testWith("sha256sum")("sha256sum finds every name again, and writes the same", async () => {
  const directory = join(temporaryDirectory(), "sums");
  mkdirSync(directory);
  const names = [
    "plain",
    " a ",
    "*b",
    "ä文🙂",
    "\\c",
    "d\\nd",
    "e\ne",
    "\rf\r",
    "g\\",
    "-h",
    "i\t",
  ];
  const lines = names.map((name) => {
    writeFileSync(join(directory, name), name);
    const sha256 = new Bun.CryptoHasher("sha256").update(name).digest();
    return formatChecksum(new Uint8Array(sha256), name);
  });
  const sums = join(directory, "SHA256SUMS");
  writeFileSync(sums, lines.join(""));
  const written = await run(["sha256sum", "--", ...names], directory);
  const checked = await run(["sha256sum", "--strict", "-c", sums], directory);
  expect({
    written: written.stdout,
    exitCode: checked.exitCode,
    good: checked.stdout.match(/: OK$/gm)?.length,
  }).toEqual({ written: lines.join(""), exitCode: 0, good: names.length });
});

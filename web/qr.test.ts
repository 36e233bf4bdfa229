/** QR codes beside those of libqrencode 4 (`qrencode -8 -l M`), which has the same rules for masks. */

import { expect, test } from "bun:test";
import { encodeQr, qrSvg } from "./qr.ts";

function rows(text: string): string[] | undefined {
  return encodeQr(text)?.map((row) => row.map((dark) => (dark ? "#" : ".")).join(""));
}

test("A code of version 1", () => {
  expect(rows("h")).toEqual([
    "#######.#.#...#######",
    "#.....#..##.#.#.....#",
    "#.###.#.####..#.###.#",
    "#.###.#..#.##.#.###.#",
    "#.###.#..####.#.###.#",
    "#.....#.##.##.#.....#",
    "#######.#.#.#.#######",
    ".........##.#........",
    "#.#...##.......#..#.#",
    "#.#......#.#.###.##..",
    "#.#.#####..###.###.##",
    "###.##...#.#.###.##..",
    "##.#..##..##########.",
    "........###.........#",
    "#######.#.#...#...#.#",
    "#.....#..#..#...#..#.",
    "#.###.#..##...#...###",
    "#.###.#...##.###.##..",
    "#.###.#.##.###.###.##",
    "#.....#..#.#.###.##..",
    "#######.###########.#",
  ]);
});

test.each<[string, number, number | undefined, string | undefined]>([
  ["version 4, two blocks", 62, 33, "c4cea60fe13cb455"],
  ["version 7, which names itself", 122, 45, "4973e066840a322e"],
  ["version 10, blocks of two lengths, a long count", 213, 57, "9351bfec9addba95"],
  ["version 20, full", 666, 97, "3d3e73c8783e6588"],
  ["more than it holds", 667, undefined, undefined],
])("%s", (_why, length, side, digest) => {
  const drawn = rows("http://x/".repeat(100).slice(0, length));
  const hashed = drawn && Bun.CryptoHasher.hash("sha256", drawn.join("\n"), "hex").slice(0, 16);
  expect([drawn?.length, hashed]).toEqual([side, digest]);
});

test("A picture has its light edge, and a name", () => {
  const svg = qrSvg("h", "QR code");
  expect([svg?.slice(0, 65), svg?.match(/M\d+ \d+/)?.[0], qrSvg("h".repeat(667), "x")]).toEqual([
    '<svg class="qr" role="img" aria-label="QR code" viewBox="0 0 29 2',
    "M4 4",
    undefined,
  ]);
});

/** A snapshot in a terminal: what it shows, how wide, and whatever a server may send. */

import { expect, test } from "bun:test";
import { screen, shades } from "./top-screen.ts";

const SNAPSHOT = {
  now: 7_260_000,
  started: 0,
  workers: 2,
  sent: { http: 5 * 1024 * 1024, seeder: 1024 },
  originShare: 0.25,
  throughput: { http: [0, 1024], seeder: [0, 1024] },
  files: [
    { path: "/data/a", length: 1000, seeds: 1, leechers: 2, connected: 2, spread: [0, 1, 2, 2] },
  ],
  running: 3,
  transfers: [{ client: "c1", path: "/data/a", owed: 2048, acknowledged: 1024, seconds: 2 }],
  ended: [
    { client: "c2", path: "/data/b", owed: 1, acknowledged: 1, seconds: 0, outcome: "complete" },
  ],
};

test("All of it", () => {
  expect(screen(SNAPSHOT, "http://h", { columns: 100, rows: 50 })).toEqual([
    "http://h  up 2 h 1 min, processes: 2",
    "sent 5.0 MiB by HTTP and 1.0 KiB to peers; origin's share, as peers report: 25 %",
    " █ 2.0 KiB/s",
    "",
    "SHARED",
    "········▒▒▒▒▒▒▒▒████████████████     1000 B  1 seeds, 2 peers  /data/a",
    "",
    "DOWNLOADS",
    "████████░░░░░░░░  50 %    2.0 KiB      512 B/s  c1  /data/a",
    "and 2 more",
    "",
    "ENDED",
    "████████████████ 100 %        1 B          –/s  complete  c2  /data/b",
  ]);
});

test.each<[string, unknown, number, number]>([
  ["nothing", undefined, 40, 24],
  ["a text", "x", 40, 24],
  [
    "other types",
    { files: [1, null, { spread: "x", path: 5 }], transfers: {}, ended: "x" },
    40,
    24,
  ],
  ["numbers that are none", { sent: { http: "1", seeder: -1 }, workers: NaN }, 40, 24],
  ["a narrow terminal", SNAPSHOT, 10, 5],
  ["one without room", SNAPSHOT, 0, 0],
  ["wide characters", { transfers: [{ path: "漢".repeat(200) }] }, 60, 24],
  ["a thousand rows", { transfers: new Array(5000).fill({ path: "x" }) }, 60, 24],
])("%s fits", (_why, snapshot, columns, rows) => {
  const lines = screen(snapshot, "http://h", { columns, rows });
  const widest = Math.max(0, ...lines.map((line) => Bun.stringWidth(line)));
  expect([widest <= columns, lines.length <= Math.max(1, rows)]).toEqual([true, true]);
});

test("Nothing of a server acts on the terminal", () => {
  const evil = "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n\u202egpj\u200b\ud800";
  const transfers = [{ path: evil, client: evil, outcome: evil }];
  const files = [{ path: evil }];
  const lines = screen({ transfers, files, ended: transfers }, evil, { columns: 200, rows: 50 });
  expect(lines.filter((line) => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(line))).toEqual([]);
});

test.each<[string, number[], number, string]>([
  ["no pieces known", [], 3, "    "],
  ["nobody", [0, 0], 0, "····"],
  ["few and many", [0, 1, 2, 4], 4, "·░▒█"],
  ["more than there are", [9, 9], 2, "████"],
])("Shades of %s", (_why, spread, peers, expected) => {
  expect(shades(spread, peers, 4)).toBe(expected);
});

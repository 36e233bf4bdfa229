import { expect, test } from "bun:test";
import { formatBar, formatProgress, formatTime, Meter, type Progress } from "./progress-bar.ts";

const GIB = 1024 ** 3;

test.each<[string, Progress, string]>([
  ["nothing yet", { done: 0, total: 4 * GIB, seconds: 0 }, "0 bytes of 4.0 GiB, 0 %, 0 MB/s"],
  [
    "a quarter",
    { done: GIB, total: 4 * GIB, seconds: 2 },
    "1.0 GiB of 4.0 GiB, 25 %, 537 MB/s, 0:06 left",
  ],
  [
    "not all, but nearly",
    { done: 4 * GIB - 1, total: 4 * GIB, seconds: 8 },
    "4.0 GiB of 4.0 GiB, 99 %, 537 MB/s, 0:01 left",
  ],
  [
    "more than was counted",
    { done: 2048, total: 1024, seconds: 1 },
    "2.0 KiB of 2.0 KiB, 100 %, 0 MB/s, 0:00 left",
  ],
  ["only empty files", { done: 0, total: 0, seconds: 1 }, "0 bytes of 0 bytes, 100 %, 0 MB/s"],
])("%s", (_why, progress, expected) => {
  expect(formatProgress(progress)).toBe(expected);
});

test.each<[number, string]>([
  [0, "0:00"],
  [0.2, "0:01"],
  [59.5, "1:00"],
  [3599, "59:59"],
  [3723, "1:02:03"],
])("%d s are %s", (seconds, expected) => {
  expect(formatTime(seconds)).toBe(expected);
});

const QUARTER: Progress = { done: GIB, total: 4 * GIB, seconds: 2 };
const TEXT = "1.0 GiB of 4.0 GiB, 25 %, 537 MB/s, 0:06 left";

test.each<[string, number, string]>([
  ["wide", 200, `[${"#".repeat(10)}${".".repeat(30)}] ${TEXT}`],
  ["80 columns", 80, `[${"#".repeat(7)}${".".repeat(24)}] ${TEXT}`],
  ["too narrow for a bar", 55, TEXT],
  ["too narrow for the text", 11, "1.0 GiB of"],
  ["no columns", 0, ""],
])("On a terminal that is %s", (_why, columns, expected) => {
  expect(formatBar(QUARTER, columns)).toBe(expected);
});

test.each<[string, number | undefined, string[]]>([
  ["one line redrawn on a terminal", 11, ["\r\x1b[K1.0 GiB of", "\r\x1b[K1.0 GiB of", "\r\x1b[K"]],
  ["a line every ten seconds elsewhere", undefined, [`${TEXT}\n`]],
])("Shown: %s", (_why, columns, expected) => {
  const printed: string[] = [];
  const meter = new Meter((text) => void printed.push(text), columns, 0);
  for (const now of [99, 101, 150, 10_001, 10_050]) meter.show(QUARTER, now);
  meter.clear();
  meter.clear();
  expect(printed).toEqual(expected);
});

import { expect, test } from "bun:test";
import type { Transfer } from "../files/transfer.ts";
import { Transfers } from "../files/transfers.ts";
import { activityOf, describe, together } from "./activity.ts";

// [downloads, bytes before and now, milliseconds, what is shown]
test.each<[number, number, number, number, string]>([
  [0, 0, 0, 1_000, "0 downloads, 0 MB/s"],
  [1, 0, 50_000, 1_000, "1 download, 0.1 MB/s"],
  [1, 1_000_000, 4_240_000, 1_000, "1 download, 3.2 MB/s"],
  [2, 0, 9_960_000, 1_000, "2 downloads, 10 MB/s"],
  [12, 0, 360_000_000, 2_000, "12 downloads, 180 MB/s"],
  [0, 5_000, 1_000, 1_000, "0 downloads, 0 MB/s"],
])("%d downloads, %d and then %d bytes in %d ms: %s", (downloads, before, bytes, time, shown) => {
  expect(describe({ downloads, bytes: before }, { downloads, bytes }, time)).toBe(shown);
});

test("Transfers count from the first look, those that go on and those that ended", () => {
  const transfers = new Transfers();
  const transfer = (acknowledged: number) =>
    ({ began: 0, firstByte: 0, owed: 100, acknowledged }) as unknown as Transfer;
  const look = activityOf(transfers);
  expect(transfers.observed).toBe(false);
  expect(look()).toEqual({ downloads: 0, bytes: 0 });
  const [first, second] = [transfer(10), transfer(20)];
  transfers.begin(first);
  transfers.begin(second);
  expect(look()).toEqual({ downloads: 2, bytes: 30 });
  transfers.end(first, "complete");
  transfers.end(second, "aborted");
  expect(look()).toEqual({ downloads: 0, bytes: 120 });
  transfers.handedOver(transfer(0));
  expect(look()).toEqual({ downloads: 0, bytes: 220 });
  expect(together([look(), look()])).toEqual({ downloads: 0, bytes: 440 });
});

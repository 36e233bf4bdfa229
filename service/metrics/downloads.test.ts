/** When a download counts as begun and as complete. */

import { expect, test } from "bun:test";
import { type DownloadLimits, Downloads, type FileVersion } from "./downloads.ts";

const FILE: FileVersion = { key: "one", length: 100 };
const NEWER: FileVersion = { key: "one, newer", length: 100 };

class Counted {
  started = 0;
  readonly completed: number[] = [];
  readonly downloads: Downloads;

  constructor(limits?: DownloadLimits) {
    const counts = {
      started: () => (this.started += 1),
      completed: (duration: number) => this.completed.push(duration),
    };
    this.downloads = new Downloads(counts as never, limits);
  }
}

/** client, file, start, end, began, ended, perhaps; without the last two: only its begin. */
type Event = [string, FileVersion, number, number, number, number?, number?];

function play(events: readonly Event[], counted = new Counted()): [number, number[]] {
  for (const [client, file, start, end, began, ended, perhaps] of events) {
    if (ended === undefined) counted.downloads.begin(client, file, began);
    else counted.downloads.add(client, file, { start, end, perhaps: perhaps ?? end, began, ended });
  }
  return [counted.started, counted.completed];
}

// [why, answers, downloads begun, durations of the complete ones]
test.each<[string, Event[], number, number[]]>([
  ["nothing yet", [["a", FILE, 0, 0, 5]], 1, []],
  ["all at once", [["a", FILE, 0, 100, 5, 9]], 1, [4]],
  ["half of it", [["a", FILE, 0, 50, 5, 9]], 1, []],
  [
    "two halves",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", FILE, 50, 100, 10, 19],
    ],
    1,
    [14],
  ],
  [
    "two halves at once",
    [
      ["a", FILE, 50, 100, 5, 19],
      ["a", FILE, 0, 50, 5, 9],
    ],
    1,
    [14],
  ],
  [
    "one half twice",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", FILE, 0, 50, 10, 19],
    ],
    1,
    [],
  ],
  [
    "a gap of a byte",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", FILE, 51, 100, 10, 19],
    ],
    1,
    [],
  ],
  [
    "a gap behind an answer that was cut off, as large as it could have carried",
    [
      ["a", FILE, 0, 40, 5, 9, 50],
      ["a", FILE, 50, 100, 6, 19],
    ],
    1,
    [14],
  ],
  [
    "the same, the other first",
    [
      ["a", FILE, 50, 100, 6, 8],
      ["a", FILE, 0, 40, 5, 9, 60],
    ],
    1,
    [4],
  ],
  [
    "a larger gap",
    [
      ["a", FILE, 0, 40, 5, 9, 49],
      ["a", FILE, 50, 100, 6, 19],
    ],
    1,
    [],
  ],
  [
    "a gap that is filled from its end on",
    [
      ["a", FILE, 0, 40, 5, 9, 49],
      ["a", FILE, 50, 100, 6, 19],
      ["a", FILE, 49, 50, 6, 19],
    ],
    1,
    [14],
  ],
  [
    "nothing begins behind the answer that was cut off",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", FILE, 50, 90, 6, 19, 200],
    ],
    1,
    [],
  ],
  [
    "overlapping",
    [
      ["a", FILE, 0, 60, 5, 9],
      ["a", FILE, 40, 100, 10, 19],
    ],
    1,
    [14],
  ],
  [
    "halves of two clients",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["b", FILE, 50, 100, 5, 9],
    ],
    2,
    [],
  ],
  [
    "halves of two versions",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", NEWER, 50, 100, 9, 19],
    ],
    2,
    [],
  ],
  [
    "a change in between, and all of the new one",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", NEWER, 0, 50, 9, 10],
      ["a", NEWER, 50, 100, 11, 13],
    ],
    2,
    [4],
  ],
  [
    "fetched twice",
    [
      ["a", FILE, 0, 100, 5, 9],
      ["a", FILE, 0, 50, 10, 12],
      ["a", FILE, 50, 100, 12, 19],
    ],
    2,
    [4, 9],
  ],
  [
    "the end of a file is fetched twice, by answers that began before the first was over",
    [
      ["a", FILE, 0, 50, 5, 9],
      ["a", FILE, 50, 100, 6, 10],
      ["a", FILE, 50, 100, 9, 15],
    ],
    1,
    [5],
  ],
  [
    "a look at the begin after it was complete is another download",
    [
      ["a", FILE, 0, 100, 5, 9],
      ["a", FILE, 0, 10, 20, 21],
    ],
    2,
    [4],
  ],
  [
    "the begin of an answer is known before its end",
    [
      ["a", FILE, 0, 0, 5],
      ["a", FILE, 0, 100, 5, 9],
    ],
    1,
    [4],
  ],
  [
    "a later begin is heard of first",
    [
      ["a", FILE, 50, 100, 7, 9],
      ["a", FILE, 0, 50, 5, 12],
    ],
    1,
    [7],
  ],
])("%s", (_why, events, started, completed) => {
  expect(play(events)).toEqual([started, completed]);
});

test("A whole answer counts at once, also for a client that has a part, and two at once are two", () => {
  const counted = new Counted();
  const { downloads } = counted;
  downloads.addWhole("a", FILE, { start: 0, end: 100, perhaps: 100, began: 5, ended: 6 });
  downloads.add("b", FILE, { start: 0, end: 50, perhaps: 50, began: 10, ended: 20 });
  downloads.addWhole("b", FILE, { start: 0, end: 100, perhaps: 100, began: 30, ended: 33 });
  downloads.addWhole("b", FILE, { start: 0, end: 100, perhaps: 100, began: 31, ended: 35 });
  // What was left of the half is forgotten.
  downloads.add("b", FILE, { start: 50, end: 100, perhaps: 100, began: 40, ended: 44 });
  expect([counted.started, counted.completed]).toEqual([4, [1, 3, 4]]);
});

test("The download that was idle longest is given up: of all, and of one client", () => {
  const limits = { downloads: 3, ofClient: 2, intervals: 100 };
  const files = ["1", "2", "3", "4"].map((key) => ({ key, length: 100 }));
  const [first = FILE, second = FILE, third = FILE] = files;
  function half(client: string, file: FileVersion): Event {
    return [client, file, 0, 50, 1, 2];
  }
  function rest(client: string, file: FileVersion): Event {
    return [client, file, 50, 100, 3, 4];
  }
  const ofClient: Event[] = [half("a", first), half("a", second), half("a", third)];
  const ofAll: Event[] = [half("a", first), half("b", first), half("a", first), half("c", first)];
  const bounds = [];
  for (const events of [
    [...ofClient, rest("a", third), rest("a", second), rest("a", first)],
    [...ofAll, half("d", first), rest("a", first), rest("b", first)],
  ]) {
    const counted = new Counted(limits);
    const seen = play(events, counted);
    bounds.push([...seen, counted.downloads.size.downloads]);
  }
  expect(bounds).toEqual([
    [4, [3, 3], 2],
    [5, [3], 3],
  ]);
});

test("Intervals are bounded over all downloads", () => {
  const counted = new Counted({ downloads: 1_000, ofClient: 1_000, intervals: 100 });
  for (let n = 0; n < 1_000; n++) {
    const file = { key: String(n % 37), length: 100_000 };
    const part = { start: 4 * n, end: 4 * n + 1, perhaps: 0, began: n, ended: n };
    counted.downloads.add(String(n % 5), file, part);
    expect(counted.downloads.size.intervals).toBeLessThanOrEqual(100);
  }
});

test("Random parts in random order: complete once for each client and version that has all", () => {
  for (let round = 0; round < 200; round++) {
    const clients = ["a", "b", "c"];
    const files = [0, 1].map((n) => ({ key: String(n), length: 20 + n }));
    const has = new Map<string, Uint8Array>();
    const events: Event[] = [];
    let complete = 0;
    for (let n = 0; n < 60; n++) {
      const client = clients[Math.floor(Math.random() * 3)] ?? "";
      const file = files[Math.floor(Math.random() * 2)] ?? FILE;
      const start = Math.floor(Math.random() * file.length);
      const end = start + 1 + Math.floor(Math.random() * (file.length - start));
      const key = client + file.key;
      const bytes = has.get(key) ?? new Uint8Array(file.length);
      has.set(key, bytes.fill(1, start, end));
      events.push([client, file, start, end, n, n + 0.5]);
      if (bytes.includes(0)) continue;
      complete += 1;
      has.delete(key);
    }
    const [started, completed] = play(events);
    expect([events, completed.length, started - completed.length]).toEqual([
      events,
      complete,
      has.size,
    ]);
  }
});

import { expect, test } from "bun:test";
import type { Transfer } from "../files/transfer.ts";
import { RequestLog, type Stream, wholeLines } from "./request-log.ts";

/** What a line is made of; `agent` tells lines apart. */
function transfer(agent: string): Transfer {
  const fields = { get: (name: string) => (name === "user-agent" ? agent : null) };
  return {
    ...{ now: 0, client: "c", range: null, kind: "other", status: 404, owed: 1, acknowledged: 1 },
    ...{ firstByte: 0, duration: 0, outcome: "complete", fields },
    request: { method: "GET", url: "http://h/" },
    remember() {},
  } as Partial<Transfer> as Transfer;
}

/** A stream that takes texts when it is told to. */
class Reader {
  readonly texts: string[] = [];
  readonly #waiting: ((error?: Error) => void)[] = [];

  readonly stream: Stream = (text, taken) => {
    this.texts.push(text);
    this.#waiting.push(taken);
  };

  /** Takes the oldest text, or fails to. False when there is none. */
  take(error?: Error): boolean {
    const taken = this.#waiting.shift();
    taken?.(error);
    return taken !== undefined;
  }

  /** The agents of the lines that were given so far. */
  get agents(): string[] {
    return this.texts.flatMap((text) => text.match(/a\d+(?=" "-" 1)/g) ?? []);
  }
}

function open(shared = false) {
  const reader = new Reader();
  const told: string[] = [];
  const log = (line: string) => void told.push(line);
  const requestLog = new RequestLog({ format: "combined", stream: reader.stream, shared, log });
  const add = (from: number, to: number) => {
    for (let n = from; n < to; n++) requestLog.ended(transfer(`a${n}`));
  };
  return { reader, told, requestLog, add };
}

function count(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, n) => `a${from + n}`);
}

const LINE =
  '- - [01/Jan/1970:00:00:00 +0000] "GET / HTTP/1.1" 404 1 "-" "a1000" "-" 1 0.000 complete\n';
const LENGTH = LINE.length + "c ".length;

test("Lines are written after a while", async () => {
  const { reader, add } = open();
  add(1000, 1003);
  const before = reader.texts.length;
  while (reader.texts.length === 0) await new Promise(setImmediate);
  expect([before, reader.texts]).toEqual([
    0,
    [
      count(1000, 1003)
        .map((a) => `c ${LINE.replace("a1000", a)}`)
        .join(""),
    ],
  ]);
});

test("64 KiB of lines are written at once, and more when they are taken", () => {
  const { reader, add } = open();
  const full = Math.ceil(65_536 / LENGTH);
  add(1000, 1000 + full - 1);
  const early = reader.texts.length;
  add(1000 + full - 1, 1000 + 3 * full);
  const waiting = reader.texts.length;
  while (reader.take());
  const longest = Math.max(...reader.texts.map((text) => text.length));
  expect([early, waiting, longest <= 65_536]).toEqual([0, 1, true]);
  expect(reader.agents).toEqual(count(1000, 1000 + 3 * full).slice(0, reader.agents.length));
  expect(reader.agents.length).toBeGreaterThan(2 * full);
});

test("A shared pipe gets whole lines in pieces that it takes whole", () => {
  const { reader, requestLog, add } = open(true);
  add(1000, 1200);
  requestLog.flush();
  const wrong = reader.texts.filter((text) => text.length > 4096 || !text.endsWith("\n"));
  expect([wrong, reader.agents, reader.texts.length > 4]).toEqual([[], count(1000, 1200), true]);
});

test("What a stuck reader doesn't take is bounded, lost and counted", () => {
  const { reader, told, requestLog, add } = open();
  add(10_000, 40_000);
  const lost = requestLog.lost;
  const given = reader.texts.length;
  while (reader.take());
  requestLog.flush();
  while (reader.take());
  const kept = reader.agents;
  expect(given).toBe(1);
  expect(kept).toEqual(count(10_000, 40_000 - lost));
  expect(kept.length * LENGTH).toBeLessThan(1.2 * 1024 * 1024);
  expect(told).toEqual([`${lost} lines of the request log were lost: stdout was not read`]);
});

test("A full disk loses what couldn't be written, and the log goes on", () => {
  const { reader, told, requestLog, add } = open();
  add(1000, 1002);
  requestLog.flush();
  reader.take(Object.assign(new Error(), { code: "ENOSPC" }));
  add(1002, 1003);
  requestLog.flush();
  reader.take();
  expect([reader.agents, requestLog.lost, told]).toEqual([
    count(1000, 1003),
    2,
    ["2 lines of the request log were lost: stdout: ENOSPC"],
  ]);
});

test("A closed pipe ends the log with one line", () => {
  const { reader, told, requestLog, add } = open();
  add(1000, 1002);
  requestLog.flush();
  add(1002, 1003);
  reader.take(Object.assign(new Error(), { code: "EPIPE" }));
  add(1003, 1005);
  requestLog.flush();
  expect([reader.texts.length, requestLog.lost, told]).toEqual([
    1,
    5,
    ["stdout is closed: requests are no longer logged"],
  ]);
});

test.each<[string, string, number, string]>([
  ["all", "a\nb\n", 4, "a\nb\n"],
  ["those that fit", "a\nb\nc\n", 5, "a\nb\n"],
  ["exactly", "a\nb\nc\n", 4, "a\nb\n"],
  ["one that is too long", "abcdef\nb\n", 4, "abcdef\n"],
])("Whole lines: %s", (_why, text, longest, expected) => {
  expect(wholeLines(text, longest)).toBe(expected);
});

/** Which jobs are at the hasher. The test decides when the hasher answers, and what time it is. */

import { expect, test } from "bun:test";
import { Demand } from "./demand.ts";
import type { Answer, HashRequest } from "./hasher-questions.ts";
import { fileJob, filesJob, type Job, type Outcome } from "./job.ts";
import type { WantedJob } from "./wanted-job.ts";

const MIB = 1024 * 1024;
const SECOND = 1000;

function jobOf(path: string, bytes = MIB, modified = 1n): Job {
  return fileJob({ path, inode: 1n, size: bytes, modified, changed: 1n });
}

function start() {
  /** `path urgent`, with `-` before it once it was withdrawn. */
  const asked: string[] = [];
  const questions: (HashRequest & { path: string; answer: (answer: Answer) => void })[] = [];
  const ended: string[] = [];
  let clock = 0;
  const demand = new Demand({
    hasher: {
      wait: 0,
      bytesRead: 0,
      async hash({ path }, options) {
        const { promise, resolve } = Promise.withResolvers<Answer>();
        const what = `${path} ${options.urgent ? "urgent" : "background"}`;
        asked.push(what);
        options.signal.addEventListener("abort", () => {
          asked.push(`-${what}`);
          resolve({ kind: "lost" });
        });
        questions.push({ ...options, path, answer: resolve });
        return await promise;
      },
      find: () => Promise.resolve({ kind: "none" }),
      look: () => Promise.resolve(undefined),
      name: () => Promise.resolve(),
      crawl: () => Promise.resolve(undefined),
      [Symbol.dispose]() {},
    },
    ended: ({ job, done }, { kind }) => void ended.push(`${job.path} ${kind} ${done}`),
    tell() {},
    now: () => clock,
  });
  async function answer(path: string, outcome: Outcome | { kind: "lost" }): Promise<void> {
    for (const question of questions) if (question.path === path) question.answer(outcome);
    await new Promise(setImmediate);
  }
  function progress(path: string, done: number, rate: number): void {
    for (const question of questions) {
      if (question.path === path) question.progress({ done, rate });
    }
  }
  /** Asks for a job, and returns the percent and seconds that its client is told. */
  function want(job: Job, client?: string): unknown {
    const wanted = demand.want(job, client);
    return said(wanted.kind === "wanted" ? demand.pending(wanted) : wanted);
  }
  return { demand, asked, ended, answer, progress, want, later: (ms: number) => (clock += ms) };
}

function said(pending: ReturnType<Demand["pending"]>): unknown {
  return pending.kind === "pending" ? `${pending.percent} % ${pending.retryAfter} s` : pending;
}

function isWanted(found: ReturnType<Demand["want"]>): WantedJob {
  if (found.kind !== "wanted") throw new Error("It was refused");
  return found;
}

test.each<[string, (started: ReturnType<typeof start>) => unknown, string[]]>([
  [
    "is asked for once, however often",
    ({ want }) => [want(jobOf("a")), want(jobOf("a"))],
    ["a urgent"],
  ],
  [
    "that was begun in the background is asked for again when somebody waits",
    ({ demand, want }) => [demand.begin(jobOf("a")), want(jobOf("a"))],
    ["a background", "a urgent"],
  ],
  [
    "is withdrawn a minute after it was asked for last",
    ({ demand, want, later }) => {
      want(jobOf("a"));
      later(50 * SECOND);
      demand.withdraw();
      want(jobOf("a"));
      later(59 * SECOND);
      demand.withdraw();
      later(1 * SECOND);
      demand.withdraw();
    },
    ["a urgent", "-a urgent"],
  ],
  [
    "is withdrawn later when its client was told to stay away for long",
    ({ demand, want, later }) => {
      want(jobOf("a", 2 ** 40));
      later(179 * SECOND);
      demand.withdraw();
      want(jobOf("b"));
      later(1 * SECOND);
      demand.withdraw();
    },
    ["a urgent", "b urgent", "-a urgent"],
  ],
  [
    "stays in the background when nobody waits any more",
    ({ demand, want, later }) => {
      demand.begin(jobOf("a"));
      want(jobOf("a"));
      later(60 * SECOND);
      demand.withdraw();
    },
    ["a background", "a urgent", "-a urgent"],
  ],
  [
    "of another version takes the place of the one before",
    ({ want }) => [want(jobOf("a")), want(jobOf("a", MIB, 2n))],
    ["a urgent", "-a urgent", "a urgent"],
  ],
])("A job %s", (_why, act, expected) => {
  const started = start();
  act(started);
  expect(started.asked).toEqual(expected);
});

test("How a job ended is told to all who wait, and once to the keeper", async () => {
  const { demand, answer, progress, ended, asked } = start();
  demand.begin(jobOf("a"));
  const wanted = isWanted(demand.want(jobOf("a"), "client"));
  const waiting = [demand.answer(wanted, 10_000), demand.answer(wanted, 10_000)];
  const impatient = await demand.answer(wanted, 0);
  progress("a", 7, 1);
  await answer("a", { kind: "changed" });
  expect({
    impatient,
    told: await Promise.all(waiting),
    waiting: wanted.waiting.size,
    ended,
    found: demand.find(jobOf("a")),
    files: demand.files,
    asked,
  }).toEqual({
    impatient: undefined,
    told: [{ kind: "changed" }, { kind: "changed" }],
    waiting: 0,
    ended: ["a changed 7"],
    found: undefined,
    files: 0,
    asked: ["a background", "a urgent", "-a background", "-a urgent"],
  });
});

test("Retry-After follows the rate, and what is read before", () => {
  const { want, progress } = start();
  // Nothing is known of the rate: 200 MB/s.
  const first = want(jobOf("a", 600e6));
  progress("a", 100e6, 50e6);
  expect([
    first,
    want(jobOf("a", 600e6)),
    // The shorter goes first, and a fourth of the time is the other's.
    want(jobOf("b", 150e6)),
    want(jobOf("a", 600e6)),
    // Clients see progress at least once a minute.
    want(jobOf("c", 2 ** 40)),
  ]).toEqual(["0 % 3 s", "16 % 10 s", "0 % 4 s", "16 % 13 s", "0 % 60 s"]);
});

test("One client has 16 jobs, also when others ask for the same, and others have theirs", async () => {
  const { want, asked, answer } = start();
  const ask = (path: string, client?: string) => want(jobOf(path, 400e6), client);
  for (let n = 0; n < 16; n++) ask(`${n}`, "greedy");
  const said = {
    // The first of its own is done by then.
    refused: ask("one more", "greedy"),
    own: ask("3", "greedy"),
    joined: ask("3", "modest"),
    others: [ask("other", "modest"), ask("peer")],
    shorter: want(jobOf("shorter"), "greedy"),
  };
  const before = asked.splice(0).length;
  await answer("0", { kind: "changed" });
  const after = ask("one more", "greedy");
  expect({ ...said, before, after, asked }).toEqual({
    refused: "0 % 3 s",
    own: "0 % 11 s",
    joined: "0 % 11 s",
    others: ["0 % 34 s", "0 % 36 s"],
    // It takes the place of one of its own.
    shorter: "0 % 1 s",
    before: 20,
    after: "0 % 35 s",
    asked: ["-0 urgent", "one more urgent"],
  });
});

test("At the limit of jobs a shorter one takes the place of the longest", () => {
  const { want, demand, asked } = start();
  for (let n = 0; n < 1_000; n++) want(jobOf(`${n}`, (n + 1) * MIB));
  demand.begin(jobOf("background"));
  const longer = want(jobOf("longer", 1_001 * MIB));
  const shorter = want(jobOf("shorter", 1));
  expect([longer, shorter, demand.files, asked.slice(1_000)]).toEqual([
    "0 % 60 s",
    "0 % 1 s",
    1_001,
    ["background background", "-999 urgent", "shorter urgent"],
  ]);
});

test("Two folders of the largest kind leave room for a file", () => {
  const { want, demand, asked } = start();
  const files = Array.from({ length: 10_000 }, (_, n) => jobOf(`/d/${n}`).files[0]!);
  const folder = (path: string): Job => ({ kind: "folder", path, files, pieceLength: 65536 });
  const said = [folder("a"), folder("b"), jobOf("c"), folder("d")].map((job) => want(job));
  expect([said, demand.files, asked]).toEqual([
    ["0 % 53 s", "0 % 60 s", "0 % 1 s", "0 % 60 s"],
    10_001,
    ["a urgent", "b urgent", "-b urgent", "c urgent"],
  ]);
});

test("The torrent of a folder and the digests of its files don't take each other's place", () => {
  const { want, demand, asked } = start();
  const folder: Job = { ...jobOf("a"), kind: "folder" };
  for (const job of [folder, filesJob(folder), folder]) want(job);
  expect([asked, demand.find(folder)?.job.kind, demand.find(filesJob(folder))?.job.kind]).toEqual([
    ["a urgent", "a urgent"],
    "folder",
    "files",
  ]);
});

test("A job forgets a question that gave up waiting", async () => {
  const { demand } = start();
  const wanted = isWanted(demand.want(jobOf("a"), "client"));
  await Promise.all(Array.from({ length: 1_000 }, () => demand.answer(wanted, 0)));
  expect(wanted.waiting.size).toBe(0);
});

test("Disposing withdraws all jobs and ends all waiting", async () => {
  const { demand, asked, ended } = start();
  const wanted = isWanted(demand.want(jobOf("a"), "client"));
  const waiting = demand.answer(wanted, 10_000);
  demand[Symbol.dispose]();
  expect([await waiting, asked, ended]).toEqual([{ kind: "lost" }, ["a urgent", "-a urgent"], []]);
});

/** The order of work in the hasher, by a rest between chunks that the test holds. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { offsetBytes, temporaryDirectory, writeSettled } from "../test/site.ts";
import { fileJob, type Job } from "./job.ts";
import { type FromHasher, HashQueue } from "./queue.ts";
import { DigestStore } from "./store.ts";

const CHUNK = 1024 * 1024;

function jobOf(directory: string, name: string, chunks: number): Job {
  const path = join(directory, name);
  writeSettled(path, offsetBytes(chunks * CHUNK));
  const { dev, ino, size, mtimeNs } = statSync(path, { bigint: true });
  return fileJob({ path, device: dev, inode: ino, size: Number(size), modified: mtimeNs });
}

/** A queue whose answers are `id kind`; `between` is called between chunks, with their count. */
function startQueue(between: (queue: HashQueue, chunks: number) => void) {
  const answers: string[] = [];
  const { promise: idle, resolve } = Promise.withResolvers<void>();
  let [chunks, wanted] = [0, Infinity];
  function tell(message: FromHasher): void {
    if (message.kind === "progress") return;
    const what = message.kind === "answer" ? message.answer.kind : message.job?.path;
    answers.push(`${message.id} ${what}`);
    if (answers.length === wanted) resolve();
  }
  const log = () => {};
  const store = new DigestStore({ directory: undefined, infoHashOf: () => undefined, log });
  const queue = new HashQueue(store, tell, async () => {
    chunks += 1;
    between(queue, chunks);
  });
  async function answered(count: number): Promise<string[]> {
    wanted = count;
    if (answers.length < count) await idle;
    return answers;
  }
  return { queue, store, answers, answered };
}

test("Urgent jobs go before those in the background, and a long one stands still for them", async () => {
  const directory = temporaryDirectory();
  const [long, second, urgent, hurried] = [
    jobOf(directory, "long", 4),
    jobOf(directory, "second", 1),
    jobOf(directory, "urgent", 2),
    jobOf(directory, "hurried", 1),
  ];
  const { queue, answered } = startQueue((current, chunks) => {
    if (chunks !== 2) return;
    current.receive({ kind: "ask", id: 3, job: urgent, urgent: true });
    current.receive({ kind: "hurry", id: 4 });
  });
  queue.receive({ kind: "ask", id: 1, job: long, urgent: false });
  queue.receive({ kind: "ask", id: 2, job: second, urgent: false });
  queue.receive({ kind: "ask", id: 4, job: hurried, urgent: false });
  expect(await answered(4)).toEqual(["4 digested", "3 digested", "1 digested", "2 digested"]);
});

test("Once hurried, the job in hand stands still for nobody", async () => {
  const directory = temporaryDirectory();
  const [long, urgent] = [jobOf(directory, "long", 3), jobOf(directory, "urgent", 1)];
  const { queue, answered } = startQueue((current, chunks) => {
    if (chunks !== 1) return;
    current.receive({ kind: "hurry", id: 1 });
    current.receive({ kind: "ask", id: 2, job: urgent, urgent: true });
  });
  queue.receive({ kind: "ask", id: 1, job: long, urgent: false });
  expect(await answered(2)).toEqual(["1 digested", "2 digested"]);
});

test("What is kept is answered while another file is being hashed", async () => {
  const directory = temporaryDirectory();
  const [long, known] = [jobOf(directory, "long", 3), jobOf(directory, "known", 1)];
  let during: string[] = [];
  const { queue, store, answers, answered } = startQueue((current, chunks) => {
    if (chunks !== 3) return;
    current.receive({ kind: "ask", id: 3, job: known, urgent: false });
    current.receive({ kind: "find", id: 4, infoHash: new Uint8Array(20) });
    during = [...answers];
  });
  queue.receive({ kind: "ask", id: 1, job: known, urgent: false });
  queue.receive({ kind: "ask", id: 2, job: long, urgent: false });
  const all = await answered(4);
  expect({ during, all, kept: store.find(long)?.kind }).toEqual({
    during: ["1 digested", "3 digested", "4 undefined"],
    all: ["1 digested", "3 digested", "4 undefined", "2 digested"],
    kept: "file",
  });
});

test.each<[string, boolean, number, string[]]>([
  ["while it waits", false, 0, ["1 digested", "2 digested", "3 digested"]],
  ["urgently while it waits", true, 2, ["2 digested", "3 digested", "1 digested"]],
  ["urgently while it is in hand", true, 3, ["2 digested", "3 digested", "1 digested"]],
])("The same job asked for again %s is hashed once", async (_, urgent, moment, expected) => {
  const directory = temporaryDirectory();
  const [first, job] = [jobOf(directory, "first", 2), jobOf(directory, "file", 2)];
  let count = 0;
  function again(queue: HashQueue): void {
    queue.receive({ kind: "ask", id: 3, job, urgent });
  }
  const { queue, answered } = startQueue((current, chunks) => {
    count = chunks;
    if (chunks === moment) again(current);
    if (chunks === 2 && moment === 3) current.receive({ kind: "hurry", id: 2 });
  });
  queue.receive({ kind: "ask", id: 1, job: first, urgent: false });
  queue.receive({ kind: "ask", id: 2, job, urgent: false });
  if (moment === 0) again(queue);
  expect([await answered(3), count]).toEqual([expected, 4]);
});

test("Nothing is kept of a file that changed, and the next has its turn", async () => {
  const directory = temporaryDirectory();
  const [first, second] = [jobOf(directory, "first", 2), jobOf(directory, "second", 1)];
  const { queue, store, answered } = startQueue((_, chunks) => {
    if (chunks === 1) writeSettled(first.path, "CHANGED");
  });
  queue.receive({ kind: "ask", id: 1, job: first, urgent: false });
  queue.receive({ kind: "ask", id: 2, job: second, urgent: false });
  expect([await answered(2), store.find(first), store.find(second)?.kind]).toEqual([
    ["1 changed", "2 digested"],
    undefined,
    "file",
  ]);
});

/** Both ends of a line, joined by a channel that copies messages as the real one does. */

import { expect, test } from "bun:test";
import { Answerer, Asker, NoAnswer, type ToAnswerer, type ToAsker } from "./line.ts";

type Numbers = {
  /** Half of an even number; of an odd one there is none. */
  readonly half: { readonly question: number; readonly answer: number };
  /** Tells all numbers below it, and ends when it is let go on, or is withdrawn. */
  readonly count: {
    readonly question: number;
    readonly answer: string;
    readonly progress: number;
  };
  readonly function: { readonly question: null; readonly answer: () => void };
};

/** An asker and an answerer, whose messages lie in between until they are delivered. */
function connect(most?: number) {
  const toAnswerer: ToAnswerer[] = [];
  const toAsker: ToAsker[] = [];
  const { promise: letGo, resolve: goOn } = Promise.withResolvers<void>();
  const asker = new Asker<Numbers>((message) => toAnswerer.push(structuredClone(message)), most);
  const withdrawn: number[] = [];
  const answerer = new Answerer<Numbers>(
    {
      half(number) {
        if (number % 2 === 0) return number / 2;
        throw Object.assign(new Error(`${number} is odd`), { code: "EODD" });
      },
      async count(number, { progress, signal }) {
        for (let n = 0; n < number; n++) progress(n);
        const aborted = new Promise((_, reject) => {
          signal.onabort = () => {
            withdrawn.push(number);
            reject(new Error("withdrawn"));
          };
        });
        await Promise.race([letGo, aborted]);
        return "counted";
      },
      function: () => () => {},
    },
    (message) => toAsker.push(structuredClone(message)),
  );
  async function deliver(): Promise<void> {
    while (toAnswerer.length + toAsker.length > 0) {
      for (const message of toAnswerer.splice(0)) answerer.hear(message);
      await new Promise(setImmediate);
      for (const message of toAsker.splice(0)) asker.hear(message);
      await new Promise(setImmediate);
    }
  }
  return { asker, answerer, toAnswerer, toAsker, deliver, goOn, withdrawn };
}

/** What came of a question: the answer, or why there is none. */
function outcome(asked: Promise<unknown>): Promise<unknown> {
  return asked.catch(String);
}

test("Every question has its own answer, whatever their order", async () => {
  const { asker, toAnswerer, deliver } = connect();
  const asked = [
    outcome(asker.ask("half", 2)),
    outcome(asker.ask("half", 3)),
    outcome(asker.ask("half", 4)),
  ];
  toAnswerer.reverse();
  await deliver();
  expect([...(await Promise.all(asked)), asker.size]).toEqual([1, "Error: 3 is odd", 2, 0]);
});

test("A failure keeps its code, and says that the other end answered", async () => {
  const { asker, deliver } = connect();
  const asked = asker.ask("half", 1);
  const seen = asked.catch((error: unknown) => [
    error instanceof NoAnswer,
    error instanceof Error && "code" in error && error.code,
  ]);
  await deliver();
  expect(await seen).toEqual([false, "EODD"]);
});

test("Progress comes before the answer, and none after it", async () => {
  const { asker, toAsker, deliver, goOn } = connect();
  const told: unknown[] = [];
  const asked = outcome(asker.ask("count", 3, { progress: (n) => told.push(n) }));
  await deliver();
  goOn();
  await new Promise(setImmediate);
  await deliver();
  told.push(await asked);
  asker.hear({ kind: "progress", id: 1, progress: 9 });
  expect([told, toAsker]).toEqual([[0, 1, 2, "counted"], []]);
});

test("A question that is withdrawn is ended at both ends, and counts until it is answered", async () => {
  const { asker, deliver, withdrawn } = connect();
  const controller = new AbortController();
  const asked = outcome(asker.ask("count", 0, { signal: controller.signal }));
  const other = outcome(asker.ask("count", 0, { signal: AbortSignal.abort("at once") }));
  await deliver();
  controller.abort("nobody waits");
  const size = asker.size;
  const seen = await Promise.all([asked, other]);
  await deliver();
  expect([...seen, size, asker.size, withdrawn]).toEqual(["nobody waits", "at once", 1, 0, [0]]);
});

test("An answer that takes longer than the limit is none, and is withdrawn", async () => {
  const { asker, deliver, withdrawn } = connect();
  const asked = outcome(asker.ask("count", 7, { limit: 0 }));
  const seen = await Promise.all([asked]);
  await deliver();
  expect([...seen, withdrawn, asker.size]).toEqual(["Error: There was no answer for 0 ms", [7], 0]);
});

test("No more questions than the bound wait at the other end, withdrawn ones among them", async () => {
  const { asker, toAnswerer, deliver } = connect(2);
  const late = await outcome(asker.ask("half", 2, { limit: 0 }));
  const asked = [outcome(asker.ask("half", 4)), outcome(asker.ask("half", 6))];
  const sent = toAnswerer.length;
  await deliver();
  const after = outcome(asker.ask("half", 8));
  await deliver();
  expect([late, await Promise.all([...asked, after]), sent]).toEqual([
    "Error: There was no answer for 0 ms",
    [2, "Error: Too many questions wait for an answer", 4],
    3,
  ]);
});

test.each<[string, ToAsker]>([
  ["An answer that comes twice", { kind: "answer", id: 1, answer: 9 }],
  ["An answer to nothing", { kind: "answer", id: 99, answer: 9 }],
  ["A failure of nothing", { kind: "no-answer", id: 99, reason: "?", code: undefined }],
  ["Progress of nothing", { kind: "progress", id: 99, progress: 9 }],
])("%s is ignored", async (_why, message) => {
  const { asker, deliver } = connect();
  const first = outcome(asker.ask("half", 2));
  await deliver();
  const second = outcome(asker.ask("half", 4));
  asker.hear(message);
  await deliver();
  expect(await Promise.all([first, second])).toEqual([1, 2]);
});

test("An answer that can't be sent is none", async () => {
  const { asker, deliver } = connect();
  const asked = outcome(asker.ask("function", null));
  await deliver();
  expect(await Promise.all([asked])).toEqual([
    expect.stringMatching(/^Error: The object can not be cloned/),
  ]);
});

test("A question that can't be sent, or that nobody there knows, has no answer", async () => {
  const { asker, answerer, toAsker } = connect();
  const unsendable = outcome(asker.ask("half", (() => {}) as never));
  answerer.hear({ kind: "ask", id: 5, topic: "toString", question: undefined });
  const deaf = new Asker<Numbers>(() => {
    throw new NoAnswer("no line");
  });
  expect([
    ...(await Promise.all([unsendable, outcome(deaf.ask("half", 2))])),
    asker.size,
    toAsker,
  ]).toEqual([
    expect.stringMatching(/^DataCloneError/),
    "Error: no line",
    0,
    [
      {
        kind: "no-answer",
        id: 5,
        reason: 'Nobody here answers "toString"',
        code: undefined,
      },
    ],
  ]);
});

test("Nobody waits for an end that is gone", async () => {
  const { asker, answerer, toAsker, deliver, withdrawn } = connect();
  const asked = [outcome(asker.ask("half", 2)), outcome(asker.ask("count", 0))];
  await deliver();
  asked.push(outcome(asker.ask("half", 4)));
  asker.close("it is gone");
  answerer.close();
  await deliver();
  const seen = await Promise.all(asked);
  expect([...seen, asker.size, withdrawn, toAsker]).toEqual([
    1,
    "Error: it is gone",
    "Error: it is gone",
    0,
    [0],
    [],
  ]);
});

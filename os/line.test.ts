import { expect, test } from "bun:test";
import { type Answered, type Asked, Line, reply } from "./line.ts";

/** A line whose far end answers what is even, in the order `answered`. */
function connect() {
  const sent: Asked<number>[] = [];
  const line = new Line<number, string>((message) => void sent.push(message));
  const answer = async (question: number): Promise<string> => {
    if (question % 2 === 1) throw new Error(`${question} is odd`);
    return `${question} is even`;
  };
  const hear = (message: Answered<string>) => line.hear(message);
  return { line, sent, reply: (asked: Asked<number>) => reply(asked, answer, hear) };
}

/** What came of each question: the answer, or why there is none. */
async function outcomes(asked: readonly Promise<string>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(asked);
  return settled.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason)));
}

test("Every question gets its own answer, whatever their order", async () => {
  const { line, sent, reply } = connect();
  const asked = [line.ask(2), line.ask(3), line.ask(4)];
  for (const message of sent.toReversed()) await reply(message);
  expect(await outcomes(asked)).toEqual(["2 is even", "Error: Error: 3 is odd", "4 is even"]);
});

test("Nobody waits for a supervisor that is gone", async () => {
  const { line, sent, reply } = connect();
  const asked = [line.ask(2), line.ask(4)];
  line.close();
  // An answer that comes after all is nobody's.
  for (const message of sent) await reply(message);
  const deaf = new Line<number, string>(() => {
    throw new Error("no line");
  });
  expect(await outcomes([...asked, deaf.ask(2)])).toEqual([
    "Error: the supervisor is gone",
    "Error: the supervisor is gone",
    "Error: no line",
  ]);
});

/** A supervisor whose workers never get so far as to listen. */

import { expect, test } from "bun:test";
import { Supervisor } from "./supervisor.ts";

/** A supervisor of one worker that is `command`, what it logged, and how it ended. */
function supervise(command: readonly string[], listensWithin?: number) {
  const lines: string[] = [];
  const logged = new Map<number, () => void>();
  const ended = Promise.withResolvers<number>();
  const supervisor = new Supervisor({
    ...{ handed: "", count: 1, grace: 0, command, exit: ended.resolve },
    ...(listensWithin === undefined ? {} : { listensWithin }),
    log: (line) => {
      lines.push(line.replace(/\d{2,}/, "N"));
      logged.get(lines.length)?.();
    },
    tell: () => {},
    answers: {},
  });
  const until = (count: number) => new Promise<void>((resolve) => logged.set(count, resolve));
  return { supervisor, lines, until, ended: ended.promise };
}

test("a worker that hangs before it listens is killed, and another started", async () => {
  const { supervisor, lines, until, ended } = supervise(["sleep", "600"], 20);
  const second = until(3);
  const listening = supervisor.start();
  await second;
  supervisor.stop();
  expect([await ended, await listening, ...lines.slice(0, 3)]).toEqual([
    0,
    false,
    "worker N hasn't listened yet; killing it",
    "A worker ended with SIGKILL before it listened; trying again in N ms",
    "worker N hasn't listened yet; killing it",
  ]);
});

test("one that was killed from outside is tried again: memory may have been short", async () => {
  const { supervisor, lines, until, ended } = supervise(["sh", "-c", "kill -KILL $$"]);
  const second = until(2);
  const listening = supervisor.start();
  await second;
  supervisor.stop();
  expect([await ended, await listening, ...lines.slice(0, 2)]).toEqual([
    0,
    false,
    "A worker ended with SIGKILL before it listened; trying again in N ms",
    "A worker ended with SIGKILL before it listened; trying again in N ms",
  ]);
});

test("one that ends over a mistake of the operator isn't tried again", async () => {
  const { supervisor, lines } = supervise(["sh", "-c", "exit 2"]);
  const outcome = supervisor.start().catch(String);
  expect([await outcome, lines]).toEqual([
    "Error: A worker ended with code 2 before it listened",
    [],
  ]);
});

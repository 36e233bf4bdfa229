/**
 * A process that serves at a port which it shares with others, under a supervisor
 * (supervisor.ts). It ends when the supervisor tells it to, and when the supervisor is gone.
 *
 *     supervisor → worker   exclude  keep new connections from the listener at this index;
 *                                    any worker can do it for all
 *                           close    accept those that wait, answer them with
 *                                    Connection: close, then drain
 *                           stop     drain at once
 *                           ping     answer, and say what it is doing
 *                           answer   to a question (os/line.ts)
 *     worker → supervisor   ready    listening
 *                           closed   no longer listening
 *                           pong     to a ping
 *                           ask      a question about digests, documents or the tracker
 */

import { startedAs } from "../os/child-process.ts";
import { Asker, NoAnswer, type ToAnswerer, type ToAsker, type Topics } from "../os/line.ts";
import { excludeListener, excludeNoListener } from "../os/listeners.ts";
import type { Activity } from "./activity.ts";
import { type Options, takeOver } from "./options.ts";
import { drain, type Serving, takeLastCalls } from "./shutdown.ts";

/** The environment variable of a worker; its value is the options, with the port to share. */
export const WORKER = "RANGESRV_WORKER";

export type ToWorker =
  | { readonly kind: "exclude"; readonly index: number; readonly count: number }
  | { readonly kind: "exclude-none" }
  | { readonly kind: "close" }
  | { readonly kind: "stop" }
  | { readonly kind: "ping" }
  | ToAsker;
export type ToSupervisor =
  | { readonly kind: "ready" }
  | { readonly kind: "closed" }
  | { readonly kind: "pong"; readonly activity: Activity }
  | ToAnswerer;

/** The supervisor's options when this process is a worker; `port` is the one to share. */
export function workerOptions(): Options | undefined {
  const handed = startedAs(WORKER);
  return handed === undefined ? undefined : takeOver(handed);
}

/** A worker's line to its supervisor. */
export function lineToSupervisor<T extends Topics>(): Asker<T> {
  return new Asker((message) => {
    if (!process.connected) throw new NoAnswer(GONE);
    process.send?.(message);
  }, MOST_QUESTIONS);
}

/** A download is an open question where downloads are limited; a process has up to 16384 of them. */
const MOST_QUESTIONS = 4_096 + 16_384;

const GONE = "The supervisor is gone";

/** Whether this process is about to end. */
export interface LastCalls {
  /** Every answer now ends its connection, since this worker is about to close. */
  called: boolean;
  /** It listens no more, and finishes what is in flight. */
  draining: boolean;
}

/**
 * Makes this process, which listens already, a worker: it drains when the supervisor says
 * so, when the supervisor is gone, and on SIGTERM or SIGINT. Only the first of these counts.
 * Before it ends it awaits `flush`.
 */
export function obeySupervisor<T extends Topics>(
  serving: Serving,
  lastCalls: LastCalls,
  line: Asker<T>,
  grace: number,
  activity: () => Activity,
): void {
  async function end(): Promise<void> {
    if (lastCalls.draining) return;
    lastCalls.draining = true;
    setTimeout(() => process.exit(0), grace * 1000);
    const drained = drain(serving);
    tell({ kind: "closed" });
    await drained;
    process.exit(0);
  }
  function tell(message: ToSupervisor): void {
    if (process.connected) process.send?.(message);
  }
  process.on("message", (message: ToWorker) => {
    switch (message.kind) {
      case "exclude":
        return excludeListener(message.index, message.count);
      case "exclude-none":
        return excludeNoListener();
      case "stop":
        return void end();
      case "ping":
        return tell({ kind: "pong", activity: activity() });
      case "close":
        // Clients then connect again, to the successor.
        lastCalls.called = true;
        return void takeLastCalls().then(end);
      case "progress":
      case "answer":
      case "no-answer":
        return line.hear(message);
    }
  });
  process.on("disconnect", () => {
    line.close(GONE);
    void end();
  });
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", () => {});
  tell({ kind: "ready" });
}

/**
 * A process that serves at a port which it shares, as its supervisor sees fit
 * (supervisor.ts). It ends when it is told to, and when its supervisor is gone.
 *
 *     supervisor → worker   exclude  send the listener at this index nothing new (any worker can)
 *                           close    accept what waits, send connections away, then drain
 *                           stop     drain at once
 *                           answer   to what was asked (os/line.ts)
 *     worker → supervisor   ready    listening
 *                           closed   no longer listening
 *                           ask      what the supervisor alone knows
 */
import { startedAs } from "../os/child-process.ts";
import { Asker, NoAnswer, type ToAnswerer, type ToAsker, type Topics } from "../os/line.ts";
import { excludeListener, excludeNoListener } from "../os/listeners.ts";
import { drain } from "./shutdown.ts";

/** Set in a worker: the port that it shares. */
export const WORKER = "RANGESRV_WORKER";

/**
 * An excluded listener goes on accepting for so many rounds of the event loop, so many
 * milliseconds apart: a handshake begun before is over by then, and a process that gets
 * little processor time has looked at its connections as often.
 */
const LAST_CALLS = 20;
const BETWEEN_CALLS = 50;

export type ToWorker =
  | { readonly kind: "exclude"; readonly index: number; readonly count: number }
  | { readonly kind: "exclude-none" }
  | { readonly kind: "close" }
  | { readonly kind: "stop" }
  | ToAsker;
export type ToSupervisor = { readonly kind: "ready" } | { readonly kind: "closed" } | ToAnswerer;

/** The port to share when this process is a worker. */
export function workerPort(): number | undefined {
  const port = startedAs(WORKER);
  return port === undefined ? undefined : Number(port);
}

/** A worker's line to its supervisor. */
export function lineToSupervisor<T extends Topics>(): Asker<T> {
  return new Asker((message) => {
    if (!process.connected) throw new NoAnswer(GONE);
    process.send?.(message);
  });
}

const GONE = "The supervisor is gone";

/** Whether connections are to end with the answer that they are waiting for. */
export interface LastCalls {
  called: boolean;
}

/**
 * Makes this process, which listens already, a worker. It drains when it is told to
 * and when its supervisor is gone; a signal to the whole group tells it once.
 */
export function obeySupervisor<T extends Topics>(
  server: Bun.Server<undefined>,
  lastCalls: LastCalls,
  line: Asker<T>,
  grace: number,
): void {
  let draining = false;
  async function end(): Promise<void> {
    if (draining) return;
    draining = true;
    setTimeout(() => process.exit(0), grace * 1000);
    const drained = drain(server);
    tell({ kind: "closed" });
    await drained;
    process.exit(0);
  }
  function takeLastCalls(): void {
    let rounds = 0;
    const calls = setInterval(() => {
      rounds += 1;
      if (rounds < LAST_CALLS) return;
      clearInterval(calls);
      void end();
    }, BETWEEN_CALLS);
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
      case "close":
        // Whoever asks again is told to connect again, and finds a successor.
        lastCalls.called = true;
        return takeLastCalls();
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

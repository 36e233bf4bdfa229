/** SIGTERM and SIGINT: accept no more connections, finish the responses in flight, end. */

import type { Transfers } from "../files/transfers.ts";
import { INTERRUPTED } from "../os/exit-code.ts";
import type { Log } from "./log.ts";
import { reloads } from "./reload.ts";
import { serviceManager } from "./service-manager.ts";

/** What is drained: a listener of the runtime, or several. */
export interface Listener {
  readonly port: number | undefined;
  readonly pendingRequests: number;
  /** Whether bytes are on their way to clients. Without it the kernel sends all that is left. */
  readonly isSending?: boolean;
  stop(closeConnections?: boolean): Promise<void>;
}

/** Milliseconds between two looks at the number of responses in flight. */
const LOOK_EVERY = 50;

/** What a process that ends has still to do. */
export interface Serving {
  readonly server: Listener;
  /** Undefined for a listener that another has replaced. */
  readonly transfers?: Transfers;
  /** Undefined: requests aren't logged. */
  readonly requestLog?: { written(): Promise<void> } | undefined;
  /** Undefined: nothing is counted. */
  readonly metrics?: { flush(): Promise<void> } | undefined;
}

/** How many responses aren't made yet, or haven't arrived at their clients. */
export function inFlight({ server, transfers }: Serving): number {
  return Math.max(server.pendingRequests, transfers?.size ?? 0);
}

/**
 * Stops accepting, and resolves when no response is in flight any more and each has its line
 * in the log. The runtime's own stop waits for connections, and so for a client that sent
 * half a request. Over TLS a response is over for the runtime when it is encrypted, so the
 * connections must come to rest, too: at two looks, since the runtime sends what is left
 * between them.
 */
export function drain(serving: Serving): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { server, requestLog, metrics } = serving;
  let atRest = 0;
  const look = () => {
    const isBusy = inFlight(serving) > 0 || server.isSending === true;
    atRest = isBusy ? 0 : atRest + 1;
    if (atRest === (server.isSending === undefined ? 1 : 2)) resolve();
  };
  const looks = setInterval(look, LOOK_EVERY);
  void server.stop().then(look);
  return promise
    .finally(() => clearInterval(looks))
    .then(() => requestLog?.written())
    .then(() => metrics?.flush());
}

/**
 * An excluded listener goes on accepting for so many rounds of the event loop, so many
 * milliseconds apart, so that handshakes begun before can finish. Rounds are counted, since
 * a process that gets little processor time accepts nothing while only time passes.
 */
const LAST_CALLS = 20;
const BETWEEN_CALLS = 50;

/** Resolves when a listener that gets no more connections has accepted those that wait. */
export function takeLastCalls(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let rounds = 0;
  const calls = setInterval(() => {
    rounds += 1;
    if (rounds === LAST_CALLS) resolve();
  }, BETWEEN_CALLS);
  return promise.finally(() => clearInterval(calls));
}

/**
 * Milliseconds within which two signals count as one: some programs signal the process
 * and then its whole group.
 */
const ONE_SIGNAL = 100;

/** Tells a second signal from an echo of the first, which came within {@link ONE_SIGNAL}. */
export class Signals {
  #first: number | undefined;

  /** Notes that a signal came, and returns which one it is. */
  next(): "first" | "echo" | "second" {
    const now = performance.now();
    if (this.#first === undefined) {
      this.#first = now;
      return "first";
    }
    return now - this.#first < ONE_SIGNAL ? "echo" : "second";
  }
}

/**
 * Ends the process with code 0 when every response in flight is finished, or after
 * so many seconds. A second signal ends it at once.
 */
export function stopOnSignals(
  serving: Serving,
  leaving: { draining: boolean },
  seconds: number,
  log: Log,
): void {
  const signals = new Signals();
  let grace = seconds;
  reloads.on((options) => () => (grace = options.grace));
  async function stop(): Promise<void> {
    const signal = signals.next();
    if (signal === "second") process.exit(INTERRUPTED);
    if (signal === "echo") return;
    leaving.draining = true;
    serviceManager.stopping();
    log(`stopping; ${inFlight(serving)} in flight`);
    const late = setTimeout(() => {
      log(`still ${inFlight(serving)} in flight after ${grace} s`);
      process.exit(0);
    }, grace * 1000);
    await drain(serving);
    clearTimeout(late);
    process.exit(0);
  }
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

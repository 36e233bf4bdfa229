/**
 * How many connections this process takes, and what it does when there are more. The
 * runtime accepts every connection, and retries in a busy loop when no descriptor is left.
 * So the process counts its descriptors, keeps some in reserve, and at the limit
 *
 * - has the kernel drop what new clients send, who then try again by themselves;
 * - closes idle connections, the longest idle first. One that was never answered, with half
 *   a request, say, is sent a 503 when it is plain HTTP.
 *
 * Connections with a response on its way are left alone. Linux only; elsewhere nothing
 * here has an effect.
 */

import {
  type Connection,
  dismissConnection,
  listConnections,
  type Progress,
  progressOf,
} from "../os/connections.ts";
import {
  countDescriptors,
  DESCRIPTOR_LIMIT,
  reserveDescriptor,
  reservedOf,
} from "../os/descriptors.ts";
import { admitConnections, keepConnectionsOut } from "../os/listeners.ts";
import type { Log } from "./log.ts";
import type { Options } from "./options.ts";
import { reloads } from "./reload.ts";

/** Connections unless the operator says another number: 1000 clients with 16 each take 16 MiB idle. */
const DEFAULT_CONNECTIONS = 16_384;
/** Descriptors of a process without connections. */
const OWN = 32;
/** Connections of the seeder, where descriptors allow. */
const MOST_PEERS = 2000;

/** How many may be open, or are. */
export interface Bounds {
  readonly connections: number;
  /** Of all kinds. */
  readonly descriptors: number;
}

/** What may be open in a process that may have `limit` descriptors; `wanted` is the operator's number. */
export function boundsFor(limit: number, wanted: number | undefined): Bounds {
  const reserved = reservedOf(limit);
  const possible = Math.max(1, limit - reserved - OWN);
  const connections = Math.min(wanted ?? DEFAULT_CONNECTIONS, possible);
  return { connections, descriptors: limit - reserved };
}

/** Connections that this process takes. */
export function mostConnections(wanted: number | undefined): number {
  return boundsFor(DESCRIPTOR_LIMIT ?? Infinity, wanted).connections;
}

/** Connections of the seeder: at most an eighth of the descriptors. */
export const MOST_SEEDED = Math.min(MOST_PEERS, (DESCRIPTOR_LIMIT ?? Infinity) / 8);

/** What to do about the open connections. */
export interface Verdict {
  readonly isFull: boolean;
  /** How many to close. */
  readonly excess: number;
  /** Whether descriptors are running out. */
  readonly isUrgent: boolean;
}

/** A full process stays full until a sixteenth is free again. */
export function judge(open: Bounds, most: Bounds, wasFull: boolean): Verdict {
  const enough = { connections: below(most.connections), descriptors: below(most.descriptors) };
  const isUrgent = open.descriptors >= most.descriptors;
  const reached = isUrgent || open.connections >= most.connections;
  const excess = Math.max(
    open.connections - enough.connections,
    open.descriptors - enough.descriptors,
  );
  const isFull = reached || (wasFull && excess > 0);
  return { isFull, excess: isFull ? excess : 0, isUrgent };
}

/**
 * Milliseconds after which a connection counts as idle: longer than the pause between two
 * requests or two writes of a download. One that was never answered has no such pauses.
 */
function patience({ acknowledged }: Progress, isUrgent: boolean): number {
  if (!isUrgent) return 1_000;
  return acknowledged === 0 ? 0 : 100;
}

function below(most: number): number {
  return most - Math.max(1, most >> 4);
}

/** Milliseconds between two looks: with plenty of room, and with little. */
const SELDOM = 100;
const OFTEN = 10;
/** Looks that close nothing take at most one part in this many of the process's time. */
const SHARE = 50;
/** Milliseconds between two lines in the log. */
const TELL_EVERY = 60_000;

/** Begins to watch over the connections to `port`, to the end of the process. */
export function limitConnections(
  port: number,
  { maxConnections: wanted, tlsCert }: Pick<Options, "maxConnections" | "tlsCert">,
  log: Log,
): void {
  const descriptors = DESCRIPTOR_LIMIT;
  if (descriptors === undefined) return;
  reserveDescriptor();
  // To a client of TLS the plain text would be garbage.
  const refusal = tlsCert === undefined ? REFUSAL : NOTHING;
  const limit = new ConnectionLimit(port, boundsAllowed(descriptors, wanted, log), refusal, log);
  limit.enforce();
  reloads.on(({ maxConnections }) => () => {
    limit.most = boundsAllowed(descriptors, maxConnections, log);
  });
}

/** {@link boundsFor}, with a line when they are narrower than wanted. */
function boundsAllowed(descriptors: number, wanted: number | undefined, log: Log): Bounds {
  const most = boundsFor(descriptors, wanted);
  if (wanted !== undefined && most.connections < wanted) {
    log(`${descriptors} descriptors allow ${most.connections} connections, not ${wanted}`);
  }
  return most;
}

class ConnectionLimit {
  most: Bounds;
  readonly #port: number;
  /** What a client is sent that was never answered. */
  readonly #refusal: Uint8Array;
  readonly #log: Log;
  #isFull = false;
  #told = -Infinity;
  #isTold = false;
  #dismissed = 0;

  constructor(port: number, most: Bounds, refusal: Uint8Array, log: Log) {
    this.#port = port;
    this.most = most;
    this.#refusal = refusal;
    this.#log = log;
  }

  /** Enforces the limit now and again and again. */
  enforce(): void {
    const began = performance.now();
    const before = this.#dismissed;
    const next = this.#enforceOnce();
    // Connections that wait to be accepted take the places of those that were closed.
    const isUseful = this.#dismissed > before;
    const took = isUseful ? 0 : performance.now() - began;
    setTimeout(() => this.enforce(), Math.max(next, SHARE * took)).unref();
  }

  /** Returns the milliseconds until the next look. */
  #enforceOnce(): number {
    const descriptors = countDescriptors() ?? 0;
    const most = Math.min(this.most.connections, this.most.descriptors);
    // There aren't more connections than descriptors.
    if (descriptors < most && !this.#isFull) return descriptors < most / 2 ? SELDOM : OFTEN;
    const connections = listConnections(this.#port);
    if (connections === undefined) return OFTEN;
    const open = { connections: connections.length, descriptors };
    const { isFull, excess, isUrgent } = judge(open, this.most, this.#isFull);
    if (isFull && !this.#isFull) this.#close(open);
    if (excess > 0) this.#dismiss(connections, excess, isUrgent);
    if (!isFull && this.#isFull) this.#reopen();
    return OFTEN;
  }

  #close({ connections, descriptors }: Bounds): void {
    this.#isFull = true;
    keepConnectionsOut(this.#port);
    const now = performance.now();
    this.#isTold = now - this.#told > TELL_EVERY;
    if (!this.#isTold) return;
    this.#told = now;
    this.#log(
      `full: ${connections} connections (--max-connections ${this.most.connections}), ` +
        `${descriptors} descriptors (of ${DESCRIPTOR_LIMIT}); new clients wait, idle ones are closed`,
    );
  }

  #reopen(): void {
    this.#isFull = false;
    admitConnections(this.#port);
    if (this.#isTold) this.#log(`no longer full; ${this.#dismissed} idle connections were closed`);
    this.#dismissed = 0;
  }

  #dismiss(connections: readonly Connection[], excess: number, isUrgent: boolean): void {
    const idle = connections.flatMap((connection) => {
      const progress = progressOf(connection);
      if (progress === undefined || progress.sending) return [];
      return progress.idle >= patience(progress, isUrgent) ? [{ connection, progress }] : [];
    });
    idle.sort((a, b) => b.progress.idle - a.progress.idle);
    for (const { connection, progress } of idle.slice(0, excess)) {
      dismissConnection(connection, progress.acknowledged === 0 ? this.#refusal : NOTHING);
      this.#dismissed++;
    }
  }
}

const REASON = "This server has all the connections that it takes; try again\n";
const REFUSAL = Buffer.from(
  [
    "HTTP/1.1 503 Service Unavailable",
    "Retry-After: 1",
    "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    "X-Content-Type-Options: nosniff",
    `Content-Length: ${REASON.length}`,
    "",
    REASON,
  ].join("\r\n"),
);
const NOTHING = new Uint8Array();

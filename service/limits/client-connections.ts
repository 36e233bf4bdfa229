/**
 * `--max-client`: how many connections one client has at a time at this process. The
 * longest idle of them are closed for new ones. When none is idle, a request on one too many
 * waits up to 5 s for another to end, and is then told 503 with Retry-After on a connection
 * that is closed.
 */

import type { Transfer } from "../../files/transfer.ts";
import { type Plan, refuse } from "../../http/plan.ts";
import { clientNetwork } from "../../os/client-network.ts";
import type { ConnectionTable } from "../../os/connection-table.ts";
import { type Connection, dismissConnection, peerKey, progressOf } from "../../os/connections.ts";

/** Milliseconds. */
const LONGEST_WAIT = 5_000;
const LOOK_EVERY = 100;
/** Requests of this process that may wait. */
const MOST_WAITING = 1024;
/** Milliseconds without a byte after which a connection counts as idle. */
const IDLE = 2_000;

const REFUSAL: Plan = {
  ...refuse(503, "You have as many connections as one client may have", {
    "retry-after": "5",
    connection: "close",
  }),
  refusedBy: "client",
};

export class ClientConnectionLimit {
  readonly #most: () => number | undefined;
  readonly #table: ConnectionTable;
  #waiting = 0;

  constructor(most: () => number | undefined, table: ConnectionTable) {
    this.#most = most;
    this.#table = table;
  }

  /** Undefined when a request may be answered, else it waits; the promise gives the answer in its place, or undefined. */
  wait(transfer: Transfer): Promise<Plan | undefined> | undefined {
    const most = this.#most();
    if (most === undefined) return undefined;
    // Asking for it is a system call.
    const { peer, request } = transfer;
    if (peer === null) return undefined;
    const client = clientNetwork(peer.address);
    const isWithin = () => this.#isWithin(peerKey(peer), client, most);
    if (isWithin()) return undefined;
    if (this.#waiting >= MOST_WAITING) return Promise.resolve(REFUSAL);
    return this.#waitFor(isWithin, request.signal);
  }

  async #waitFor(isWithin: () => boolean, gone: AbortSignal): Promise<Plan | undefined> {
    this.#waiting += 1;
    try {
      for (let waited = 0; waited < LONGEST_WAIT; waited += LOOK_EVERY) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
        if (gone.aborted) break;
        if (isWithin()) return undefined;
      }
      return REFUSAL;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Whether it is among the first so many connections of its client, once idle ones are closed. */
  #isWithin(peer: string, client: string, most: number): boolean {
    const [own] = this.#table.find(peer);
    const all = own === undefined ? [] : this.#table.of(client);
    const rank = all.findIndex(({ cookie }) => cookie === own?.cookie);
    // One that isn't found can't be counted.
    if (rank < most) return true;
    const excess = rank + 1 - most;
    return this.#dismiss(all.slice(0, most), excess) === excess;
  }

  /** Closes so many of the longest idle, and returns how many it found. */
  #dismiss(connections: readonly Connection[], count: number): number {
    const idle = connections.flatMap((connection) => {
      const progress = progressOf(connection);
      const isIdle = progress !== undefined && !progress.sending && progress.idle >= IDLE;
      return isIdle ? [{ connection, idle: progress.idle }] : [];
    });
    idle.sort((a, b) => b.idle - a.idle);
    const dismissed = idle.slice(0, count);
    for (const { connection } of dismissed) {
      dismissConnection(connection, NOTHING);
      this.#table.forget(connection);
    }
    return dismissed.length;
  }
}

const NOTHING = new Uint8Array();

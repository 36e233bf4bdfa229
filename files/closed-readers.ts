/**
 * Clients whose connection is closed, until it is known whether they were sent everything:
 * the kernel may still be sending what it holds.
 */

import type { Delivery } from "./delivery.ts";
import type { Reader } from "./reader.ts";
import type { Outcome } from "./transfer.ts";

export class ClosedReaders {
  /** With the time at which each was seen closed, in milliseconds. */
  readonly #readers = new Map<Reader, number>();

  add(reader: Reader, now: number): void {
    this.#readers.set(reader, now);
  }

  has(reader: Reader): boolean {
    return this.#readers.has(reader);
  }

  delete(reader: Reader): void {
    this.#readers.delete(reader);
  }

  /**
   * Asks what became of them. Tells `over` how each delivery ended, and returns the clients
   * that have none left. `now` in milliseconds.
   */
  settle(
    now: number,
    over: (reader: Reader, delivery: Delivery, outcome: Outcome, ended: number) => void,
  ): Reader[] {
    const settled: Reader[] = [];
    for (const [reader, closed] of this.#readers) {
      const left = reader.deliveries.size === 0 ? undefined : reader.connections.left;
      for (const delivery of reader.deliveries) {
        const outcome = delivery.closed(left, now);
        if (outcome !== undefined)
          over(reader, delivery, outcome, left === undefined ? closed : now);
      }
      if (reader.deliveries.size === 0) settled.push(reader);
    }
    return settled;
  }
}

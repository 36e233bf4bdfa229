/**
 * Whether a connection takes all that it gets, by what the kernel says of it at each look.
 * Pure. The kernel sends whole packets, two or so at a time: a connection at 10 kB/s sends
 * one every 150 ms. So what is expected of it is added up until it is some packets.
 */

/** What happened between two looks at a connection. */
export interface Look {
  /** Seconds. */
  readonly elapsed: number;
  /** Bytes that were acknowledged. */
  readonly acknowledged: number;
  /** Seconds for which the client had no room for more. */
  readonly withoutRoom: number;
  /** Whether bytes are on their way now. */
  readonly sending: boolean;
  /** Bytes a second that it was held to. */
  readonly pace: number;
  /** Bytes of data in a full packet. */
  readonly packet: number;
}

/** Packets that must be expected before a connection is judged. */
const ENOUGH = 16;
/** Packets that may be on their way: not missing, though not acknowledged. */
const UNDER_WAY = 3;
/** The part of what is expected that counts as all. */
const NEARLY_ALL = 0.92;

export class Demand {
  /** It takes all that it gets, or it isn't known yet. */
  hungry = true;
  /** Bytes a second that it takes; of use when it isn't hungry. */
  taken = 0;
  #expected = 0;
  #acknowledged = 0;
  #elapsed = 0;

  /** A response begins on it. */
  begin(): void {
    this.hungry = true;
    this.#forget();
  }

  see({ elapsed, acknowledged, withoutRoom, sending, pace, packet }: Look): void {
    const isIdle = !sending && acknowledged === 0;
    if (isIdle || withoutRoom > elapsed / 2) {
      this.hungry = false;
      this.taken = elapsed > 0 ? acknowledged / elapsed : 0;
      return this.#forget();
    }
    this.#expected += pace * elapsed;
    this.#acknowledged += acknowledged;
    this.#elapsed += elapsed;
    if (this.#expected < ENOUGH * packet) return;
    const all = NEARLY_ALL * this.#expected;
    this.hungry = pace === Infinity || this.#acknowledged + UNDER_WAY * packet >= all;
    this.taken = this.#acknowledged / this.#elapsed;
    this.#forget();
  }

  #forget(): void {
    this.#expected = 0;
    this.#acknowledged = 0;
    this.#elapsed = 0;
  }
}

/** How many times as fast as now a connection may become at once that takes less than its share. */
const ROOM = 1.5;
/** No connection gets less, however many there are: clients give up a download that seems to stand. */
export const LEAST_PACE = 1000;

/** Bytes a second to hold a connection to. */
export function paceFor(
  { hungry, taken }: Pick<Demand, "hungry" | "taken">,
  { level, assured }: { readonly level: number; readonly assured: number },
): number {
  return Math.max(LEAST_PACE, hungry ? level : Math.min(level, Math.max(ROOM * taken, assured)));
}

/**
 * Whether a connection takes all that it gets, by what the kernel says of it at each look.
 * Pure. The kernel paces bursts, not packets: at least two packets, and up to 64 KiB where
 * the round trip is short. At 20 kB/s such a burst is followed by a pause of three seconds.
 * So what is expected of a connection is added up until it is some bursts.
 */

/** What happened between two looks at a connection. */
export interface Look {
  /** Seconds. */
  readonly elapsed: number;
  /** Bytes that were acknowledged. */
  readonly acknowledged: number;
  /** Seconds for which the client had no room for more. */
  readonly withoutRoom: number;
  /** Whether bytes are on their way now, or wait for it. */
  readonly sending: boolean;
  /** Whether bytes wait and none are on their way: nothing but its pace holds it back. */
  readonly heldBack: boolean;
  /** Bytes a second that it was held to. */
  readonly pace: number;
  /** Bytes that the kernel sends at once. */
  readonly burst: number;
}

/** Bursts that must be expected before a connection is judged. */
const ENOUGH = 8;
/** The part of what is expected that counts as all, besides one burst. */
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

  see({ elapsed, acknowledged, withoutRoom, sending, heldBack, pace, burst }: Look): void {
    const isIdle = !sending && acknowledged === 0;
    if (isIdle || withoutRoom > elapsed / 2) {
      this.hungry = false;
      this.taken = elapsed > 0 ? acknowledged / elapsed : 0;
      return this.#forget();
    }
    this.#expected += pace * elapsed;
    this.#acknowledged += acknowledged;
    this.#elapsed += elapsed;
    if (heldBack) this.hungry = true;
    if (this.#expected < ENOUGH * burst) return;
    const isShort = this.#acknowledged + burst < NEARLY_ALL * this.#expected;
    this.hungry = heldBack || pace === Infinity || !isShort;
    this.taken = this.#acknowledged / this.#elapsed;
    this.#forget();
  }

  #forget(): void {
    this.#expected = 0;
    this.#acknowledged = 0;
    this.#elapsed = 0;
  }
}

/** Bytes: what the kernel sends at once where a round trip takes no time; half of it for each 512 µs. */
const LONGEST_BURST = 64 * 1024;

/**
 * Bytes that the kernel sends at once: the data of a millisecond, at least two packets, and
 * more over a short round trip (microseconds).
 */
export function burstAt(pace: number, packet: number, roundTrip: number): number {
  const paced = Math.min(LONGEST_BURST, Math.max(2 * packet, pace / 1024));
  return paced + LONGEST_BURST / 2 ** Math.floor(roundTrip / 512);
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

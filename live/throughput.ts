/**
 * Bytes sent in each of the last three minutes' seconds. A second without bytes costs
 * nothing: it isn't written.
 */

/** Seconds that are kept. */
export const KEPT_SECONDS = 180;

export class Throughput {
  readonly #bytes = new Float64Array(KEPT_SECONDS);
  /** The latest second that has a value. */
  #newest = 0;

  /** Adds bytes that were sent in `second`, since 1970. An earlier second than the latest counts as that. */
  add(second: number, bytes: number): void {
    if (bytes <= 0) return;
    this.#forget(second);
    this.#newest = Math.max(this.#newest, second);
    const slot = this.#newest % KEPT_SECONDS;
    this.#bytes[slot] = (this.#bytes[slot] ?? 0) + bytes;
  }

  /** Bytes a second up to `second`, which is left out, the oldest first. */
  until(second: number): number[] {
    return Array.from({ length: KEPT_SECONDS }, (_, n) => {
      const at = second - KEPT_SECONDS + n;
      const isKept = at <= this.#newest && at > this.#newest - KEPT_SECONDS;
      return isKept ? (this.#bytes[at % KEPT_SECONDS] ?? 0) : 0;
    });
  }

  /** Empties the seconds that went by without bytes. */
  #forget(second: number): void {
    const silent = Math.min(KEPT_SECONDS, second - this.#newest);
    for (let n = 1; n <= silent; n++) this.#bytes[(this.#newest + n) % KEPT_SECONDS] = 0;
  }
}

/** Notes once a second by how much a total has grown, as long as there is something to note. */
export class Sampler {
  readonly throughput = new Throughput();
  readonly #total: () => number;
  readonly #isBusy: () => boolean;
  #before = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `total` in bytes; `isBusy`: whether more may come. */
  constructor(total: () => number, isBusy: () => boolean) {
    this.#total = total;
    this.#isBusy = isBusy;
  }

  /** Something is about to be sent. */
  wake(): void {
    this.#timer ??= setInterval(() => this.#note(), 1000).unref();
  }

  #note(): void {
    const total = this.#total();
    const grown = total - this.#before;
    this.#before = total;
    this.throughput.add(secondOf(Date.now()), grown);
    if (grown > 0 || this.#isBusy()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Of a time in milliseconds. */
export function secondOf(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

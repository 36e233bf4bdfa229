/** How much a link has carried of late. */
export class Rate {
  #bytes = 0;
  #at = 0;

  add(bytes: number, now: number): void {
    this.#bytes = this.perSecond(now) + bytes;
    this.#at = now;
  }

  /** Bytes a second, `now` in milliseconds: what went a second ago counts a third of what goes now. */
  perSecond(now: number): number {
    return this.#bytes * Math.exp((this.#at - now) / 1000);
  }
}

/** The bytes of one torrent that this server has sent, in all and of late. */

export class Uplink {
  /** Bytes in all, and of pieces that a peer had already. */
  sent = 0;
  repeated = 0;
  /** Milliseconds: when a block was last sent. */
  sentAt = 0;
  /** Bytes, of which those sent a second before `sentAt` count a third. */
  #recent = 0;

  add(bytes: number, now: number): void {
    this.#recent = this.perSecond(now) + bytes;
    this.sent += bytes;
    this.sentAt = now;
  }

  /** Bytes a second, `now` in milliseconds. */
  perSecond(now: number): number {
    return this.#recent * Math.exp((this.sentAt - now) / 1000);
  }
}

/** One connection that is held to a rate: what it wants, and what the kernel holds it to. */

import { type Connection, progressOf } from "../../os/connections.ts";
import { pace } from "../../os/pacing.ts";
import { burstAt, Demand, paceFor } from "./demand.ts";
import type { Share } from "./shares.ts";

/** Packets of a connection that the kernel never holds back. */
const FIRST_PACKETS = 10;
/** Of a full packet, when it isn't known. */
const PACKET = 1448;
/** The part by which a pace must change for the kernel to be told. */
const SAME = 0.005;
/** Milliseconds after which a connection that sends nothing is let go: with nothing owed, and with something. */
const IDLE = 1_000;
const IDLE_OWING = 30_000;

/** Over: nothing was sent for so long that it is let go. */
export type Seen = "open" | "over" | "gone";

/** Who is told for how long it was held back, in milliseconds. */
export interface Throttled {
  throttled: number;
}

export class Paced {
  readonly demand = new Demand();
  /** Bytes acknowledged since the last look. */
  sent = 0;
  /** Seconds between the last two looks. */
  elapsed = 0;
  #pace = Infinity;
  #acknowledged: number;
  #withoutRoom = 0;
  #packet = PACKET;
  #looked: number;
  #active: number;
  /** Bytes of bodies that were begun and aren't acknowledged. */
  #owed = 0;
  #told: Throttled | undefined;

  constructor(
    readonly connection: Connection,
    /** The network of its client. */
    public client: string,
    /** By `performance.now()`, as all times here. */
    now: number,
  ) {
    const progress = progressOf(connection);
    this.#acknowledged = progress?.acknowledged ?? 0;
    this.#withoutRoom = progress?.withoutRoom ?? 0;
    this.#looked = now;
    this.#active = now;
  }

  get pace(): number {
    return this.#pace;
  }

  /** A body of so many bytes is about to be sent. */
  begin(owed: number, now: number, told?: Throttled): void {
    this.#told = told;
    if (this.#owed === 0) this.demand.begin();
    this.#owed += owed;
    this.#active = now;
  }

  look(now: number): Seen {
    const progress = progressOf(this.connection);
    const elapsed = (now - this.#looked) / 1000;
    this.elapsed = elapsed;
    this.#looked = now;
    if (progress === undefined) {
      this.sent = this.#possible(elapsed);
      return "gone";
    }
    const { acknowledged, withoutRoom, sending, packet, waiting, underWay, roundTrip } = progress;
    this.sent = acknowledged - this.#acknowledged;
    const stalled = (withoutRoom - this.#withoutRoom) / 1e6;
    this.#acknowledged = acknowledged;
    this.#withoutRoom = withoutRoom;
    this.#packet = packet;
    this.#owed = Math.max(0, this.#owed - this.sent);
    const heldBack = waiting > 0 && underWay === 0 && stalled === 0;
    const burst = burstAt(this.#pace, packet, roundTrip);
    const seen = { elapsed, acknowledged: this.sent, withoutRoom: stalled, sending };
    this.demand.see({ ...seen, heldBack, burst, pace: this.#pace });
    if (sending || this.sent > 0) this.#active = now;
    return now - this.#active > (this.#owed > 0 ? IDLE_OWING : IDLE) ? "over" : "open";
  }

  /** It took all that it got, and would have taken more, since the look before the last. */
  tell(): void {
    if (this.#told !== undefined) this.#told.throttled += 1000 * this.elapsed;
  }

  /** What it may have sent since the last look, before it was closed. */
  #possible(elapsed: number): number {
    return Math.min(this.#owed, this.#pace * elapsed + FIRST_PACKETS * this.#packet);
  }

  /** Holds it to its share of what its client gets. */
  hold(share: Pick<Share, "level" | "assured">): void {
    this.holdTo(paceFor(this.demand, share));
  }

  holdTo(bytesPerSecond: number): void {
    const isSame = Math.abs(bytesPerSecond - this.#pace) <= SAME * this.#pace;
    if (bytesPerSecond === this.#pace || (isSame && this.#pace !== Infinity)) return;
    this.#pace = bytesPerSecond;
    pace(this.connection, bytesPerSecond);
  }
}

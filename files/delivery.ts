/**
 * How much of one streamed answer has arrived, and how it ended, by what the kernel says of
 * its connection.
 *
 *     written on the connection:   earlier answers │ header │ body of this one
 *     acknowledged at a look:      ───────────────────────────────►
 *
 * Where the answer begins is exact when its connection was known before it began, or when
 * the connection has carried no other request. Else it is what had been written at the first
 * look, at most 10 ms later: then too little counts as acknowledged until the answer is
 * complete, never too much. Over TLS the kernel counts records, which are 0.2 % more than
 * the body.
 */

import type { ClientConnections } from "./client-connections.ts";
import type { Reader } from "./reader.ts";
import type { Streamed } from "./streamed-files.ts";
import { LONGEST_PAUSE, longestHeader, type Outcome, targetOf, type Transfer } from "./transfer.ts";

/** Milliseconds by which the runtime may count a pause shorter than this does. */
const COARSE = 8_000;

export class Delivery {
  readonly #header: number;
  /** Bytes written on the connection before this answer; undefined: not known yet. */
  #before: number | undefined;
  /** Milliseconds: the last look that saw its connection, and the last at which more had arrived. */
  #looked: number;
  #progressed: number;
  /** Bytes a millisecond between the last two looks. */
  #rate = 0;
  /** Whether its connection had other answers, too. Then `acknowledged` stays as it was before. */
  #isShared = false;
  /** Bytes written on the connection when the runtime had read all of it; undefined before. */
  #end: number | undefined;
  /** When the client asked again on what may be this connection, in milliseconds. */
  askedAgain: number | undefined;

  /** `now` by `performance.now()`, as all times here. */
  constructor(
    readonly transfer: Transfer,
    /** The file that it is sent from; undefined: none that is watched. */
    readonly streamed: Streamed<Reader> | undefined,
    before: number | undefined,
    now: number,
  ) {
    this.#header = longestHeader(transfer.plan);
    this.#before = before;
    this.#looked = now;
    this.#progressed = now;
  }

  /** The only answer on the only one of `connections`, on which so many bytes are acknowledged. */
  see(acknowledged: number, connections: ClientConnections, now: number): void {
    // Nothing tells which of the bytes were of others.
    if (this.#isShared) return;
    this.#before ??= this.#isFirst(connections) ? 0 : (connections.written ?? acknowledged);
    const { transfer } = this;
    const earlier = transfer.acknowledged ?? 0;
    const arrived = acknowledged - this.#before - this.#header;
    transfer.acknowledged = Math.max(earlier, Math.min(transfer.owed, arrived));
    if (transfer.acknowledged > earlier) this.#progressed = now;
    if (now > this.#looked) this.#rate = (transfer.acknowledged - earlier) / (now - this.#looked);
    this.#looked = now;
  }

  /**
   * One of several answers on a connection, as HTTP/2 has them: whether so many acknowledged
   * bytes contain all of it. True at the second look at the earliest, so that its file was
   * looked at after it was read.
   */
  hasArrived(acknowledged: number, written: () => number | undefined): boolean {
    this.#isShared = true;
    if (this.#end !== undefined) return acknowledged >= this.#end;
    if (!this.transfer.beingMade && !this.transfer.isBeingRead) this.#end = written() ?? Infinity;
    return false;
  }

  /** Whether what was read from a connection leaves no room for a request before this one. */
  #isFirst({ read }: ClientConnections): boolean {
    return read - shortestRequest(this.transfer) < SHORTEST;
  }

  /** The client closed the connection, or the runtime did, before the body was written. */
  cutOff(now: number): Outcome {
    return now - this.#progressed >= LONGEST_PAUSE * 1000 - COARSE ? "timed out" : "aborted";
  }

  /**
   * How it ended when its connection is closed and the runtime had written the body. `left`:
   * bytes that the kernel still sends on it; undefined: it has nothing of it any more.
   * Undefined while it goes on.
   */
  closed(left: number | undefined, now: number): Outcome | undefined {
    if (left === undefined) return this.#gone(now);
    if (left === 0) return "complete";
    const { transfer } = this;
    const arrived = Math.max(0, transfer.owed - left);
    transfer.acknowledged = Math.max(transfer.acknowledged ?? 0, arrived);
    this.#looked = now;
    return undefined;
  }

  /** What was left at the last look may have arrived before the client closed the connection. */
  #gone(now: number): Outcome {
    const { owed, acknowledged, began } = this.transfer;
    if (acknowledged === undefined) return "complete";
    const average = acknowledged / Math.max(1, this.#looked - began);
    const possible = Math.max(average, this.#rate) * (now - this.#looked) * FASTER;
    return owed - acknowledged <= possible ? "complete" : "aborted";
  }
}

/** The last bytes may arrive so many times faster than those before. */
const FASTER = 4;

/** Bytes of the shortest request: `GET / HTTP/1.0` and two line breaks. */
const SHORTEST = 18;

/** The fewest bytes in which a client can have sent this request. */
function shortestRequest({ request }: Transfer): number {
  let length = request.method.length + targetOf(request.url).length + "  HTTP/1.1\r\n\r\n".length;
  for (const [name, value] of request.headers)
    length += name.length + value.length + ":\r\n".length;
  return length;
}

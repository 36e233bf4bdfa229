/**
 * Responses that the runtime streams from a file on its own. Each is one version of its
 * file or ends early: while one is in flight its file is looked at every few milliseconds,
 * and its connection is ended when the file has become another version.
 *
 * The runtime tells the client's address and port, and not when a response is complete.
 * The kernel tells the rest: which connections of this process come from there to the
 * server's port, and whether everything they were sent has been acknowledged. A client may
 * use one port of its own for connections to several addresses of this machine. Nothing
 * tells which of them a response is on, so all of them are ended when its file changes, and
 * the response counts as in flight until all of them are at rest.
 * What the looks find is told to the record of each response (delivery.ts).
 */

import { CAN_END_CONNECTIONS, findConnections, type Peer, peerKey } from "../os/connections.ts";
import { ClosedReaders } from "./closed-readers.ts";
import { Delivery } from "./delivery.ts";
import { KnownConnections } from "./known-connections.ts";
import type { OpenFile } from "./open-file.ts";
import type { Made } from "./parts.ts";
import { isBeingMade, newReader, NOTHING, type Reader } from "./reader.ts";
import { StreamedFiles } from "./streamed-files.ts";
import type { Outcome, Transfer, Watcher } from "./transfer.ts";
import type { Transfers } from "./transfers.ts";

/** Milliseconds between two looks at the files in flight; longer when looking takes long. */
const LOOK_EVERY = 10;
/** Looking takes at most one part in this many of the process's time. */
const SHARE = 50;
/** Readers that one look checks for completeness; the next look goes on behind them. */
const CHECKED_AT_ONCE = 64;

export class InFlight implements Watcher {
  readonly #files: StreamedFiles<Reader>;
  readonly #readers = new Map<string, Reader>();
  readonly #known = new KnownConnections();
  /** The server's port. */
  readonly #port: () => number;
  readonly #log: (line: string) => void;
  readonly #transfers: Transfers;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The readers that are still to be checked in this round. */
  #unchecked: Iterator<Reader> | undefined;
  /** When connections may be searched again, in milliseconds: a search takes longer the more there are. */
  #nextSearch = 0;
  readonly #closed = new ClosedReaders();

  constructor(port: () => number, log: (line: string) => void, transfers: Transfers) {
    this.#port = port;
    this.#log = log;
    this.#transfers = transfers;
    this.#files = new StreamedFiles(log);
  }

  /** How many clients are being sent a response. */
  get size(): number {
    return this.#readers.size;
  }

  /** Keeps `file` open meanwhile. */
  watch(transfer: Transfer, file?: OpenFile): void {
    this.#transfers.begin(transfer);
    // The runtime opens the file itself, by its descriptor, before the next turn of the event loop.
    file?.retain();
    setImmediate(() => file?.release());
    const { peer, request, now, owed } = transfer;
    if (peer === null) return this.#transfers.end(transfer, "aborted");
    if (!CAN_END_CONNECTIONS) return this.#transfers.end(transfer, "complete");
    const key = peerKey(peer);
    const reader = this.#readers.get(key) ?? newReader(key);
    this.#readers.set(key, reader);
    this.#closed.delete(reader);
    reader.connections.forget();
    const streamed = file && this.#files.add(file, reader, now);
    reader.earlier = new Set([...reader.earlier].filter((one) => one !== streamed));
    const before = this.#writtenTo(reader);
    reader.owed = Math.max(reader.owed, (before ?? 0) + owed);
    const delivery = new Delivery(transfer, streamed, before, performance.now());
    reader.deliveries.add(delivery);
    transfer.connections = reader.connections;
    request.signal.addEventListener("abort", () => this.#cutOff(reader, delivery));
    if (this.#timer === undefined) this.#lookIn(LOOK_EVERY);
  }

  made(transfer: Transfer, how: Made): void {
    transfer.beingMade = false;
    // Whether an unwanted or a whole body arrived is seen at its connection.
    if (how === "changed") this.#transfers.end(transfer, "changed");
    if (how === "failed") this.#transfers.end(transfer, "aborted");
  }

  /** Bytes that were written on the client's only connection; undefined when it isn't known. */
  #writtenTo(reader: Reader): number | undefined {
    const written = this.#known.written(reader.key);
    if (written !== undefined) return written;
    if (performance.now() >= this.#nextSearch) this.#find([reader]);
    return reader.connections.written;
  }

  /** A connection is gone, and its response with it. The next look finds whether the client has others. */
  #cutOff(reader: Reader, delivery: Delivery): void {
    const now = performance.now();
    this.#over(reader, delivery, delivery.cutOff(now), now);
    reader.connections.forget();
  }

  /**
   * `peer` asks again: but by HTTP/2 the last response on its connection is over. When its file
   * is shorter now, that body fell short, and the client would take the next answer for the
   * rest of it: ends the connection and returns false.
   */
  release(peer: Peer | null): boolean {
    const reader = peer === null ? undefined : this.#readers.get(peerKey(peer));
    if (reader === undefined) return true;
    for (const streamed of reader.streamed) {
      if (reader.earlier.has(streamed) || !this.#files.isShorter(streamed)) continue;
      this.#end(new Set([reader]));
      return false;
    }
    this.#askedAgain(reader);
    return true;
  }

  #askedAgain(reader: Reader): void {
    const { connections } = reader;
    // By HTTP/2 it has several at a time: each is over when the looks find so.
    if (isBeingMade(reader)) return connections.forget();
    if (!connections.count) {
      // If the next look finds one connection, it is the one that asks.
      reader.earlier = new Set(reader.streamed);
      const now = performance.now();
      for (const delivery of reader.deliveries) delivery.askedAgain ??= now;
      reader.owed = 0;
    } else if (connections.count === 1 && connections.wereReadFrom()) {
      // Otherwise the request came on another connection from the same port.
      this.#release(reader);
    }
    connections.forget();
  }

  #lookIn(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#look(), milliseconds).unref();
  }

  #look(): void {
    const began = performance.now();
    try {
      this.#releaseComplete(began);
      const changed = this.#files.look();
      if (changed.size > 0) this.#end(changed);
    } catch (error) {
      this.#log(`Cannot look at the files in flight: ${String(error)}`);
    }
    if (this.#readers.size === 0) this.#timer = undefined;
    else this.#lookIn(Math.max(LOOK_EVERY, SHARE * (performance.now() - began)));
  }

  #releaseComplete(now: number): void {
    if (now >= this.#nextSearch) this.#find(this.#readers.values());
    this.#unchecked ??= this.#readers.values();
    for (let n = 0; n < CHECKED_AT_ONCE; n++) {
      const { value: reader, done } = this.#unchecked.next();
      if (done === true) {
        this.#unchecked = undefined;
        break;
      }
      if (!this.#closed.has(reader)) this.#check(reader, now);
    }
    const over = this.#over.bind(this);
    for (const reader of this.#closed.settle(now, over)) this.#release(reader);
  }

  #check(reader: Reader, now: number): void {
    const { connections, deliveries } = reader;
    const complete = connections.haveAll(reader.owed);
    const { sight } = connections;
    if (sight !== undefined && connections.count === 1) {
      const [one, another] = deliveries;
      if (another !== undefined) this.#checkShared(reader, sight.acknowledged, now);
      else one?.see(sight.acknowledged, connections, now);
    }
    if (!complete) return;
    if (connections.gone) this.#close(reader, now);
    else if (!isBeingMade(reader)) this.#release(reader, sight && now - sight.age);
  }

  /** Several answers on one connection: those that have arrived are over, and their files no longer watched. */
  #checkShared(reader: Reader, acknowledged: number, now: number): void {
    const { connections, deliveries } = reader;
    for (const delivery of deliveries) {
      if (!delivery.hasArrived(acknowledged, () => connections.written)) continue;
      this.#over(reader, delivery, "complete", now);
      const { streamed } = delivery;
      if ([...deliveries].some((other) => other.streamed === streamed)) continue;
      this.#files.drop(reader, new Set(streamed && [streamed]));
    }
  }

  /** Nothing is read from its files any more. */
  #close(reader: Reader, now: number): void {
    this.#closed.add(reader, now);
    this.#files.drop(reader, reader.streamed);
  }

  /**
   * Finds all connections of those readers that have asked since theirs were last found. The
   * table (os/connection-table.ts) won't do: it looks for no second one where it knows one.
   */
  #find(readers: Iterable<Reader>): void {
    const unknown = new Map<string, Reader>();
    for (const reader of readers) {
      if (reader.connections.count === undefined) unknown.set(reader.key, reader);
    }
    if (unknown.size === 0) return;
    const began = performance.now();
    const found = findConnections(this.#port(), unknown);
    const ended = performance.now();
    this.#nextSearch = ended + SHARE * (ended - began);
    if (found === undefined) return;
    for (const [key, reader] of unknown) {
      const [connection, ...others] = found.get(key) ?? [];
      reader.connections.set(found.get(key) ?? []);
      if (connection !== undefined && others.length === 0) {
        this.#known.set(key, connection);
        this.#endEarlier(reader);
      }
      reader.earlier = NOTHING;
    }
  }

  /** The client has one connection: what it was sent before it asked again is over. */
  #endEarlier(reader: Reader): void {
    this.#files.drop(reader, reader.earlier);
    for (const delivery of reader.deliveries) {
      const { askedAgain } = delivery;
      if (askedAgain !== undefined) this.#over(reader, delivery, "complete", askedAgain);
    }
  }

  /** Ends the connections of readers. When no descriptor is left to find them, the next look tries again. */
  #end(readers: ReadonlySet<Reader>): void {
    this.#find(readers);
    const now = performance.now();
    for (const reader of readers) {
      if (reader.connections.count === undefined) continue;
      reader.connections.end();
      for (const delivery of reader.deliveries) this.#over(reader, delivery, "changed", now);
      this.#release(reader);
    }
  }

  /** What the client was sent is over, at `ended` by `performance.now()`. */
  #release(reader: Reader, ended = performance.now()): void {
    for (const delivery of reader.deliveries) this.#over(reader, delivery, "complete", ended);
    this.#closed.delete(reader);
    this.#readers.delete(reader.key);
    this.#files.drop(reader, reader.streamed);
  }

  #over(reader: Reader, delivery: Delivery, outcome: Outcome, now: number): void {
    reader.deliveries.delete(delivery);
    this.#transfers.end(delivery.transfer, outcome, now);
  }
}

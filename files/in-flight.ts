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
 */

import { CAN_END_CONNECTIONS, findConnections, type Peer, peerKey } from "../os/connections.ts";
import { ClientConnections } from "./client-connections.ts";
import type { OpenFile } from "./open-file.ts";
import { WatchedFile } from "./watched-file.ts";

/** Milliseconds between two looks at the files in flight; longer when looking takes long. */
const LOOK_EVERY = 10;
/** Looking takes at most one part in this many of the process's time. */
const SHARE = 50;
/** Readers that one look checks for completeness; the next look goes on behind them. */
const CHECKED_AT_ONCE = 64;

/** One version of one file, and the clients that are being sent it. */
interface Streamed {
  readonly watched: WatchedFile;
  /** Whether the last look found a new date and no other change. */
  dated: boolean;
  readonly readers: Set<Reader>;
}

/** A client, and what it is being sent. */
interface Reader {
  /** Of its address and port. */
  readonly key: string;
  readonly connections: ClientConnections;
  readonly streamed: Set<Streamed>;
  /** Those of `streamed` that began before its latest request. */
  earlier: ReadonlySet<Streamed>;
  /** Body bytes of its largest response since then: not complete before they are acknowledged. */
  owed: number;
}

export class InFlight {
  readonly #byFile = new Map<OpenFile, Streamed>();
  readonly #readers = new Map<string, Reader>();
  /** The server's port. */
  readonly #port: () => number;
  readonly #log: (line: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The readers that are still to be checked in this round. */
  #unchecked: Iterator<Reader> | undefined;
  /** When connections may be searched again, in milliseconds: a search takes longer the more there are. */
  #nextSearch = 0;

  constructor(port: () => number, log: (line: string) => void) {
    this.#port = port;
    this.#log = log;
  }

  /** How many clients are being sent a file. */
  get size(): number {
    return this.#readers.size;
  }

  /**
   * Watches the response of `owed` body bytes that `peer` is about to be sent, and keeps its
   * file open meanwhile. `peer` is null when its connection is gone already.
   */
  watch(peer: Peer | null, file: OpenFile, owed: number, now: number): void {
    file.retain();
    // The runtime opens the file itself, by its descriptor, before the next turn of the event loop.
    setImmediate(() => file.release());
    if (peer === null || !CAN_END_CONNECTIONS) return;
    let streamed = this.#byFile.get(file);
    if (streamed === undefined) {
      streamed = { watched: new WatchedFile(file, now), dated: false, readers: new Set() };
      this.#byFile.set(file, streamed);
      file.retain();
    }
    const key = peerKey(peer);
    const reader = this.#readers.get(key) ?? newReader(key);
    this.#readers.set(key, reader);
    reader.streamed.add(streamed);
    reader.earlier = new Set([...reader.earlier].filter((one) => one !== streamed));
    streamed.readers.add(reader);
    reader.owed = Math.max(reader.owed, owed);
    reader.connections.forget();
    if (this.#timer === undefined) this.#lookIn(LOOK_EVERY);
  }

  /** A connection to `peer` is gone, and its response with it. The next look finds whether it has others. */
  forget(peer: Peer | null): void {
    const reader = peer === null ? undefined : this.#readers.get(peerKey(peer));
    reader?.connections.forget();
  }

  /**
   * `peer` asks again, so the last response on its connection is over. When its file is
   * shorter now, that body fell short: ends the connection and returns false, since the client
   * would take the next answer for the rest of the body.
   */
  release(peer: Peer | null): boolean {
    const reader = peer === null ? undefined : this.#readers.get(peerKey(peer));
    if (reader === undefined) return true;
    for (const streamed of reader.streamed) {
      if (reader.earlier.has(streamed) || !this.#isShorter(streamed)) continue;
      this.#end(new Set([reader]));
      return false;
    }
    this.#askedAgain(reader);
    return true;
  }

  #askedAgain(reader: Reader): void {
    const { connections } = reader;
    if (!connections.count) {
      // If the next look finds one connection, it is the one that asks.
      reader.earlier = new Set(reader.streamed);
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
      const changed = new Set<Reader>();
      for (const streamed of this.#byFile.values()) {
        if (this.#isUnchanged(streamed)) continue;
        for (const reader of streamed.readers) changed.add(reader);
      }
      if (changed.size > 0) this.#end(changed);
    } catch (error) {
      this.#log(`Cannot look at the files in flight: ${String(error)}`);
    }
    if (this.#readers.size === 0) this.#timer = undefined;
    else this.#lookIn(Math.max(LOOK_EVERY, SHARE * (performance.now() - began)));
  }

  /** A new date alone is no change before a second look; a file that can't be looked at counts as changed. */
  #isUnchanged(streamed: Streamed): boolean {
    try {
      const seen = streamed.watched.look();
      const unchanged = seen === "same" || (seen === "dated" && !streamed.dated);
      streamed.dated = seen === "dated";
      return unchanged;
    } catch (error) {
      this.#report(streamed, error);
      return false;
    }
  }

  #isShorter(streamed: Streamed): boolean {
    try {
      return streamed.watched.isShorter();
    } catch (error) {
      this.#report(streamed, error);
      return true;
    }
  }

  #report({ watched, readers }: Streamed, error: unknown): void {
    const { path } = watched.file;
    this.#log(`Cannot look at ${path} (${String(error)}); ending its downloads: ${readers.size}`);
  }

  #releaseComplete(now: number): void {
    if (now >= this.#nextSearch) this.#find(this.#readers.values());
    this.#unchecked ??= this.#readers.values();
    for (let n = 0; n < CHECKED_AT_ONCE; n++) {
      const { value: reader, done } = this.#unchecked.next();
      if (done === true) {
        this.#unchecked = undefined;
        return;
      }
      if (reader.connections.haveAll(reader.owed)) this.#release(reader);
    }
  }

  /** Finds the connections of those readers that have asked since theirs were last found. */
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
      reader.connections.set(found.get(key) ?? []);
      if (reader.connections.count === 1) this.#drop(reader, reader.earlier);
      reader.earlier = NOTHING;
    }
  }

  /** Ends the connections of readers. When no descriptor is left to find them, the next look tries again. */
  #end(readers: ReadonlySet<Reader>): void {
    this.#find(readers);
    for (const reader of readers) {
      if (reader.connections.count === undefined) continue;
      reader.connections.end();
      this.#release(reader);
    }
  }

  #release(reader: Reader): void {
    this.#readers.delete(reader.key);
    this.#drop(reader, reader.streamed);
  }

  #drop(reader: Reader, over: ReadonlySet<Streamed>): void {
    for (const streamed of over) {
      reader.streamed.delete(streamed);
      streamed.readers.delete(reader);
      if (streamed.readers.size > 0) continue;
      const { file } = streamed.watched;
      this.#byFile.delete(file);
      file.release();
    }
  }
}

const NOTHING: ReadonlySet<Streamed> = new Set();

function newReader(key: string): Reader {
  const connections = new ClientConnections();
  return { key, connections, streamed: new Set(), earlier: NOTHING, owed: 0 };
}

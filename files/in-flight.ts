/**
 * Responses that the runtime is streaming from a file by itself. Each is one version
 * of its file or ends early: while one is in flight its file is looked at again and
 * again, and when it has become another version the connection is ended.
 *
 * The runtime tells who asked, by address and port, and nothing of a response that is
 * complete. The kernel tells the rest: which connections of this process come from there
 * to the server's port, and whether everything they were sent has been acknowledged.
 * A client may use one port of its own for connections to several addresses of this
 * machine. Which of them a response is on can't be told then, so all of them are ended
 * when its file changes, and it is in flight until all of them are at rest.
 */

import {
  bytesRead,
  CAN_END_CONNECTIONS,
  type Connection,
  endConnection,
  findConnections,
  type Peer,
  peerKey,
  progressOf,
} from "../os/connections.ts";
import type { OpenFile } from "./open-file.ts";
import { WatchedFile } from "./watched-file.ts";

/** Milliseconds between two looks at the files in flight, when looking takes next to no time. */
const LOOK_EVERY = 10;
/** Looking at many files takes its time; it may have one part in this many of it all. */
const SHARE = 50;
/** Readers whose connections are asked about in one look; the others have their turn in the next. */
const ASKED_ABOUT = 64;

/** One version of one file and who is being sent it. */
interface Streamed {
  readonly watched: WatchedFile;
  /** Whether the last look found a new date and nothing more. */
  dated: boolean;
  readonly readers: Set<Reader>;
}

/** A client's address and port, and what it is being sent. */
interface Reader {
  readonly key: string;
  readonly streamed: Set<Streamed>;
  /** Those of `streamed` that were begun before its latest request. */
  earlier: ReadonlySet<Streamed>;
  /** Body bytes of its largest response since then: not complete before they are acknowledged. */
  owed: number;
  /** Its connections; undefined until they are looked for, after each of its requests. */
  connections: readonly Connection[] | undefined;
  /** Bytes that had been read from them when they were found. */
  read: number;
  /** Bytes acknowledged on them; undefined while more were on their way at the last look. */
  acknowledged: number | undefined;
}

export class InFlight {
  readonly #byFile = new Map<OpenFile, Streamed>();
  readonly #readers = new Map<string, Reader>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: Iterator<Reader> | undefined;
  /** When connections may be looked for again: that takes the longer, the more there are. */
  #nextSearch = 0;

  constructor(
    /** The server's port. */
    readonly port: () => number,
    readonly log: (line: string) => void,
  ) {}

  /** How many clients are being sent something. */
  get size(): number {
    return this.#readers.size;
  }

  /**
   * Watches the response of `owed` body bytes that `peer` is about to be sent, and keeps
   * the file open meanwhile. A peer is null when its connection is gone already.
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
    lookAgain(reader);
    if (this.#timer === undefined) this.#lookIn(LOOK_EVERY);
  }

  /** A connection to `peer` is gone, and the response with it; the next look finds whether it has others. */
  forget(peer: Peer | null): void {
    const reader = peer === null ? undefined : this.#readers.get(peerKey(peer));
    if (reader !== undefined) lookAgain(reader);
  }

  /**
   * `peer` asks again: what its connection was sent before is over. Answers false, and
   * ends the connection, when that can't have been complete: a file that shrank leaves a
   * body owed, and no other answer may stand in its place.
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
    const [connection, ...others] = reader.connections ?? [];
    if (connection === undefined) {
      // If the next look finds one connection, it is the one that asks.
      reader.earlier = new Set(reader.streamed);
      reader.owed = 0;
    } else if (others.length === 0) {
      // Where nothing was read since, another connection from the same port asks.
      const read = bytesRead(connection) ?? Infinity;
      if (read > reader.read) this.#release(reader);
    }
    lookAgain(reader);
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
      this.log(`Cannot look at the files in flight: ${String(error)}`);
    }
    if (this.#readers.size === 0) this.#timer = undefined;
    else this.#lookIn(Math.max(LOOK_EVERY, SHARE * (performance.now() - began)));
  }

  /** A file that has only a new date gets a second look; one that can't be looked at counts as changed. */
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
    this.log(`Cannot look at ${path} (${String(error)}); ending its downloads: ${readers.size}`);
  }

  #releaseComplete(now: number): void {
    if (now >= this.#nextSearch) this.#find(this.#readers.values());
    this.#turn ??= this.#readers.values();
    for (let n = 0; n < ASKED_ABOUT; n++) {
      const { value: reader, done } = this.#turn.next();
      if (done === true) {
        this.#turn = undefined;
        return;
      }
      if (isComplete(reader)) this.#release(reader);
    }
  }

  /** Finds the connections of those readers that have asked since theirs were found last. */
  #find(readers: Iterable<Reader>): void {
    const unknown = new Map<string, Reader>();
    for (const reader of readers)
      if (reader.connections === undefined) unknown.set(reader.key, reader);
    if (unknown.size === 0) return;
    const began = performance.now();
    const found = findConnections(this.port(), unknown);
    const ended = performance.now();
    this.#nextSearch = ended + SHARE * (ended - began);
    if (found === undefined) return;
    for (const [key, reader] of unknown) {
      reader.connections = found.get(key) ?? [];
      if (reader.connections.length === 1) this.#drop(reader, reader.earlier);
      reader.earlier = NOTHING;
      reader.read = sum(reader.connections.map((one) => bytesRead(one) ?? 0));
    }
  }

  /** Those whose connections can't be found for want of a descriptor stay, and the next look tries again. */
  #end(readers: ReadonlySet<Reader>): void {
    this.#find(readers);
    for (const reader of readers) {
      if (reader.connections === undefined) continue;
      for (const connection of reader.connections) endConnection(connection);
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
  return {
    key,
    streamed: new Set(),
    earlier: NOTHING,
    owed: 0,
    connections: undefined,
    read: 0,
    acknowledged: undefined,
  };
}

function lookAgain(reader: Reader): void {
  reader.connections = undefined;
  reader.acknowledged = undefined;
}

/**
 * Whether everything was acknowledged at two looks and nothing was sent between them.
 * The runtime sends what it has left as soon as the kernel takes it, and so at least once
 * between two looks.
 */
function isComplete(reader: Reader): boolean {
  const { connections, acknowledged: before, owed } = reader;
  if (connections === undefined) return false;
  const open = connections.map(progressOf).filter((progress) => progress !== undefined);
  if (open.length === 0) return true;
  const acknowledged = sum(open.map((progress) => progress.acknowledged));
  const isSending = open.some(({ sending }) => sending);
  reader.acknowledged = isSending ? undefined : acknowledged;
  return !isSending && acknowledged === before && acknowledged >= owed;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

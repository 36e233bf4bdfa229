import {
  CAN_END_CONNECTIONS,
  endConnection,
  listConnections,
  type Peer,
  peerKey,
} from "../os/connections.ts";
/**
 * Responses that the runtime is streaming from a file by itself. Each is one version
 * of its file or ends early: while one is in flight its file is looked at again and
 * again, and when it has become another version the connection is ended.
 *
 * A response is no longer in flight when its connection asks for something else, is
 * aborted or is gone; the runtime tells nothing of a response that is complete.
 */
import type { OpenFile } from "./open-file.ts";
import { WatchedFile } from "./watched-file.ts";

/** Milliseconds between two looks at the files in flight, when looking takes next to no time. */
const LOOK_EVERY = 10;
/** Looking at many files takes its time; it may have one part in this many of it all. */
const SHARE = 50;
/** Milliseconds between two counts of the connections that are still there. */
const COUNT_EVERY = 5_000;

/** One version of one file and who is being sent it. */
interface Streamed {
  readonly watched: WatchedFile;
  /** Whether the last look found a new date and nothing more. */
  dated: boolean;
  readonly readers: Set<string>;
}

export class InFlight {
  readonly #byFile = new Map<OpenFile, Streamed>();
  readonly #byReader = new Map<string, Streamed>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #counted = 0;

  /** How many responses are watched. */
  get size(): number {
    return this.#byReader.size;
  }

  /** Watches the response that `peer` is about to be sent, and keeps the file open meanwhile. */
  watch(peer: Peer | null, file: OpenFile, now: number): void {
    file.retain();
    // The runtime opens the file itself, by its descriptor, before the next turn of the event loop.
    setImmediate(() => file.release());
    if (peer === null || !CAN_END_CONNECTIONS) return;
    const reader = peerKey(peer);
    this.#release(reader);
    let streamed = this.#byFile.get(file);
    if (streamed === undefined) {
      streamed = { watched: new WatchedFile(file, now), dated: false, readers: new Set() };
      this.#byFile.set(file, streamed);
      file.retain();
    }
    streamed.readers.add(reader);
    this.#byReader.set(reader, streamed);
    if (this.#timer === undefined) this.#lookIn(LOOK_EVERY);
  }

  /** The connection to `peer` is gone, and the response with it. */
  forget(peer: Peer | null): void {
    if (peer !== null) this.#release(peerKey(peer));
  }

  /**
   * The connection to `peer` asks again: what it was sent before is over. Answers
   * false, and ends the connection, when that can't have been complete: a file that
   * shrank leaves a body owed, and no other answer may stand in its place.
   */
  release(peer: Peer | null): boolean {
    if (peer === null || this.#byReader.size === 0) return true;
    const reader = peerKey(peer);
    const streamed = this.#byReader.get(reader);
    if (streamed === undefined) return true;
    const complete = !streamed.watched.isShorter();
    if (!complete) this.#end(new Set([reader]));
    this.#release(reader);
    return complete;
  }

  #lookIn(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#look(), milliseconds).unref();
  }

  #look(): void {
    const began = performance.now();
    const changed = new Set<string>();
    for (const streamed of this.#byFile.values()) {
      if (this.#isUnchanged(streamed)) continue;
      for (const reader of streamed.readers) changed.add(reader);
    }
    if (changed.size > 0) this.#end(changed);
    if (began - this.#counted > COUNT_EVERY) {
      this.#counted = began;
      this.#releaseGone();
    }
    if (this.#byReader.size === 0) this.#timer = undefined;
    else this.#lookIn(Math.max(LOOK_EVERY, SHARE * (performance.now() - began)));
  }

  /** A file that has only a new date gets a second look. */
  #isUnchanged(streamed: Streamed): boolean {
    const seen = streamed.watched.look();
    const unchanged = seen === "same" || (seen === "dated" && !streamed.dated);
    streamed.dated = seen === "dated";
    return unchanged;
  }

  /** Those that can't be ended for want of a descriptor stay, and the next look tries again. */
  #end(readers: ReadonlySet<string>): void {
    const connections = listConnections();
    if (connections === undefined) return;
    for (const reader of readers) {
      const descriptor = connections.get(reader);
      if (descriptor !== undefined) endConnection(descriptor);
      this.#release(reader);
    }
  }

  #releaseGone(): void {
    const connections = listConnections();
    if (connections === undefined) return;
    for (const reader of [...this.#byReader.keys()]) {
      if (!connections.has(reader)) this.#release(reader);
    }
  }

  #release(reader: string): void {
    const streamed = this.#byReader.get(reader);
    if (streamed === undefined) return;
    this.#byReader.delete(reader);
    streamed.readers.delete(reader);
    if (streamed.readers.size > 0) return;
    const { file } = streamed.watched;
    this.#byFile.delete(file);
    file.release();
  }
}

/**
 * Large answers that are no file, such as the document about a large file or the listing of
 * a large directory. Each is put into a file in memory once, from which the kernel sends it
 * to all readers: a stalled reader holds a descriptor, and none of its bytes.
 *
 * Their total size is bounded, and those that are still being sent count. The runtime
 * doesn't tell when an answer is over, so the number of descriptors of a file in memory
 * shows whether it is being sent.
 */

import { closeSync } from "node:fs";
import { countMemoryFiles, createMemoryFile } from "../os/memory-file.ts";
import { Crowded } from "./failure.ts";

/** Bytes of all together. A single one may be larger. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Milliseconds after the last request for one until it is closed. */
const FORGET_AFTER = 10_000;

/**
 * Milliseconds: a file asked for within this time isn't closed, since the runtime may not
 * have opened it yet. Also the time between two attempts to make room, which read every descriptor.
 */
const A_WHILE = 1_000;

interface MemoryFile {
  readonly descriptor: number;
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /** When it was last asked for, in milliseconds. */
  asked: number;
}

export class MemoryFiles {
  readonly #byKey = new Map<string, MemoryFile>();
  readonly #most: number;
  #bytes = 0;
  #looked = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(most = MOST_BYTES) {
    this.#most = most;
  }

  /** Bytes of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A body of `bytes`; the same key means the same bytes. Undefined where the system has no
   * files in memory. Throws Crowded when too many others are being sent. `now` in milliseconds.
   */
  bodyOf(key: string, bytes: Uint8Array, now: number): Blob | undefined {
    const file = this.#byKey.get(key) ?? this.#make(key, bytes, now);
    if (file === undefined) return undefined;
    file.asked = now;
    // The runtime opens this path, and so has a descriptor of its own while it sends.
    return Bun.file(`/proc/self/fd/${file.descriptor}`).slice(0, file.length);
  }

  #make(key: string, bytes: Uint8Array, now: number): MemoryFile | undefined {
    if (!this.#hasRoom(bytes.length) && now - this.#looked > A_WHILE) {
      this.#closeUnused(now, A_WHILE);
    }
    if (!this.#hasRoom(bytes.length)) throw new Crowded();
    const made = createMemoryFile(bytes);
    if (made === undefined) return undefined;
    const file = { ...made, length: bytes.length, asked: now };
    this.#byKey.set(key, file);
    this.#bytes += file.length;
    const forget = () => this.#closeUnused(Date.now(), FORGET_AFTER);
    this.#timer ??= setInterval(forget, FORGET_AFTER).unref();
    return file;
  }

  #hasRoom(length: number): boolean {
    return this.#bytes === 0 || this.#bytes + length <= this.#most;
  }

  /** Closes those that aren't being sent and were last asked for more than `age` milliseconds ago. */
  #closeUnused(now: number, age: number): void {
    this.#looked = now;
    const counts = countMemoryFiles();
    for (const [key, { descriptor, name, length, asked }] of this.#byKey) {
      if (counts?.get(name) !== 1 || now - asked <= age) continue;
      closeSync(descriptor);
      this.#byKey.delete(key);
      this.#bytes -= length;
    }
    if (this.#byKey.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * Bytes of answers that no file is behind and that are too large to be held once a
 * reader: a document about a large file, the listing of a large directory. Each is put
 * once into a file in memory, from which the kernel sends it to all who ask; a reader
 * that stalls holds a descriptor and no bytes.
 *
 * All of them together are bounded, those included that are still being sent although
 * nobody asks for them any more. The runtime tells nothing of an answer that is over:
 * whether one is being sent is seen by the descriptors that it has.
 */

import { closeSync } from "node:fs";
import { countMemoryFiles, createMemoryFile } from "../os/memory-file.ts";
import { Crowded } from "./failure.ts";

/** Bytes of all of them. One that is larger is made when there is no other. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Milliseconds after which one that nobody asks for is closed. */
const FORGET_AFTER = 10_000;

/**
 * Milliseconds within which the runtime has opened it to send it, with much to spare, and
 * between two looks at what can be closed to make room: each looks at every descriptor.
 */
const A_WHILE = 1_000;

interface MemoryFile {
  readonly descriptor: number;
  readonly name: string;
  /** Bytes. */
  readonly length: number;
  /** Milliseconds; when it was last asked for. */
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
   * A body of these bytes, which `key` stands for; undefined where there are no such
   * files. Throws Crowded when too many others are being sent. `now` in milliseconds.
   */
  bodyOf(key: string, bytes: Uint8Array, now: number): Blob | undefined {
    const file = this.#byKey.get(key) ?? this.#make(key, bytes, now);
    if (file === undefined) return undefined;
    file.asked = now;
    // The runtime opens it again, and sends what that leads to.
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

  /** Closes those that nobody has asked for in so many milliseconds and nobody is being sent. */
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

/**
 * Open files, shared by the requests that read them and remembered by path. A
 * remembered one is used again only while the path still leads to the same version:
 * looking at it is one system call, opening it and asking where it is are four.
 */

import { closeSync } from "node:fs";
import { represent, type Representation } from "../http/representation.ts";
import { DESCRIPTOR_LIMIT } from "../os/descriptors.ts";
import { errorCode } from "../os/error-code.ts";
import { type Identity, identityOf, realPathOf, type Version } from "./identity.ts";
import { Seen } from "./look.ts";

/** An open regular file. Whoever is given one releases it once. */
export class OpenFile implements Disposable {
  readonly kind = "file";
  readonly #seen: Seen;
  #uses = 1;
  #settled: Representation | undefined;
  /** Milliseconds; when it was last found by its path. */
  found = 0;

  constructor(
    readonly descriptor: number,
    /** That was asked: links in it may lead elsewhere later on. */
    readonly path: string,
    readonly name: string,
  ) {
    this.#seen = new Seen(descriptor, path);
  }

  get version(): Version {
    return this.#seen.facts;
  }

  /** The number of the device that it is on. */
  get device(): bigint {
    return this.#seen.facts.device;
  }

  /** By which its digests are kept. Its place is asked for anew: a directory above may be renamed. */
  get identity(): Identity {
    return identityOf(realPathOf(this.descriptor, this.path), this.#seen.facts);
  }

  /** What a GET of it sends. A representation that has settled stays as it is. */
  representAt(now: number): Representation {
    if (this.#settled !== undefined) return this.#settled;
    const representation = represent({ ...this.#seen.facts, name: this.name }, now);
    if (representation.settled) this.#settled = representation;
    return representation;
  }

  /** Whether its path still leads to it, and nothing was done to it since it was opened. */
  isStillThere(): boolean {
    return this.#seen.isAt(this.path);
  }

  /** Whether its size and modification time are what they were; where it stands doesn't count. */
  isUnchanged(): boolean {
    return this.#seen.isUnchanged(this.descriptor);
  }

  /** Keeps it open for one more user. */
  retain(): void {
    this.#uses += 1;
  }

  /** Lets go; the last to do so closes it. */
  release(): void {
    this.#uses -= 1;
    if (this.#uses === 0) close(this.descriptor);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

/** A file system may report a failure; the descriptor is free all the same, and nothing was written. */
function close(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/**
 * Milliseconds after which a file that nobody asks for is closed, so that the space
 * of a deleted one is free again.
 */
const FORGET_AFTER = 10_000;

/** Remembered files, the least recently found first. */
export class OpenFiles {
  readonly #byPath = new Map<string, OpenFile>();
  readonly #capacity: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(capacity = defaultCapacity()) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#byPath.size;
  }

  /** The file remembered at `path` if it is still there, for the caller to release. */
  find(path: string): OpenFile | undefined {
    const file = this.#byPath.get(path);
    if (file === undefined) return undefined;
    this.#byPath.delete(path);
    if (!file.isStillThere()) {
      file.release();
      return undefined;
    }
    this.#byPath.set(path, file);
    file.found = Date.now();
    file.retain();
    return file;
  }

  /** Remembers a file; the one found longest ago makes room. */
  remember(file: OpenFile): void {
    if (this.#capacity === 0) return;
    if (this.#byPath.size >= this.#capacity) this.forgetOldest();
    file.found = Date.now();
    file.retain();
    this.#byPath.set(file.path, file);
    this.#timer ??= setInterval(() => this.#forgetUnused(), FORGET_AFTER).unref();
  }

  /** Closes one that nobody is using; false when none is remembered. */
  forgetOldest(): boolean {
    const [oldest] = this.#byPath.values();
    if (oldest !== undefined) this.forget(oldest.path);
    return oldest !== undefined;
  }

  /** The path leads nowhere, or elsewhere. */
  forget(path: string): void {
    this.#byPath.get(path)?.release();
    this.#byPath.delete(path);
  }

  #forgetUnused(): void {
    const limit = Date.now() - FORGET_AFTER;
    for (const { found, path } of this.#byPath.values()) if (found < limit) this.forget(path);
    if (this.#byPath.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** At most this many, and at most a quarter of what the process may open. */
const MOST_REMEMBERED = 1024;

function defaultCapacity(): number {
  if (process.platform !== "linux") return MOST_REMEMBERED / 8;
  return Math.min(MOST_REMEMBERED, Math.floor((DESCRIPTOR_LIMIT ?? MOST_REMEMBERED) / 4));
}

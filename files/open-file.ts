/**
 * Open files, shared by the requests that read them and remembered by path, and by the
 * URLs that led there. A remembered one is used again only while the path still leads to
 * the same version: looking at it is one system call, opening it and asking where it is
 * are four. {@link Found} says when that look is due.
 */

import { closeSync } from "node:fs";
import { represent, type Representation } from "../http/representation.ts";
import { DESCRIPTOR_LIMIT } from "../os/descriptors.ts";
import { errorCode } from "../os/error-code.ts";
import { type Device, deviceOf } from "./device.ts";
import { FileChanged } from "./failure.ts";
import { type Identity, identityOf, realPathOf, type Version } from "./identity.ts";
import { Seen } from "./look.ts";

/** An open regular file. Whoever is given one releases it once. */
export class OpenFile implements Disposable {
  readonly kind = "file";
  readonly device: Device;
  readonly #seen: Seen;
  #uses = 1;
  #settled: Representation | undefined;
  #versionKey: string | undefined;
  /** Milliseconds: when its place was held against the root, and when it was last found. */
  located = 0;
  found = 0;
  /** Greater for one that was found later. */
  turn = 0;
  /** The URLs that it is remembered by, the first of them first. */
  readonly urls: string[] = [];

  constructor(
    readonly descriptor: number,
    /** That was asked: links in it may lead elsewhere later on. */
    readonly path: string,
    readonly name: string,
  ) {
    this.#seen = new Seen(descriptor, path);
    this.device = deviceOf(this.#seen.facts.device);
  }

  get version(): Version {
    return this.#seen.facts;
  }

  /** Stands for this file and version until the next reboot, also when it is closed. */
  get versionKey(): string {
    if (this.#versionKey !== undefined) return this.#versionKey;
    const { device, inode, size, modified } = this.#seen.facts;
    return (this.#versionKey = `${device} ${inode} ${size} ${modified}`);
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

/**
 * An open file as a request found it. At its path, it was looked at already: what is read
 * then is checked at the descriptor. By its URL, it wasn't: one look at the path, after
 * reading, says both that it is still there and that the bytes are of this version. What
 * is answered without reading is answered after that look.
 */
export class Found implements Disposable {
  #looked: boolean;

  constructor(
    /** Retained; released with this. */
    readonly file: OpenFile,
    /** Whether the URL asked for it to be saved. */
    readonly download: boolean,
    /** Where it was recalled by its URL; undefined: it was found at its path. */
    readonly recalledBy: OpenFiles | undefined,
  ) {
    this.#looked = recalledBy === undefined;
  }

  /** Looks at its path, if that wasn't done for this request. Throws FileChanged, and it is forgotten. */
  look(): void {
    if (this.#looked) return;
    if (!this.file.isStillThere()) {
      this.recalledBy?.forget(this.file);
      throw new FileChanged();
    }
    this.#looked = true;
  }

  /** To be called when bytes were read. Throws FileChanged unless they are of this version. */
  confirm(): void {
    if (!this.#looked) this.look();
    else if (!this.file.isUnchanged()) throw new FileChanged();
  }

  [Symbol.dispose](): void {
    this.file.release();
  }
}

/** What an URL led to. */
interface Named {
  readonly file: OpenFile;
  readonly download: boolean;
}

/**
 * Milliseconds after which a file is located anew. A directory above it may have become a
 * link that leads out of the root: the file itself doesn't show that.
 */
const LOCATE_AFTER = 10_000;

/** Characters of an URL that is remembered, and how many are for one file. */
const LONGEST_URL = 512;
const MOST_URLS = 8;

/** Remembered files. */
export class OpenFiles {
  readonly #byPath = new Map<string, OpenFile>();
  readonly #byUrl = new Map<string, Named>();
  #turn = 0;
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
    const now = Date.now();
    if (this.#isOld(file, now) || !file.isStillThere()) {
      this.forget(file);
      return undefined;
    }
    return this.#use(file, now);
  }

  /** What `url` led to when it was asked for last, if that is remembered: nobody has looked whether it still does. */
  recall(url: string, now: number): Found | undefined {
    const named = this.#byUrl.get(url);
    if (named === undefined || this.#isOld(named.file, now)) return undefined;
    return new Found(this.#use(named.file, now), named.download, this);
  }

  #isOld({ located }: OpenFile, now: number): boolean {
    return now - located >= LOCATE_AFTER;
  }

  #use(file: OpenFile, now: number): OpenFile {
    file.found = now;
    file.turn = ++this.#turn;
    file.retain();
    return file;
  }

  /** Remembers a file; the one found longest ago makes room. */
  remember(file: OpenFile): void {
    if (this.#capacity === 0) return;
    if (this.#byPath.size >= this.#capacity) this.forgetOldest();
    file.located = Date.now();
    this.#byPath.set(file.path, this.#use(file, file.located));
    this.#timer ??= setInterval(() => this.#forgetUnused(), FORGET_AFTER).unref();
  }

  /** Remembers which file `url` led to, for as long as the file is. */
  name(url: string, file: OpenFile, download: boolean): void {
    if (url.length > LONGEST_URL || this.#byPath.get(file.path) !== file) return;
    if (!this.#byUrl.has(url)) file.urls.push(url);
    this.#byUrl.set(url, { file, download });
    if (file.urls.length > MOST_URLS) this.#byUrl.delete(file.urls.shift() ?? "");
  }

  /** Closes one that nobody is using; false when none is remembered. */
  forgetOldest(): boolean {
    let oldest: OpenFile | undefined;
    for (const file of this.#byPath.values()) {
      if (oldest === undefined || file.turn < oldest.turn) oldest = file;
    }
    if (oldest !== undefined) this.forget(oldest);
    return oldest !== undefined;
  }

  /** Its path leads nowhere, or elsewhere. */
  forget(file: OpenFile): void {
    if (this.#byPath.get(file.path) !== file) return;
    this.#byPath.delete(file.path);
    for (const url of file.urls.splice(0)) this.#byUrl.delete(url);
    file.release();
  }

  #forgetUnused(): void {
    const limit = Date.now() - FORGET_AFTER;
    for (const file of this.#byPath.values()) if (file.found < limit) this.forget(file);
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

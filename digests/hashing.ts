/**
 * One reading of a job's files, chunk by chunk, gives all of its digests. Before each
 * chunk and after the last the open file is compared with the version that the job
 * names; another version ends the job. Between two chunks another job may be read.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { factsOf, type Identity, identityOf, isSame } from "../files/identity.ts";
import { errorCode } from "../os/error-code.ts";
import type { Job, Outcome } from "./job.ts";
import { hashesFor, type JobHashes } from "./piece-hashes.ts";

/** Bytes read at once: some milliseconds of work. The process takes messages in between. */
const CHUNK = 1024 * 1024;

/** O_NONBLOCK: opening a FIFO that took a file's place doesn't hang the process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Failures that mean that the file is gone, or that something else took its place. */
const REPLACED: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV"]);

/** Empty files that one call of `advance` gets through. */
const MOST_EMPTY = 100;

/** Hashes a job from its first byte to its last. Awaits `rest` after each chunk, with the bytes read so far. */
export async function hashJob(job: Job, rest: (done: number) => Promise<void>): Promise<Outcome> {
  using hashing = new Hashing(job);
  for (;;) {
    const outcome = hashing.advance();
    if (outcome !== undefined) return outcome;
    await rest(hashing.done);
  }
}

/** Shared by all jobs: a chunk is hashed before the next is read. */
let buffer: Buffer | undefined;

/** A job that is being read: each call of {@link advance} reads one chunk. */
export class Hashing implements Disposable {
  readonly #files: readonly Identity[];
  readonly #hashes: JobHashes;
  /** The file being read: its index, its descriptor while it is open, the next byte. */
  #file = 0;
  #descriptor: number | undefined;
  #offset = 0;
  #done = 0;
  #isYoung = true;

  constructor(job: Job) {
    this.#files = job.files;
    this.#hashes = hashesFor(job);
  }

  /** Bytes read so far. */
  get done(): number {
    return this.#done;
  }

  /** Reads a chunk. Returns how the job ended, or undefined while it goes on. */
  advance(): Outcome | undefined {
    this.#isYoung &&= this.#files.some(isYoung);
    if (this.#isYoung) return undefined;
    for (let looked = 0; looked < MOST_EMPTY; looked++) {
      const file = this.#files[this.#file];
      if (file === undefined) return { kind: "digested", digested: this.#hashes.digest() };
      const step = this.#read(file);
      if (step === "read") return undefined;
      if (step !== "at its end") return step;
      this.pause();
      this.#file += 1;
      this.#offset = 0;
    }
    return undefined;
  }

  /** Closes the open file. The next chunk opens it again and checks its version. */
  pause(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.pause();
  }

  /** Reads the next chunk of a file; an Outcome ends the job. */
  #read(file: Identity): "read" | "at its end" | Outcome {
    try {
      this.#descriptor ??= openSync(file.path, READ);
      if (!isStill(file, this.#descriptor)) return { kind: "changed" };
      if (this.#offset === file.size) return "at its end";
      buffer ??= Buffer.allocUnsafe(CHUNK);
      const most = Math.min(CHUNK, file.size - this.#offset);
      const length = readSync(this.#descriptor, buffer, 0, most, this.#offset);
      if (length === 0) return { kind: "changed" };
      this.#hashes.update(buffer.subarray(0, length));
      this.#offset += length;
      this.#done += length;
      return "read";
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined) throw error;
      return REPLACED.has(code)
        ? { kind: "changed" }
        : { kind: "unreadable", path: file.path, code };
    }
  }
}

function isStill(file: Identity, descriptor: number): boolean {
  const stats = fstatSync(descriptor, { bigint: true });
  return stats.isFile() && isSame("digests", file, identityOf(file.path, factsOf(stats)));
}

/** Milliseconds: the coarsest tick of a kernel's clock. */
const TICK = 20;

/**
 * Whether a file changed so recently that its next change could have the same change
 * time: reading waits until it can't. A time in the future means that the clock was put
 * back, and then waiting doesn't help.
 */
function isYoung({ changed }: Identity): boolean {
  const age = Date.now() - Number(changed / 1_000_000n);
  return age >= 0 && age < TICK;
}

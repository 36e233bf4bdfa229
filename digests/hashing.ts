/**
 * Hashing: one reading of the files of a job gives all of their digests. Every byte
 * is of the version that the job names: the opened file is held against it before
 * each chunk and after the last. A job may be left for others between two chunks.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { factsOf, type Identity, identityOf, isSame } from "../files/identity.ts";
import { errorCode } from "../os/error-code.ts";
import { type Digested, type Job, lengthOf, type Outcome } from "./job.ts";
import { sha256PieceLengthFor } from "./piece-length.ts";

/** Bytes read in one go, some milliseconds of work: whoever else waits is served in between. */
const CHUNK = 1024 * 1024;

/** O_NONBLOCK: a FIFO put in a file's place doesn't hang the process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Failures that mean that another thing, or nothing, stands in the file's place. */
const REPLACED: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV"]);

/** Files without bytes that are looked at in one go. */
const MOST_EMPTY = 100;

/** Hashes what `job` names. After every chunk `rest` is called with the bytes read so far, and waited for. */
export async function hashJob(job: Job, rest: (done: number) => Promise<void>): Promise<Outcome> {
  using hashing = new Hashing(job);
  for (;;) {
    const outcome = hashing.advance();
    if (outcome !== undefined) return outcome;
    await rest(hashing.done);
  }
}

/** One for all: between two chunks nothing is left in it. */
let buffer: Buffer | undefined;

/** A job that is read chunk by chunk, for as long as somebody calls {@link advance}. */
export class Hashing implements Disposable {
  readonly #files: readonly Identity[];
  readonly #hashes: FileHashes | FolderHashes;
  /** Of the file in hand: its place among the files, what is open of it, and where to read on. */
  #file = 0;
  #descriptor: number | undefined;
  #offset = 0;
  #done = 0;
  #isYoung = true;

  constructor(job: Job) {
    this.#files = job.files;
    this.#hashes = job.kind === "file" ? new FileHashes(job) : new FolderHashes(job);
  }

  /** Bytes read so far. */
  get done(): number {
    return this.#done;
  }

  /** Reads a chunk; how the job ended, when it did. */
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

  /** Closes the file in hand. It is opened again for the next chunk, if it is still the same version. */
  pause(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.pause();
  }

  /** Reads on in a file, or says how the job ended with it. */
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
 * Whether another change of a file can still get the change time that it has. It isn't
 * read before. A time in the future is a clock that was put back: it tells nothing.
 */
function isYoung({ changed }: Identity): boolean {
  const age = Date.now() - Number(changed / 1_000_000n);
  return age >= 0 && age < TICK;
}

class FileHashes {
  readonly #whole = new Bun.CryptoHasher("sha256");
  readonly #sha1: PieceHashes;
  readonly #sha256: PieceHashes;

  constructor(readonly job: Job) {
    const length = lengthOf(job);
    this.#sha1 = new PieceHashes("sha1", length, job.pieceLength);
    this.#sha256 = new PieceHashes("sha256", length, sha256PieceLengthFor(length));
  }

  update(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    this.#sha1.update(bytes);
    this.#sha256.update(bytes);
  }

  digest(): Digested {
    const digests = {
      completeLength: lengthOf(this.job),
      sha256: new Uint8Array(this.#whole.digest()),
      sha1Pieces: this.#sha1.digest(),
      pieceLength: this.#sha1.pieceLength,
      sha256Pieces: this.#sha256.digest(),
      sha256PieceLength: this.#sha256.pieceLength,
    };
    return { kind: "file", digests };
  }
}

class FolderHashes {
  readonly #sha1: PieceHashes;

  constructor(job: Job) {
    this.#sha1 = new PieceHashes("sha1", lengthOf(job), job.pieceLength);
  }

  update(bytes: Uint8Array): void {
    this.#sha1.update(bytes);
  }

  digest(): Digested {
    return { kind: "folder", sha1Pieces: this.#sha1.digest() };
  }
}

/** Pieces for which there is room at first. */
const FEW_PIECES = 64;

/**
 * The digests of the pieces of a stream of bytes, one after the other. Their memory grows
 * with the bytes that were read: many long jobs may have been begun.
 */
class PieceHashes {
  readonly #count: number;
  #pieces: Uint8Array;
  #used = 0;
  #piece: Bun.CryptoHasher;
  /** Bytes that the piece in hand still lacks. */
  #lacking: number;

  constructor(
    readonly algorithm: "sha1" | "sha256",
    length: number,
    readonly pieceLength: number,
  ) {
    this.#piece = new Bun.CryptoHasher(algorithm);
    this.#lacking = pieceLength;
    this.#count = Math.ceil(length / pieceLength);
    this.#pieces = this.#roomFor(FEW_PIECES);
  }

  update(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length;) {
      const part = bytes.subarray(start, start + this.#lacking);
      this.#piece.update(part);
      start += part.length;
      this.#lacking -= part.length;
      if (this.#lacking === 0) this.#finish();
    }
  }

  /** Of all pieces; the last may be short. */
  digest(): Uint8Array {
    if (this.#lacking < this.pieceLength) this.#finish();
    return this.#pieces;
  }

  #roomFor(pieces: number): Uint8Array {
    return new Uint8Array(Math.min(pieces, this.#count) * this.#piece.byteLength);
  }

  #finish(): void {
    if (this.#used === this.#pieces.length) {
      const pieces = this.#roomFor((2 * this.#used) / this.#piece.byteLength);
      pieces.set(this.#pieces);
      this.#pieces = pieces;
    }
    this.#pieces.set(this.#piece.digest(), this.#used);
    this.#used += this.#piece.byteLength;
    this.#piece = new Bun.CryptoHasher(this.algorithm);
    this.#lacking = this.pieceLength;
  }
}

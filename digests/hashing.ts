/**
 * Hashing: one reading of the files of a job gives all of their digests. Every byte
 * is of the version that the job names: the opened file is held against it before
 * each chunk and after the last.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type FileFacts } from "../files/identity.ts";
import { type Digested, type Job, lengthOf, type Outcome } from "./job.ts";
import { sha256PieceLengthFor } from "./piece-length.ts";

/** Bytes read in one go, some milliseconds of work: whoever else waits is served in between. */
const CHUNK = 1024 * 1024;

/** O_NONBLOCK: a FIFO put in a file's place doesn't hang the process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Failures that mean that another thing, or nothing, stands in the file's place. */
const REPLACED: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "ENODEV"]);

/**
 * Hashes what `job` names. After every chunk `rest` is called with the bytes read
 * so far and waited for; what it throws ends the job and is thrown on.
 */
export async function hashJob(job: Job, rest: (done: number) => Promise<void>): Promise<Outcome> {
  const hashes = job.kind === "file" ? new FileHashes(job) : new FolderHashes(job);
  let done = 0;
  for (const file of job.files) {
    const ended = await readFile(file, async (bytes) => {
      hashes.update(bytes);
      done += bytes.length;
      await rest(done);
    });
    if (ended !== undefined) return ended;
  }
  return { kind: "digested", digested: hashes.digest() };
}

/** One for all: between two chunks nothing is left in it. */
let buffer: Buffer | undefined;

/** Hands `take` the bytes of one version of a file, in order; how it ended when not with the last. */
async function readFile(
  file: FileFacts,
  take: (bytes: Uint8Array) => Promise<void>,
): Promise<Outcome | undefined> {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file.path, READ);
    buffer ??= Buffer.allocUnsafe(CHUNK);
    let offset = 0;
    while (isStill(file, descriptor)) {
      if (offset === file.size) return undefined;
      const length = readSync(descriptor, buffer, 0, Math.min(CHUNK, file.size - offset), offset);
      if (length === 0) break;
      offset += length;
      await take(buffer.subarray(0, length));
    }
    return { kind: "changed" };
  } catch (error) {
    // What `take` throws is no failure of the disk.
    if (!(error instanceof Error && "syscall" in error && "code" in error)) throw error;
    const code = String(error.code);
    return REPLACED.has(code) ? { kind: "changed" } : { kind: "unreadable", path: file.path, code };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function isStill({ device, inode, size, modified }: FileFacts, descriptor: number): boolean {
  const stats = fstatSync(descriptor, { bigint: true });
  return (
    stats.mtimeNs === modified &&
    stats.size === BigInt(size) &&
    stats.ino === inode &&
    stats.dev === device &&
    stats.isFile()
  );
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

/** The digests of the pieces of a stream of bytes, one after the other. */
class PieceHashes {
  readonly #pieces: Uint8Array;
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
    const count = Math.ceil(length / pieceLength);
    this.#pieces = new Uint8Array(count * this.#piece.byteLength);
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

  #finish(): void {
    this.#pieces.set(this.#piece.digest(), this.#used);
    this.#used += this.#piece.byteLength;
    this.#piece = new Bun.CryptoHasher(this.algorithm);
    this.#lacking = this.pieceLength;
  }
}

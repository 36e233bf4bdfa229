/**
 * The digests of a job, from its bytes in order. A file has the SHA-256 of the whole,
 * of its pieces, and the SHA-1 of its torrent's pieces; a folder has only the last.
 * Nothing here reads a file.
 */

import { type Digested, type Job, lengthOf } from "./job.ts";
import { sha256PieceLengthFor } from "./piece-length.ts";

export interface JobHashes {
  update(bytes: Uint8Array): void;
  /** Call it once, after the last byte. */
  digest(): Digested;
}

export function hashesFor(job: Job): JobHashes {
  return job.kind === "file" ? new FileHashes(job) : new FolderHashes(job);
}

class FileHashes implements JobHashes {
  readonly #length: number;
  readonly #whole = new Bun.CryptoHasher("sha256");
  readonly #sha1: PieceHashes;
  readonly #sha256: PieceHashes;

  constructor(job: Job) {
    this.#length = lengthOf(job);
    this.#sha1 = new PieceHashes("sha1", this.#length, job.pieceLength);
    this.#sha256 = new PieceHashes("sha256", this.#length, sha256PieceLengthFor(this.#length));
  }

  update(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    this.#sha1.update(bytes);
    this.#sha256.update(bytes);
  }

  digest(): Digested {
    const digests = {
      completeLength: this.#length,
      sha256: new Uint8Array(this.#whole.digest()),
      sha1Pieces: this.#sha1.digest(),
      pieceLength: this.#sha1.pieceLength,
      sha256Pieces: this.#sha256.digest(),
      sha256PieceLength: this.#sha256.pieceLength,
    };
    return { kind: "file", digests };
  }
}

class FolderHashes implements JobHashes {
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

/** Pieces that there is room for at first. The room grows as bytes are read: 1000 jobs may be begun. */
const FEW_PIECES = 64;

/** The digests of the pieces of a stream of bytes, one behind the other. */
class PieceHashes {
  readonly pieceLength: number;
  readonly #algorithm: "sha1" | "sha256";
  readonly #count: number;
  #pieces: Uint8Array;
  #used = 0;
  #piece: Bun.CryptoHasher;
  /** Bytes until the current piece is full. */
  #lacking: number;

  constructor(algorithm: "sha1" | "sha256", length: number, pieceLength: number) {
    this.#algorithm = algorithm;
    this.pieceLength = pieceLength;
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

  /** The last piece may be short. */
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
    this.#piece = new Bun.CryptoHasher(this.#algorithm);
    this.#lacking = this.pieceLength;
  }
}

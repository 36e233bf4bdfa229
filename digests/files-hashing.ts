/**
 * The SHA-256 of each file of a folder. Files whose digests are stored aren't read; the
 * digests of others are stored as soon as a file is finished, so that the next reading,
 * and every question about a single file, finds them.
 */

import type { Digests } from "../http/digest.ts";
import { Hashing } from "./hashing.ts";
import { type FileDigests, fileJob, type Job, type Outcome } from "./job.ts";
import { MOST_PIECES, sha256PieceLengthFor } from "./piece-length.ts";
import type { DigestStore } from "./store.ts";

/** Files that one call of `advance` finds in the store: some milliseconds. */
const MOST_FOUND = 100;

const NO_PIECES = new Uint8Array();

export class FilesHashing implements Disposable {
  readonly #job: Job;
  readonly #store: Pick<DigestStore, "find" | "keep">;
  readonly #hasPieces: boolean;
  readonly #files: FileDigests[] = [];
  /** The file being read. */
  #hashing: Hashing | undefined;
  /** Bytes of the files that are finished. */
  #finished = 0;

  constructor(job: Job, store: Pick<DigestStore, "find" | "keep">) {
    this.#job = job;
    this.#store = store;
    const pieces = job.files.reduce(
      (sum, { size }) => sum + Math.ceil(size / sha256PieceLengthFor(size)),
      0,
    );
    this.#hasPieces = pieces <= MOST_PIECES;
  }

  /** Bytes read so far, with those that needn't be read. */
  get done(): number {
    return this.#finished + (this.#hashing?.done ?? 0);
  }

  /** Reads a chunk, or finds files in the store. Returns how the job ended. */
  advance(): Outcome | undefined {
    for (let found = 0; found < MOST_FOUND; found++) {
      const file = this.#job.files[this.#files.length];
      if (file === undefined) return { kind: "digested", digested: this.#digest() };
      const job = fileJob(file);
      const kept = this.#hashing === undefined ? this.#store.find(job) : undefined;
      if (kept === undefined) return this.#read(job);
      if (kept.kind === "file") this.#finish(kept.digests);
    }
    return undefined;
  }

  pause(): void {
    this.#hashing?.pause();
  }

  [Symbol.dispose](): void {
    this.#hashing?.[Symbol.dispose]();
  }

  #read(job: Job): Outcome | undefined {
    this.#hashing ??= new Hashing(job);
    const outcome = this.#hashing.advance();
    if (outcome?.kind !== "digested" || outcome.digested.kind !== "file") return outcome;
    this.#store.keep(job, outcome.digested, "asked");
    this.#hashing[Symbol.dispose]();
    this.#hashing = undefined;
    this.#finish(outcome.digested.digests);
    return undefined;
  }

  #finish({ completeLength, sha256, sha256Pieces, sha256PieceLength }: Digests): void {
    // Of a file of one piece there is one digest: ten thousand small files have half as many arrays.
    const isOne = sha256Pieces.length === sha256.length;
    const pieces = !this.#hasPieces ? NO_PIECES : isOne ? sha256 : sha256Pieces;
    this.#files.push({ sha256, sha256Pieces: pieces, sha256PieceLength });
    this.#finished += completeLength;
  }

  #digest(): { readonly kind: "files"; readonly files: readonly FileDigests[] } {
    return { kind: "files", files: this.#files };
  }
}

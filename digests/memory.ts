/** What was learned of jobs, in memory; what was asked for least recently makes room. */

import { type Digested, isSameJob, type Job } from "./job.ts";

/** Digests, or that the disk failed at a time (milliseconds since 1970). */
export type Learned =
  Digested | { readonly kind: "unreadable"; readonly code: string; readonly since: number };

interface Entry {
  readonly job: Job;
  readonly learned: Learned;
  readonly bytes: number;
}

/** Bytes that an entry, and each file of its job, takes besides digests and names, about. */
const OVERHEAD = 512;

export class DigestMemory {
  /** By path: of a path only what was learned last. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(
    /** Bytes that it may take. */
    readonly limit: number,
  ) {}

  get bytes(): number {
    return this.#bytes;
  }

  find(job: Job): Learned | undefined {
    const entry = this.#entries.get(job.path);
    if (entry === undefined || !isSameJob(entry.job, job)) return undefined;
    this.#entries.delete(job.path);
    this.#entries.set(job.path, entry);
    return entry.learned;
  }

  keep(job: Job, learned: Learned): void {
    this.#forget(job.path);
    const bytes = bytesOf(job, learned);
    if (bytes > this.limit) return;
    this.#entries.set(job.path, { job, learned, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.limit) return;
      this.#forget(oldest);
    }
  }

  #forget(path: string): void {
    this.#bytes -= this.#entries.get(path)?.bytes ?? 0;
    this.#entries.delete(path);
  }
}

function bytesOf({ path, files }: Job, learned: Learned): number {
  const names = files.reduce((bytes, file) => bytes + OVERHEAD + 2 * file.path.length, 0);
  return OVERHEAD + 2 * path.length + names + digestBytes(learned);
}

function digestBytes(learned: Learned): number {
  switch (learned.kind) {
    case "unreadable":
      return 0;
    case "folder":
      return learned.sha1Pieces.length;
    case "file": {
      const { sha256, sha1Pieces, sha256Pieces } = learned.digests;
      return sha256.length + sha1Pieces.length + sha256Pieces.length;
    }
  }
}

/**
 * Digests in memory, up to a number of bytes. Those used least recently are dropped.
 * The process that owns the hasher has one (keeper.ts), with failures of the disk in it,
 * and each worker has a smaller one (swarm/desk.ts).
 */

import type { Identity } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import { type Digested, fileJob, isSameJob, type Job, slotOf } from "./job.ts";

/** Digests, or a failure of the disk and its time (milliseconds since 1970). */
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
  readonly #limit: number;
  /** By slot, which is a file's path: of two versions the later is kept. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  find(job: Job): Learned | undefined {
    const slot = slotOf(job);
    const entry = this.#entries.get(slot);
    if (entry === undefined || !isSameJob(entry.job, job)) return undefined;
    this.#entries.delete(slot);
    this.#entries.set(slot, entry);
    return entry.learned;
  }

  /**
   * Digests of a file, for every answer about it. It doesn't count as a use: noting one
   * takes a microsecond, and a dropped file is found in the store again.
   */
  findFile(file: Identity): Digests | undefined {
    const entry = this.#entries.get(file.path);
    if (entry?.learned.kind !== "file") return undefined;
    // An open file asks by the identity that its digests were asked for with.
    const isSame = entry.job.files[0] === file || isSameJob(entry.job, fileJob(file));
    return isSame ? entry.learned.digests : undefined;
  }

  keep(job: Job, learned: Learned): void {
    const slot = slotOf(job);
    this.#forget(slot);
    const bytes = bytesOf(job, learned);
    if (bytes > this.#limit) return;
    this.#entries.set(slot, { job, learned, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit) return;
      this.#forget(oldest);
    }
  }

  #forget(slot: string): void {
    this.#bytes -= this.#entries.get(slot)?.bytes ?? 0;
    this.#entries.delete(slot);
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
    case "files":
      return learned.files.reduce((sum, file) => sum + OVERHEAD + file.sha256Pieces.length, 0);
    case "file": {
      const { sha256, sha1Pieces, sha256Pieces } = learned.digests;
      return sha256.length + sha1Pieces.length + sha256Pieces.length;
    }
  }
}

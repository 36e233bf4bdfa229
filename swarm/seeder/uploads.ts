/** The torrents that peers download, each looked up when its first peer comes. */

import { SeedTotals } from "./totals.ts";
import { type SeedLookup, Upload } from "./upload.ts";

/** Where torrents are found by info hash (20 bytes). */
export interface Library {
  find(infoHash: Uint8Array): Promise<SeedLookup>;
}

/** An upload, or why there is none. */
export type UploadLookup = Upload | Exclude<SeedLookup, { kind: "seed" }>["kind"];

export class Uploads {
  readonly #uploads = new Map<string, Upload>();
  readonly #searches = new Map<string, Promise<UploadLookup>>();
  readonly #library: Library;
  readonly #log: (line: string) => void;
  readonly #now: () => number;
  readonly totals = new SeedTotals();

  constructor(library: Library, log: (line: string) => void, now: () => number) {
    this.#library = library;
    this.#log = log;
    this.#now = now;
  }

  get stats() {
    return [...this.#uploads.values()].map((upload) => upload.stats);
  }

  /** Of the torrent with this info hash, if a peer is or was here a short time ago. */
  uploadOf(infoHash: Uint8Array): Upload | undefined {
    return this.#uploads.get(infoHash.toHex());
  }

  get infoHashes(): Uint8Array[] {
    return [...this.#uploads.values()].map((upload) => upload.infoHash);
  }

  /** Callers that ask during a search share it. Never rejects. */
  async find(infoHash: Uint8Array): Promise<UploadLookup> {
    const hash = Buffer.from(infoHash).toString("hex");
    const known = this.#uploads.get(hash) ?? this.#searches.get(hash);
    if (known !== undefined) return await known;
    const search = this.#search(hash, infoHash);
    this.#searches.set(hash, search);
    try {
      return await search;
    } finally {
      this.#searches.delete(hash);
    }
  }

  async #search(hash: string, infoHash: Uint8Array): Promise<UploadLookup> {
    try {
      const found = await this.#library.find(infoHash);
      if (found.kind !== "seed") return found.kind;
      const upload = new Upload(found.seed, this.totals, this.#now, (reason) =>
        this.#drop(hash, upload, reason),
      );
      this.#uploads.set(hash, upload);
      return upload;
    } catch (error) {
      this.#log(`Cannot seed ${hash}: ${messageOf(error)}`);
      return "unavailable";
    }
  }

  /** The bytes are gone or changed: the torrent is looked up anew for the next peer. */
  #drop(hash: string, upload: Upload, reason: unknown): void {
    if (this.#uploads.get(hash) !== upload) return;
    this.#uploads.delete(hash);
    this.#log(`No longer seeding ${upload.stats.name}: ${messageOf(reason)}`);
    upload.close();
  }

  /** Shows and sends what has become due, and forgets uploads without peers. */
  tick(): void {
    for (const [hash, upload] of this.#uploads) {
      if (upload.isForgotten()) this.#uploads.delete(hash);
      else upload.pump();
    }
  }

  clear(): void {
    this.#uploads.clear();
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

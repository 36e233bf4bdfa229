/** The torrents that someone downloads, found by info hash when the first peer comes. */
import { type Seed, Upload } from "./upload.ts";

/** Where torrents are found by info hash (20 bytes). */
export interface Library {
  find(infoHash: Uint8Array): Promise<Seed | undefined>;
}

export class Uploads {
  private readonly uploads = new Map<string, Upload>();
  private readonly searches = new Map<string, Promise<Upload | undefined>>();

  constructor(
    private readonly library: Library,
    private readonly log: (line: string) => void,
    private readonly now: () => number,
  ) {}

  get stats() {
    return [...this.uploads.values()].map((upload) => upload.stats);
  }

  /** One search for all who ask meanwhile. Undefined: the torrent isn't ours. Never rejects. */
  async find(infoHash: Uint8Array): Promise<Upload | undefined> {
    const hash = Buffer.from(infoHash).toString("hex");
    const known = this.uploads.get(hash) ?? this.searches.get(hash);
    if (known !== undefined) return await known;
    const search = this.search(hash, infoHash);
    this.searches.set(hash, search);
    try {
      return await search;
    } finally {
      this.searches.delete(hash);
    }
  }

  private async search(hash: string, infoHash: Uint8Array): Promise<Upload | undefined> {
    try {
      const seed = await this.library.find(infoHash);
      if (seed === undefined) return undefined;
      const upload = new Upload(seed, this.now, (reason) => this.drop(hash, upload, reason));
      this.uploads.set(hash, upload);
      return upload;
    } catch (error) {
      this.log(`Cannot seed ${hash}: ${describe(error)}`);
      return undefined;
    }
  }

  /** The bytes aren't there any more: the torrent is looked up anew by whoever comes next. */
  private drop(hash: string, upload: Upload, reason: unknown): void {
    if (this.uploads.get(hash) !== upload) return;
    this.uploads.delete(hash);
    this.log(`No longer seeding ${upload.stats.name}: ${describe(reason)}`);
    upload.close();
  }

  /** What only time brings about. Forgets what nobody has wanted for a while. */
  tick(): void {
    for (const [hash, upload] of this.uploads) {
      if (upload.isForgotten()) this.uploads.delete(hash);
      else upload.pump();
    }
  }

  clear(): void {
    this.uploads.clear();
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

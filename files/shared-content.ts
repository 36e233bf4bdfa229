/**
 * The content of a torrent: the bytes of one file, or of several files in order. Every read
 * opens the files anew by their names and the root's policies, as a request does, and gives
 * bytes of the version that the torrent was made of, or fails.
 */

import { sep } from "node:path";
import type { Window } from "../range.ts";
import { FileChanged } from "./failure.ts";
import { type Identity, isSame } from "./identity.ts";
import { locate, type Root } from "./locate.ts";
import { readAt, readResident } from "./page-cache.ts";

/** One file, and the names by which it was requested. */
export interface SharedFile {
  /** Names below the root. */
  readonly segments: readonly string[];
  readonly identity: Identity;
}

/** The names below the root of `path`; undefined for a path that isn't below it. */
export function segmentsBelow(root: Root, path: string): readonly string[] | undefined {
  const above = root.path + sep;
  return path.startsWith(above) ? path.slice(above.length).split(sep) : undefined;
}

export class SharedContent {
  readonly #root: Root;
  readonly #files: readonly SharedFile[];

  constructor(root: Root, files: readonly SharedFile[]) {
    this.#root = root;
    this.#files = files;
  }

  /**
   * The bytes of a window, which may cross files. Rejects with FileChanged when one of the
   * files is another version, and with the failure of the disk when one can't be read.
   */
  async read({ start, end }: Window): Promise<Uint8Array> {
    const bytes = Buffer.allocUnsafe(end - start);
    let offset = 0;
    let filled = 0;
    for (const shared of this.#files) {
      const { size } = shared.identity;
      const from = Math.max(start, offset);
      const to = Math.min(end, offset + size);
      if (from < to) {
        const window = { start: from - offset, end: to - offset };
        await this.#readFile(shared, window, bytes.subarray(from - start, to - start));
        filled += to - from;
      }
      offset += size;
    }
    if (filled < bytes.length) throw new RangeError(`${start}-${end} is not in the content`);
    return bytes;
  }

  async #readFile(shared: SharedFile, window: Window, bytes: Buffer): Promise<void> {
    const { segments, identity } = shared;
    using file = locate(this.#root, { segments, trailingSlash: false });
    if (file.kind !== "file" || !isSame("digests", file.identity, identity)) {
      throw new FileChanged();
    }
    if (!readResident(file, bytes, window.start)) {
      for (let read = 0; read < bytes.length;) {
        const rest = bytes.subarray(read);
        const count = await readAt(file.descriptor, rest, rest.length, window.start + read);
        if (count === 0) throw new FileChanged();
        read += count;
      }
    }
    if (!file.isUnchanged()) throw new FileChanged();
  }
}

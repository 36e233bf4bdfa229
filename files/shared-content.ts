/**
 * What a torrent shares: the bytes of one file, or of several in order, as one row
 * of bytes, read with the safety of an answer to a request. Every read looks anew
 * at the place that was asked for, by the root's policy, and gives bytes of the
 * version that the torrent was made of, or none.
 */

import { sep } from "node:path";
import type { Window } from "../range.ts";
import { FileChanged } from "./failure.ts";
import { type Identity, isSame } from "./identity.ts";
import { locate, type Root } from "./locate.ts";
import { readAt, readResident } from "./page-cache.ts";

/** One file, and where it was asked for. */
export interface SharedFile {
  /** Names below the root. */
  readonly segments: readonly string[];
  readonly identity: Identity;
}

/** The names below the root of a path that begins with it; undefined for any other. */
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
   * The bytes of a window, which may cross files. Rejects with FileChanged when one of
   * them isn't what it was, and with the disk's own failure when it can't be read.
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

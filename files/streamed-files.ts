/**
 * The files of responses in flight, and which clients are being sent each: a file stays
 * open, and is looked at, as long as it has a reader.
 */

import type { OpenFile } from "./open-file.ts";
import { WatchedFile } from "./watched-file.ts";

/** One version of one file, and the clients that are being sent it. */
export interface Streamed<Reader> {
  readonly watched: WatchedFile;
  /** Whether the last look found a new date and no other change. */
  dated: boolean;
  readonly readers: Set<Reader>;
}

export class StreamedFiles<Reader extends { readonly streamed: Set<Streamed<Reader>> }> {
  readonly #byFile = new Map<OpenFile, Streamed<Reader>>();
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** `reader` is about to be sent `file`. `now` in milliseconds. */
  add(file: OpenFile, reader: Reader, now: number): Streamed<Reader> {
    let streamed = this.#byFile.get(file);
    if (streamed === undefined) {
      streamed = { watched: new WatchedFile(file, now), dated: false, readers: new Set() };
      this.#byFile.set(file, streamed);
      file.retain();
    }
    reader.streamed.add(streamed);
    streamed.readers.add(reader);
    return streamed;
  }

  /** Looks at every file. Returns the readers of those that became another version. */
  look(): Set<Reader> {
    const changed = new Set<Reader>();
    for (const streamed of this.#byFile.values()) {
      if (this.#isUnchanged(streamed)) continue;
      for (const reader of streamed.readers) changed.add(reader);
    }
    return changed;
  }

  /** A new date alone is no change before a second look; a file that can't be looked at counts as changed. */
  #isUnchanged(streamed: Streamed<Reader>): boolean {
    try {
      const seen = streamed.watched.look();
      const unchanged = seen === "same" || (seen === "dated" && !streamed.dated);
      streamed.dated = seen === "dated";
      return unchanged;
    } catch (error) {
      this.#report(streamed, error);
      return false;
    }
  }

  /** Whether it is shorter than at the last look; true when it can't be looked at. */
  isShorter(streamed: Streamed<Reader>): boolean {
    try {
      return streamed.watched.isShorter();
    } catch (error) {
      this.#report(streamed, error);
      return true;
    }
  }

  #report({ watched, readers }: Streamed<Reader>, error: unknown): void {
    const { path } = watched.file;
    this.#log(`Cannot look at ${path} (${String(error)}); ending its downloads: ${readers.size}`);
  }

  /** `reader` is no longer sent these. */
  drop(reader: Reader, over: ReadonlySet<Streamed<Reader>>): void {
    for (const streamed of over) {
      reader.streamed.delete(streamed);
      streamed.readers.delete(reader);
      if (streamed.readers.size > 0) continue;
      const { file } = streamed.watched;
      this.#byFile.delete(file);
      file.release();
    }
  }
}

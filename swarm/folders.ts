/**
 * The files in a folder now. Only a walk over every file shows whether a folder is
 * unchanged, so walks are bounded: one at a time, in short turns between requests. All
 * requests for a folder share its walk, and its result for a second.
 */

import { sep } from "node:path";
import { type Job, lengthOf } from "../digests/job.ts";
import { MOST_FILES, pieceLengthFor } from "../digests/piece-length.ts";
import type { Identity } from "../files/identity.ts";
import type { OpenDirectory, Root } from "../files/locate.ts";
import { walk } from "../files/walk.ts";
import { type Refused, sortKey } from "./bittorrent/torrent.ts";
import type { NamedJob } from "./named-job.ts";

/** A folder with its files in the order of its torrent, or why it has no documents. */
export type Listed = NamedJob | Refused;

/** The path by which a folder was asked for, and its real path. */
type Folder = Pick<OpenDirectory, "path" | "realPath">;

/** A file of the folder, with its path below it. */
interface FoundFile {
  readonly path: readonly string[];
  readonly file: Identity;
}

/** Milliseconds of one turn: an ordinary request waits no longer for a walk. */
const TURN = 2;
/** Milliseconds for which the result of a walk is kept. */
const REMEMBERED = 1_000;
/** Folders that may wait for their walk. */
const MOST_WAITING = 100;
/** Entries of any kind that a walk looks at: some two seconds of work. */
const MOST_ENTRIES = 100_000;

export class Folders {
  readonly #root: Root;
  /** By path: waiting, under way, or ended less than a second ago. */
  readonly #walks = new Map<string, Promise<Listed>>();
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(root: Root) {
    this.#root = root;
  }

  /** The folder at `segments`; undefined when too many others wait for their walk. */
  list(segments: readonly string[], { path, realPath }: Folder): Promise<Listed> | undefined {
    const known = this.#walks.get(path);
    if (known !== undefined) return known;
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting++;
    const listed = this.#last.then(() => this.#list(segments, { path, realPath }));
    this.#walks.set(path, listed);
    this.#last = listed.then(
      () => this.#ended(path, REMEMBERED),
      () => this.#ended(path, 0),
    );
    return listed;
  }

  #ended(path: string, remembered: number): void {
    this.#waiting--;
    setTimeout(() => this.#walks.delete(path), remembered).unref();
  }

  async #list(segments: readonly string[], { path, realPath }: Folder): Promise<Listed> {
    const found = await this.#find(path);
    if (!Array.isArray(found)) return found;
    const sorted = inOrder(found);
    const files = sorted.map(({ file }) => file);
    const pieceLength = pieceLengthFor(lengthOf({ files }));
    const job: Job = { kind: "folder", path: realPath, files, pieceLength };
    return { job, segments, names: sorted.map((one) => one.path) };
  }

  async #find(folder: string): Promise<FoundFile[] | Refused> {
    const files: FoundFile[] = [];
    let entries = 0;
    let end = performance.now() + TURN;
    for (const walked of walk(this.#root, folder)) {
      if (performance.now() >= end) {
        await new Promise(setImmediate);
        end = performance.now() + TURN;
      }
      if (++entries > MOST_ENTRIES) {
        return refuse(`The folder has more than ${MOST_ENTRIES} entries`);
      }
      if (walked.kind === "unreadable") return refuse("The folder has files that can't be read");
      if (walked.kind !== "file") continue;
      const { path, file } = walked;
      files.push({ path: path.slice(folder.length + 1).split(sep), file });
      // One more than the most is enough: no document has so many.
      if (files.length > MOST_FILES) break;
    }
    return files;
  }
}

/** Sorts by keys that are made once, not for every comparison. */
function inOrder(files: readonly FoundFile[]): FoundFile[] {
  return files
    .map((found) => ({ key: sortKey(found.path), found }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ found }) => found);
}

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

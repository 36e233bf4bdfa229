/**
 * What is in a folder now. Nothing but a look at every file tells that a folder is
 * unchanged, so the looks are bounded: one walk at a time, in short turns between
 * requests; all who ask for the same folder share its walk, for a second after its end.
 */

import { sep } from "node:path";
import { type Job, lengthOf } from "../digests/job.ts";
import { MOST_FILES, pieceLengthFor } from "../digests/piece-length.ts";
import type { Identity } from "../files/identity.ts";
import type { OpenDirectory, Root } from "../files/locate.ts";
import { walk } from "../files/walk.ts";
import { type Refused, refuseFiles, sortKey } from "./bittorrent/torrent.ts";
import { type NamedJob, torrentFiles } from "./named-job.ts";

/** A folder with its files in the order of its torrent, or why there is none. */
export type Listed = NamedJob | Refused;

/** Where a folder was asked for, and where it really is. */
type Folder = Pick<OpenDirectory, "path" | "realPath">;

/** A file that was found, and where it is in the folder. */
interface FoundFile {
  readonly path: readonly string[];
  readonly file: Identity;
}

/** Milliseconds of one turn: what an ordinary request waits for it, at most. */
const TURN = 2;
/** Milliseconds for which a walk that has ended is remembered. */
const REMEMBERED = 1_000;
/** Folders whose walks wait for that of another. */
const MOST_WAITING = 100;
/** Entries looked at, files or not: some two seconds of work. */
const MOST_ENTRIES = 100_000;

export class Folders {
  readonly #root: Root;
  /** By path: those that wait, the one under way and those that are remembered. */
  readonly #walks = new Map<string, Promise<Listed>>();
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(root: Root) {
    this.#root = root;
  }

  /** The folder at `segments`; undefined when too many others are to be looked at before. */
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
    const named = { job, segments, names: sorted.map((one) => one.path) };
    return refuseFiles(torrentFiles(named)) ?? named;
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
      // Whoever judges them needs no more to refuse.
      if (files.length > MOST_FILES) break;
    }
    return files;
  }
}

/** Each key is made once, not for every comparison. */
function inOrder(files: readonly FoundFile[]): FoundFile[] {
  return files
    .map((found) => ({ key: sortKey(found.path), found }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ found }) => found);
}

function refuse(reason: string): Refused {
  return { kind: "refused", reason };
}

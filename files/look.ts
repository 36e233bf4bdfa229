/**
 * Whether a file is still what it was. Every request asks twice, at its path before
 * and at its descriptor after reading, so on Linux statx(2) is called directly and
 * its answer compared where it lies: no object is made of it, which is half the cost.
 */
import { type BigIntStats, fstatSync, statSync } from "node:fs";
import { openLibc } from "../os/libc.ts";

const libc = openLibc({
  statx: { args: ["int", "ptr", "int", "u32", "ptr"], returns: "int" },
});

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;
const EMPTY = Buffer.from("\0");

/** struct statx: 256 bytes, the same on every architecture. */
const answer = new Uint32Array(64);

/**
 * Where its words are that tell files and versions apart: device (0x88), inode (0x20),
 * size (0x28), change time (0x60) and modification time (0x70).
 */
const SIZE_AND_MODIFIED = [0x28, 0x2c, 0x70, 0x74, 0x78].map((offset) => offset / 4);
const IDENTITY = [0x20, 0x24, 0x60, 0x64, 0x68, 0x88, 0x8c].map((offset) => offset / 4);
const ALL = [...SIZE_AND_MODIFIED, ...IDENTITY];

/** A file as it was seen once, to be held against what is there now. */
export class Seen {
  readonly #stats: BigIntStats;
  readonly #words: Uint32Array;
  readonly #path: Uint8Array;

  /** `path` is where it was found. */
  constructor(stats: BigIntStats, path: string) {
    this.#stats = stats;
    this.#words = wordsOf(stats);
    this.#path = Buffer.from(`${path}\0`);
  }

  /** Whether the path leads to this very file, unchanged. False where that can't be told. */
  isAt(path: string): boolean {
    if (libc !== undefined) {
      const failed = libc.statx(AT_FDCWD, this.#path, 0, STATX_BASIC_STATS, answer) !== 0;
      return !failed && this.#agrees(ALL);
    }
    const { mtimeNs, ctimeNs, ino, size, dev } = this.#stats;
    const now = statSync(path, { bigint: true, throwIfNoEntry: false });
    return (
      now !== undefined &&
      now.mtimeNs === mtimeNs &&
      now.ctimeNs === ctimeNs &&
      now.ino === ino &&
      now.size === size &&
      now.dev === dev
    );
  }

  /** Whether the open file has the size and the modification time that it had. */
  isUnchanged(descriptor: number): boolean {
    if (libc?.statx(descriptor, EMPTY, AT_EMPTY_PATH, STATX_BASIC_STATS, answer) === 0) {
      return this.#agrees(SIZE_AND_MODIFIED);
    }
    const { mtimeNs, size } = fstatSync(descriptor, { bigint: true });
    return mtimeNs === this.#stats.mtimeNs && size === this.#stats.size;
  }

  #agrees(places: readonly number[]): boolean {
    for (const place of places) if (answer[place] !== this.#words[place]) return false;
    return true;
  }
}

const SECOND = 1_000_000_000n;

/** What statx(2) answers where stat(2) answers `stats`. */
function wordsOf({ ino, size, ctimeNs, mtimeNs, dev }: BigIntStats): Uint32Array {
  const view = new DataView(new ArrayBuffer(answer.byteLength));
  view.setBigUint64(0x20, ino, true);
  view.setBigUint64(0x28, size, true);
  for (const [offset, time] of [
    [0x60, ctimeNs],
    [0x70, mtimeNs],
  ] as const) {
    const nanoseconds = ((time % SECOND) + SECOND) % SECOND;
    view.setBigInt64(offset, (time - nanoseconds) / SECOND, true);
    view.setUint32(offset + 8, Number(nanoseconds), true);
  }
  // makedev(3): major and minor number, each in two pieces.
  view.setUint32(0x88, Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)), true);
  view.setUint32(0x8c, Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)), true);
  return new Uint32Array(view.buffer);
}

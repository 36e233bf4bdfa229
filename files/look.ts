/**
 * Whether a file is still what it was. Every answer from a file asks, at its path or at
 * its descriptor, so on Linux statx(2) is called directly and its answer compared where
 * it lies: no object is made of it, which is half the cost. Addresses are taken once:
 * what they are of is used later on, and so is kept and not moved.
 */

import { type Pointer, ptr } from "bun:ffi";
import { fstatSync, statSync } from "node:fs";
import { openLibc } from "../os/libc.ts";
import { COMPARED, type Facts, factsOf, isSame } from "./identity.ts";

const libc = openLibc({
  statx: { args: ["int", "ptr", "int", "u32", "ptr"], returns: "int" },
});

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const STATX_BASIC_STATS = 0x7ff;

/** struct statx: 256 bytes, the same on every architecture. The word behind it is an empty string. */
const answer = new Uint32Array(new ArrayBuffer(260));
const answerPlace = ptr(answer);
const emptyPlace = ptr(answer, 256);

/** Where the words of each fact begin in it, in bytes. */
const OFFSETS: Readonly<Record<keyof Facts, readonly number[]>> = {
  inode: [0x20, 0x24],
  size: [0x28, 0x2c],
  blocks: [0x30, 0x34],
  changed: [0x60, 0x64, 0x68],
  modified: [0x70, 0x74, 0x78],
  device: [0x88, 0x8c],
};
const REMEMBERED = wordsOf(COMPARED.remembered);
const READ = wordsOf(COMPARED.read);

function wordsOf(facts: readonly (keyof Facts)[]): readonly number[] {
  return facts.flatMap((fact) => OFFSETS[fact].map((offset) => offset / 4));
}

/** A file as it was when it was opened, to be held against what is there now. */
export class Seen {
  readonly facts: Facts;
  /** What statx(2) answered then; undefined where it can't be asked. */
  readonly #words: Uint32Array | undefined;
  /** Kept for its address. */
  readonly #path: Uint8Array;
  readonly #pathPlace: Pointer;

  /** `path` is where it was found. */
  constructor(descriptor: number, path: string) {
    // Before the facts: a change in between makes the next look fail, not pass.
    this.#words = statOpen(descriptor) ? answer.slice() : undefined;
    this.facts = factsOf(fstatSync(descriptor, { bigint: true }));
    this.#path = new TextEncoder().encode(`${path}\0`);
    this.#pathPlace = ptr(this.#path);
  }

  /** Whether the path leads to this very file, unchanged. False where that can't be told. */
  isAt(path: string): boolean {
    if (libc !== undefined && this.#words !== undefined) {
      const failed = libc.statx(AT_FDCWD, this.#pathPlace, 0, STATX_BASIC_STATS, answerPlace) !== 0;
      return !failed && agrees(this.#words, REMEMBERED);
    }
    const now = statSync(path, { bigint: true, throwIfNoEntry: false });
    return now !== undefined && isSame("remembered", factsOf(now), this.facts);
  }

  /** Whether the open file has the size and the modification time that it had. */
  isUnchanged(descriptor: number): boolean {
    if (this.#words !== undefined && statOpen(descriptor)) return agrees(this.#words, READ);
    return isSame("read", factsOf(fstatSync(descriptor, { bigint: true })), this.facts);
  }
}

/** Fills `answer` with what the system says of an open file. */
function statOpen(descriptor: number): boolean {
  return libc?.statx(descriptor, emptyPlace, AT_EMPTY_PATH, STATX_BASIC_STATS, answerPlace) === 0;
}

function agrees(words: Uint32Array, places: readonly number[]): boolean {
  for (const place of places) if (answer[place] !== words[place]) return false;
  return true;
}

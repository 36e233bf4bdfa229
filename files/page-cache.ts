/**
 * Whether bytes of a file are in memory, and how they get there without stalling
 * everybody else. The runtime reads and sends on the one thread that serves all
 * connections, so a disk that takes ten milliseconds takes them from each.
 *
 * Linux tells by preadv2(2) with RWF_NOWAIT, which fails where it would wait; the
 * bytes are then read on another thread, before the answer begins or as it is sent,
 * and no longer than somebody waits for them. Elsewhere,
 * and on file systems that can't tell (tmpfs, for one), all is taken to be there.
 */

import { FFIType, ptr } from "bun:ffi";
import { read, readSync } from "node:fs";
import { openLibc } from "../os/libc.ts";
import type { Window } from "../range.ts";
import type { OpenFile } from "./open-file.ts";

const RWF_NOWAIT = 8;

/** Bytes between two probes of a window: readahead brings pages in by the hundred. */
const STRIDE = 256 * 1024;

/**
 * Bytes read ahead of an answer, at most. Pieces of a swarm are no larger, and behind
 * it the kernel reads ahead of what is sent by itself.
 */
const MOST_WARMED = 16 * 1024 * 1024;

/** Bytes read in one go on the other thread. */
const CHUNK = 1024 * 1024;

// musl has it since 1.2.5.
const libc = openLibc({
  preadv2: { args: ["int", "ptr", "int", FFIType.i64_fast, "int"], returns: FFIType.i64_fast },
});
/** struct iovec: address (8), length (8), in words from the low one up. */
const iovec = new Uint32Array(new ArrayBuffer(16));
/** It isn't moved while it is kept. */
const iovecPlace = ptr(iovec);
const probe = new Uint8Array(new ArrayBuffer(1));

/** Whether a window, as far as the probes tell, can be read without waiting for a disk. */
export function isResident(file: OpenFile, { start, end }: Window): boolean {
  if (!canTell(file)) return true;
  const last = Math.min(end, start + MOST_WARMED) - 1;
  for (let position = start; position < last; position += STRIDE) {
    if (!readNow(file, probe, position, RWF_NOWAIT)) return false;
  }
  return readNow(file, probe, last, RWF_NOWAIT);
}

/** Fills `bytes` from `position` on; false, with nothing to be relied on in them, when that would wait. */
export function readResident(file: OpenFile, bytes: Uint8Array, position: number): boolean {
  return canTell(file) && readNow(file, bytes, position, RWF_NOWAIT);
}

/** The same where a disk may be waited for if its file system can't tell. */
export function readAtOnce(file: OpenFile, bytes: Uint8Array, position: number): boolean {
  return readNow(file, bytes, position, canTell(file) ? RWF_NOWAIT : 0);
}

/** Whether this file's system can tell what is in memory. */
function canTell(file: OpenFile): boolean {
  return libc !== undefined && file.device.tells;
}

/**
 * Reads windows into the page cache, one after the other, on another thread: at most
 * {@link MOST_WARMED} bytes of them together. False when `signal` ended it.
 */
export async function warm(
  file: OpenFile,
  windows: readonly Window[],
  signal: AbortSignal,
): Promise<boolean> {
  const scratch = Buffer.allocUnsafe(CHUNK);
  let left = MOST_WARMED;
  for (const { start, end } of windows) {
    for (let position = start; position < end && left > 0;) {
      if (signal.aborted) return false;
      const length = Math.min(CHUNK, end - position, left);
      const count = await readAt(file.descriptor, scratch, length, position);
      // A file that has become shorter is found out by whoever answers from it.
      if (count === 0) return true;
      position += count;
      left -= count;
    }
    learn(file, start);
  }
  return !signal.aborted;
}

/**
 * Fills `bytes` from `position` on, on this thread if that doesn't wait, else on another.
 * Resolves to the number of bytes read: fewer only at the end of the file.
 */
export async function fill(file: OpenFile, bytes: Buffer, position: number): Promise<number> {
  if (readResident(file, bytes, position)) return bytes.length;
  let filled = 0;
  while (filled < bytes.length) {
    const rest = bytes.subarray(filled);
    const count = canTell(file)
      ? await readAt(file.descriptor, rest, rest.length, position + filled)
      : readSync(file.descriptor, rest, 0, rest.length, position + filled);
    if (count === 0) return filled;
    filled += count;
  }
  learn(file, position);
  return filled;
}

/** What has just been read and still seems to be missing is on a file system that can't tell. */
function learn(file: OpenFile, position: number): void {
  if (!canTell(file)) return;
  const isRead = readSync(file.descriptor, probe, 0, 1, position) === 1;
  if (isRead && !readNow(file, probe, position, RWF_NOWAIT)) file.device.tells = false;
}

/** False, too, where there is no such call. */
function readNow(
  { descriptor }: OpenFile,
  bytes: Uint8Array,
  position: number,
  flags: number,
): boolean {
  if (libc === undefined) return false;
  const address: number = ptr(bytes);
  // A number in the place of its lowest 32 bits is cut to them.
  iovec[0] = address;
  iovec[1] = Math.floor(address / 2 ** 32);
  iovec[2] = bytes.length;
  return Number(libc.preadv2(descriptor, iovecPlace, 1, position, flags)) === bytes.length;
}

/** Reads on another thread. Resolves to the number of bytes read, 0 at the end of the file. */
export function readAt(descriptor: number, bytes: Buffer, length: number, position: number) {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(descriptor, bytes, 0, length, position, (error, count) => {
    if (error === null) resolve(count);
    else reject(error);
  });
  return promise;
}

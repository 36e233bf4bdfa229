/**
 * Files that exist in memory alone, memfd_create(2). The kernel can send one to any number
 * of readers. Linux only.
 */

import { closeSync, readlinkSync, writeSync } from "node:fs";
import { listDescriptors } from "./descriptors.ts";
import { errorCode } from "./error-code.ts";
import { openLibc } from "./libc.ts";

const MFD_CLOEXEC = 1;

const libc = openLibc({ memfd_create: { args: ["ptr", "u32"], returns: "int" } });

/** A process may have inherited files of another, whose names are others. */
const own = crypto.randomUUID();
let made = 0;

/** Makes one with these bytes. The name tells it from others. Undefined where the system has no such files. */
export function createMemoryFile(
  bytes: Uint8Array,
): { readonly descriptor: number; readonly name: string } | undefined {
  const name = `rangesrv-${own}-${(made += 1)}`;
  const descriptor = libc?.memfd_create(Buffer.from(`${name}\0`), MFD_CLOEXEC) ?? -1;
  if (descriptor < 0) return undefined;
  try {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(descriptor, bytes, written);
    }
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return { descriptor, name };
}

/** Its bytes, shared with every process that maps them. Undefined where they can't be mapped. */
export function mapMemoryFile(descriptor: number): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Bun.mmap(`/proc/self/fd/${descriptor}`, { shared: true });
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** By name, how many descriptors each has in this process. Undefined when that can't be found out. */
export function countMemoryFiles(): ReadonlyMap<string, number> | undefined {
  const counts = new Map<string, number>();
  try {
    for (const descriptor of listDescriptors() ?? []) {
      const [, name] = /^\/memfd:(rangesrv-[\da-f-]+)/.exec(linkOf(descriptor)) ?? [];
      if (name !== undefined) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
  return counts;
}

/** Where a descriptor leads; empty when it was closed meanwhile. */
function linkOf(descriptor: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch (error) {
    if (errorCode(error) !== undefined) return "";
    throw error;
  }
}

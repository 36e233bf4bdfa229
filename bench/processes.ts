/** Processes under measurement: their processor time and memory, children included, from /proc. */

import { readdirSync, readFileSync } from "node:fs";

/** Ticks of utime and stime a second, as Linux shows them to programs. */
const TICKS = 100;

/** A process and everything below it. */
export function tree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const fields = statFields(Number(entry));
    if (fields !== undefined) parents.set(Number(entry), Number(fields[1]));
  }
  const found = [pid];
  for (const parent of found) {
    for (const [child, above] of parents) if (above === parent) found.push(child);
  }
  return found;
}

/** Seconds of processor time that a process tree has used. */
export function processorTime(pid: number): number {
  let ticks = 0;
  for (const member of tree(pid)) {
    const fields = statFields(member);
    // With that of children that have ended and were waited for.
    for (const field of [11, 12, 13, 14]) ticks += Number(fields?.[field] ?? 0);
  }
  return ticks / TICKS;
}

/**
 * Bytes that a process tree has resident, and how many of them are its own: neither file
 * nor shared. What hashes files for a while isn't counted.
 */
export function memory(pid: number): { resident: number; own: number } {
  let resident = 0;
  let own = 0;
  for (const member of tree(pid)) {
    if (readFileSync(`/proc/${member}/environ`, "latin1").includes("RANGESRV_HASHER=")) continue;
    const status = readFileSync(`/proc/${member}/status`, "latin1");
    const field = (name: string) =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
    resident += field("VmRSS");
    own += field("RssAnon");
  }
  return { resident, own };
}

/** The fields of /proc/PID/stat from the third on: [0] state, [1] parent, [11] utime, [12] stime, [13], [14] the same of ended children. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

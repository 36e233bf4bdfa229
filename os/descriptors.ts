/**
 * The descriptors that this process has open, and how many it may have. Linux only;
 * elsewhere none are listed or counted.
 */

import { closeSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { errorCode } from "./error-code.ts";

const OWN = "/proc/self/fd";

/** Closed for a moment to list the others when all are taken. */
let reserve: number | undefined;

/** Keeps a descriptor, so that {@link listDescriptors} works when no other is left. */
export function reserveDescriptor(): void {
  reserve ??= attempt(() => openSync("/dev/null", "r"));
}

/** The numbers of all open ones; undefined when none is left to list them with, or not on Linux. */
export function listDescriptors(): number[] | undefined {
  const listed = attempt(() => readdirSync(OWN));
  if (listed !== undefined || reserve === undefined) return listed?.map(Number);
  closeSync(reserve);
  reserve = undefined;
  try {
    return attempt(() => readdirSync(OWN))?.map(Number);
  } finally {
    reserveDescriptor();
  }
}

/** How many are open; undefined when that can't be found out. Linux 6.2 and later tell it without a list. */
export function countDescriptors(): number | undefined {
  const counted = attempt(() => statSync(OWN).size) ?? 0;
  return counted > 0 ? counted : listDescriptors()?.length;
}

/** How many this process may have open; undefined where the system doesn't tell. */
export const DESCRIPTOR_LIMIT = readLimit();

/**
 * Descriptors to keep free of a limit: 512 for connections that wait to be accepted, which
 * is as many as the kernel queues, and 64 for files; at most a quarter of the limit.
 */
export function reservedOf(limit: number): number {
  return Math.min(576, limit >> 2);
}

/** How many uses of a descriptor pass between two counts. */
const UNCOUNTED = 16;
let uses = 0;
let isShort = false;

/** Whether half of those that {@link reservedOf} keeps free are taken. Ask before a descriptor is taken for long. */
export function isShortOfDescriptors(): boolean {
  if (DESCRIPTOR_LIMIT === undefined) return false;
  if (isShort || uses++ % UNCOUNTED === 0) {
    const open = countDescriptors() ?? DESCRIPTOR_LIMIT;
    isShort = open >= DESCRIPTOR_LIMIT - reservedOf(DESCRIPTOR_LIMIT) / 2;
  }
  return isShort;
}

function readLimit(): number | undefined {
  const limits = attempt(() => readFileSync("/proc/self/limits", "latin1")) ?? "";
  const limit = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return limit === undefined ? undefined : Number(limit);
}

/** What `look` returns; undefined when the system refuses. */
function attempt<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}

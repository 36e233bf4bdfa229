/**
 * What this process takes of the machine. Linux only for the most part; elsewhere what the
 * runtime knows.
 */

import { readFileSync } from "node:fs";
import { countDescriptors, DESCRIPTOR_LIMIT } from "./descriptors.ts";
import { errorCode } from "./error-code.ts";

interface ProcessFigures {
  /** Seconds of processor time, user and system. */
  readonly cpu: number;
  /** Bytes. */
  readonly resident: number;
  readonly virtual: number;
  /** Open descriptors, and how many there may be; 0 where that isn't known. */
  readonly descriptors: number;
  readonly mostDescriptors: number;
}

/** Undefined when no descriptor is left to ask the system with. */
export function processFigures(): ProcessFigures | undefined {
  const { user, system } = process.cpuUsage();
  const resident = readResident();
  if (resident === undefined) return undefined;
  return {
    cpu: (user + system) / 1e6,
    resident,
    virtual: readVirtual(),
    descriptors: countDescriptors() ?? 0,
    mostDescriptors: DESCRIPTOR_LIMIT ?? 0,
  };
}

/** The runtime opens a file for it, and throws an error without a code when it can't. */
function readResident(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Bytes: field 23 of proc_pid_stat(5), of which the second may have spaces in its brackets. */
function readVirtual(): number {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[20] ?? 0);
  } catch (error) {
    if (errorCode(error) !== undefined) return 0;
    throw error;
  }
}

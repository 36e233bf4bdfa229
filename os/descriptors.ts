/** The descriptors that this process has open (Linux). */
import { readdirSync } from "node:fs";

/** Their numbers; undefined when none is left to look with. */
export function listDescriptors(): number[] | undefined {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EMFILE" || code === "ENFILE") return undefined;
    throw error;
  }
}

/** What makes a process the hasher: one variable in its environment, which names the state directory. */

import { environmentFor, startedAs } from "../os/child-process.ts";

/** Its value is empty when there is no state directory. */
const HASHER = "RANGESRV_HASHER";

/** Whether this process is a hasher. */
export function isHasher(): boolean {
  return startedAs(HASHER) !== undefined;
}

/** The environment that a hasher is started with. */
export function hasherEnvironment(directory: string | undefined): Record<string, string> {
  return environmentFor(HASHER, directory ?? "");
}

/** Where this hasher keeps digests; undefined: nowhere. */
export function hasherDirectory(): string | undefined {
  return startedAs(HASHER) || undefined;
}

/** Files that are rewritten in place. */

import { closeSync, openSync, writeSync } from "node:fs";

export function overwrite(path: string, bytes: Uint8Array): void {
  const descriptor = openSync(path, "r+");
  writeSync(descriptor, bytes, 0, bytes.length, 0);
  closeSync(descriptor);
}

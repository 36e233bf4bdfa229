/** A file that an operator names: its text, or one line that says why there is none. */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { errorCode } from "../os/error-code.ts";

/** Bytes. Such a file is written by hand. */
const LONGEST = 1024 * 1024;

/** O_NONBLOCK: a FIFO doesn't hang the process. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Throws with one line for the operator: `Cannot read "/etc/x": no such file`. */
export function readOperatorFile(path: string): string {
  return orReason(`Cannot read "${path}"`, () => read(path));
}

/** Whether every user of this machine may read a file. Throws as above. */
export function isReadByAll(path: string): boolean {
  return orReason(`Cannot read "${path}"`, () => (statSync(path).mode & 0o004) !== 0);
}

/** Makes a file that only its owner may read; there must be none. Throws as above. */
export function makeSecretFile(path: string, text: string): void {
  orReason(`Cannot make "${path}"`, () => writeFileSync(path, text, { mode: 0o600, flag: "wx" }));
}

function orReason<T>(failed: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const code = errorCode(error);
    const reason = error instanceof Unfit ? error.message : code && (FAILURES[code] ?? code);
    if (reason === undefined) throw error;
    throw new Error(`${failed}: ${reason}`, { cause: error });
  }
}

/** Not a file that could be read. */
class Unfit extends Error {}

function read(path: string): string {
  const descriptor = openSync(path, READ);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Unfit("not a file");
    if (stats.size > LONGEST) throw new Unfit(`larger than ${LONGEST} bytes`);
    const bytes = readFileSync(descriptor);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new Unfit("not UTF-8");
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

const FAILURES: Readonly<Record<string, string>> = {
  EEXIST: "there is such a file",
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  EISDIR: "not a file",
  ENXIO: "not a file",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "its symbolic links lead in a circle",
};

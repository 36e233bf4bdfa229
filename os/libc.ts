/** The C library, for what the runtime has no call for. */

import { dlopen, type FFIFunction } from "bun:ffi";

const ARCHITECTURE = process.arch === "arm64" ? "aarch64" : "x86_64";
const NAMES = ["libc.so.6", `libc.musl-${ARCHITECTURE}.so.1`];

/** Its functions on Linux; undefined elsewhere, and where one of them is missing. */
export function openLibc<const Functions extends Record<string, FFIFunction>>(
  functions: Functions,
) {
  if (process.platform !== "linux") return undefined;
  for (const name of NAMES) {
    try {
      return dlopen(name, functions).symbols;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

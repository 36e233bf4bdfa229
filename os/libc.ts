/** Functions of the C library that the runtime has no call for. */

import { dlopen, type FFIFunction } from "bun:ffi";

const ARCHITECTURE = process.arch === "arm64" ? "aarch64" : "x86_64";
const NAMES = ["libc.so.6", `libc.musl-${ARCHITECTURE}.so.1`];

/** The functions on Linux; undefined elsewhere, and where the library lacks one of them. */
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

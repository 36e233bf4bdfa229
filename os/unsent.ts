/**
 * Limits the unsent data that the kernel holds for a connection. Without a limit it takes
 * megabytes before the link sends them, and the order of the pieces is decided too early.
 */

import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

const libc = openLibc({
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
} as const);

/**
 * Lets a connection take no more bytes while `bytes` of it are unsent. Bytes that were sent
 * and not acknowledged don't count, so a long round trip costs no speed. Linux only;
 * elsewhere this does nothing.
 */
export function limitUnsent(socket: object, bytes: number): void {
  // The runtime has it, its types don't.
  const descriptor = "fd" in socket ? socket.fd : undefined;
  if (typeof descriptor !== "number") return;
  libc?.setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, new Int32Array([bytes]), 4);
}

/**
 * Little unsent data in the kernel. A connection takes bytes long before the link
 * does, so without this the order of the pieces would be decided for megabytes ahead.
 */

import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const IPPROTO_TCP = 6;
const TCP_NOTSENT_LOWAT = 25;

const libc = openLibc({
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
} as const);

/**
 * A connection takes no more bytes while `bytes` of it haven't been sent; what was sent
 * and not acknowledged doesn't count, so a long way costs no speed. Linux only; elsewhere
 * nothing happens.
 */
export function limitUnsent(socket: object, bytes: number): void {
  // The runtime has it, its types don't.
  const descriptor = "fd" in socket ? socket.fd : undefined;
  if (typeof descriptor !== "number") return;
  libc?.setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, new Int32Array([bytes]), 4);
}

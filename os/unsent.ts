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

/** The number of a socket of the runtime, which has it though its types don't. */
export function descriptorOf(socket: object): number | undefined {
  const descriptor = "fd" in socket ? socket.fd : undefined;
  return typeof descriptor === "number" ? descriptor : undefined;
}

/**
 * Lets a connection take no more bytes while `bytes` of it are unsent. Bytes that were sent
 * and not acknowledged don't count, so a long round trip costs no speed. Linux only;
 * elsewhere this does nothing.
 */
export function limitUnsent(descriptor: number, bytes: number): void {
  libc?.setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, new Int32Array([bytes]), 4);
}

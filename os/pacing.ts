/**
 * Has the kernel hold a connection to a number of bytes a second: by sendfile as well, from
 * one packet to the next, and without a wake-up of this process. The first ten packets of a
 * connection are never held back. With the qdisc `fq` headers count; otherwise the data
 * alone. Linux only; elsewhere nothing is held back.
 */

import { type Connection, isStill } from "./connections.ts";
import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const SOL_SOCKET = 1;
const SO_MAX_PACING_RATE = 47;
const UNLIMITED = 2n ** 64n - 1n;

const libc = openLibc({
  getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
} as const);

const rate = new BigUint64Array(1);
const length = new Uint32Array(1);

/** Bytes a second from now on, also in the middle of a response; Infinity: as many as go. */
export function pace(connection: Connection, bytesPerSecond: number): void {
  if (!isStill(connection)) return;
  const isLimited = bytesPerSecond !== Infinity;
  rate[0] = isLimited ? BigInt(Math.max(1, Math.round(bytesPerSecond))) : UNLIMITED;
  libc?.setsockopt(connection.descriptor, SOL_SOCKET, SO_MAX_PACING_RATE, rate, rate.byteLength);
}

/** Bytes a second to which the kernel holds it. Undefined when the connection is gone. */
export function paceOf(connection: Connection): number | undefined {
  if (!isStill(connection)) return undefined;
  length[0] = rate.byteLength;
  const { descriptor } = connection;
  const told = libc?.getsockopt(descriptor, SOL_SOCKET, SO_MAX_PACING_RATE, rate, length) === 0;
  if (!told) return undefined;
  return rate[0] === UNLIMITED ? Infinity : Number(rate[0]);
}

/** The two ends of a connection: addresses and ports as the kernel has them, by descriptor. */

import { openLibc } from "./libc.ts";

/** The far end of a connection as `server.requestIP` gives it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

// The kernel's numbers on x64 and arm64.
const AF_INET = 2;
const AF_INET6 = 10;
const LITTLE_ENDIAN = true;

const libc = openLibc({
  getpeername: { args: ["int", "ptr", "ptr"], returns: "int" },
  getsockname: { args: ["int", "ptr", "ptr"], returns: "int" },
} as const);

const address = new Uint8Array(128);
const view = new DataView(address.buffer);
const length = new Uint32Array(1);

/** One spelling for a peer, whichever way its address was written. */
export function peerKey({ address, port }: Peer): string {
  if (!address.includes(":")) return `${address}:${port}`;
  // An IPv6 socket sees IPv4 clients at mapped addresses.
  const dotted = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (dotted !== undefined) return `${dotted}:${port}`;
  const [unscoped] = address.split("%");
  return `${new URL(`http://[${unscoped}]`).hostname}:${port}`;
}

/** {@link peerKey} of the far end of `descriptor`, if it is a connection to `port` of this machine. */
export function peerAt(descriptor: number, port: number): string | undefined {
  if (!isConnectedTo(descriptor, port)) return undefined;
  return readFarEnd(descriptor) ? peerKey(readPeer()) : undefined;
}

/** Whether it is a connection to `port` of this machine. */
export function isConnectedTo(descriptor: number, port: number): boolean {
  if (!readFarEnd(descriptor)) return false;
  length[0] = address.length;
  return libc?.getsockname(descriptor, address, length) === 0 && view.getUint16(2) === port;
}

/** The port of the other end; undefined: it is no connection. */
export function farPort(descriptor: number): number | undefined {
  return readFarEnd(descriptor) ? view.getUint16(2) : undefined;
}

/** Reads the far end into {@link view}. False for what is no connection of IPv4 or IPv6: a local socket has no port. */
function readFarEnd(descriptor: number): boolean {
  length[0] = address.length;
  if (libc?.getpeername(descriptor, address, length) !== 0) return false;
  const family = view.getUint16(0, LITTLE_ENDIAN);
  return family === AF_INET || family === AF_INET6;
}

/**
 * sockaddr_in:  family (2, this machine's order), port (2, network order), address (4)
 * sockaddr_in6: family (2), port (2), flow (4), address (16)
 */
function readPeer(): Peer {
  const port = view.getUint16(2);
  const isShort = view.getUint16(0, LITTLE_ENDIAN) === AF_INET;
  // ::ffff:0:0/96
  const isMapped =
    view.getUint32(8) === 0 && view.getUint32(12) === 0 && view.getUint32(16) === 0xffff;
  if (isShort || isMapped) {
    const start = isShort ? 4 : 20;
    return { address: address.subarray(start, start + 4).join("."), port };
  }
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return { address: groups.join(":"), port };
}

/**
 * The TCP connections of this process, which the runtime can't end in the middle of a
 * response. Linux only; elsewhere nothing here has an effect.
 */
import { listDescriptors } from "./descriptors.ts";
import { openLibc } from "./libc.ts";

/** The far end of a connection as `server.requestIP` gives it. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

// The kernel's numbers on x64 and arm64.
const AF_INET = 2;
const SHUT_RDWR = 2;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
/** struct linger: on, for no time at all. What is queued is dropped and the peer gets a reset. */
const DROP_QUEUE = new Int32Array([1, 0]);

const SYMBOLS = {
  getpeername: { args: ["int", "ptr", "ptr"], returns: "int" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
  shutdown: { args: ["int", "int"], returns: "int" },
} as const;

const libc = openLibc(SYMBOLS);

/** Whether connections can be ended here. */
export const CAN_END_CONNECTIONS = libc !== undefined;

/** One spelling for a peer, whichever way its address was written. */
export function peerKey({ address, port }: Peer): string {
  const [unscoped = ""] = address.split("%");
  const host = unscoped.includes(":") ? new URL(`http://[${unscoped}]`).hostname : unscoped;
  return `${host}:${port}`;
}

/** The open connections: descriptors by {@link peerKey}. Undefined when no descriptor is left to look with. */
export function listConnections(): Map<string, number> | undefined {
  const connections = new Map<string, number>();
  const descriptors = listDescriptors();
  if (libc === undefined || descriptors === undefined) return undefined;
  const address = new Uint8Array(128);
  const length = new Uint32Array(1);
  for (const descriptor of descriptors) {
    length[0] = address.length;
    // Anything but a connected socket answers -1.
    if (libc.getpeername(descriptor, address, length) !== 0) continue;
    connections.set(peerKey(readSocketAddress(address)), descriptor);
  }
  return connections;
}

/**
 * Ends a connection at once, and with it what the kernel has queued: after sendfile
 * that is the file's own pages, which show what the file has become.
 */
export function endConnection(descriptor: number): void {
  libc?.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, DROP_QUEUE, DROP_QUEUE.byteLength);
  libc?.shutdown(descriptor, SHUT_RDWR);
}

/**
 * sockaddr_in:  family (2, this machine's order), port (2, network order), address (4)
 * sockaddr_in6: family (2), port (2), flow (4), address (16)
 */
function readSocketAddress(bytes: Uint8Array): Peer {
  const view = new DataView(bytes.buffer);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) {
    return { address: bytes.subarray(4, 8).join("."), port };
  }
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i).toString(16));
  return { address: groups.join(":"), port };
}

/**
 * The TCP sockets of this process, where the runtime has no call for what is needed:
 * ending a connection in the middle of a response, and sparing a listener that is
 * about to close. Linux only; elsewhere nothing here has an effect.
 */
import { ptr } from "bun:ffi";
import { readdirSync } from "node:fs";
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
const SO_ACCEPTCONN = 30;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;
/** struct linger: on, for no time at all. What is queued is dropped and the peer gets a reset. */
const DROP_QUEUE = new Int32Array([1, 0]);

const SYMBOLS = {
  getpeername: { args: ["int", "ptr", "ptr"], returns: "int" },
  getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
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
  const entries = listDescriptors();
  if (libc === undefined || entries === undefined) return undefined;
  const address = new Uint8Array(128);
  const length = new Uint32Array(1);
  for (const entry of entries) {
    const descriptor = Number(entry);
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
 * Listeners that share a port stand in the kernel in the order in which they were
 * opened; when one is closed, the last takes its place. New connections go to all
 * `count` of them but the one at `index`, until {@link spareNoListener}. Without
 * this, those that a closing listener hasn't accepted are reset.
 */
export function spareListener(index: number, count: number): void {
  const listener = findListener();
  if (listener === undefined || count < 2) return;
  // Draw a number below count - 1, and step over the index.
  const program = new Uint32Array(
    [
      instruction(0x20, 0xfffff038), // A = random
      instruction(0x94, count - 1), // A %= count - 1
      instruction(0x35, index, 0, 1), // if A >= index:
      instruction(0x04, 1), //            A += 1
      instruction(0x16, 0), // return A
    ].flat(),
  );
  // struct sock_fprog: number of instructions (2), padding (6), their address (8)
  const fprog = new BigUint64Array([BigInt(program.length / 2), BigInt(ptr(program))]);
  libc?.setsockopt(listener, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, fprog, fprog.byteLength);
}

/** New connections go to every listener again. */
export function spareNoListener(): void {
  const listener = findListener();
  if (listener === undefined) return;
  libc?.setsockopt(listener, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, new Int32Array(1), 4);
}

/** struct sock_filter: code (2), jump if true (1), jump if false (1), operand (4). */
function instruction(code: number, operand: number, ifTrue = 0, ifFalse = 0): [number, number] {
  return [code | (ifTrue << 16) | (ifFalse << 24), operand];
}

/** The descriptor of the one socket of this process that listens. */
function findListener(): number | undefined {
  const accepts = new Int32Array(1);
  const length = new Uint32Array(1);
  return listDescriptors()
    ?.map(Number)
    .find((descriptor) => {
      length[0] = accepts.byteLength;
      accepts[0] = 0;
      libc?.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, accepts, length);
      return accepts[0] === 1;
    });
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

function listDescriptors(): string[] | undefined {
  try {
    return readdirSync("/proc/self/fd");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EMFILE" || code === "ENFILE") return undefined;
    throw error;
  }
}

/**
 * Keeps new connections from a listener: from one of several on a port that is about to
 * close, and from the listener of a process that is full. Linux only; elsewhere nothing
 * here has an effect.
 */

import { ptr } from "bun:ffi";
import { listDescriptors } from "./descriptors.ts";
import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_DETACH_FILTER = 27;
const SO_ACCEPTCONN = 30;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;

const libc = openLibc({
  getsockname: { args: ["int", "ptr", "ptr"], returns: "int" },
  getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
});

/**
 * Gives new connections to all `count` listeners of a port but the one at `index`, until
 * {@link excludeNoListener}. Without a port, the port is that of the first listener here. Without this, the kernel resets the connections that a closing
 * listener hasn't accepted. The kernel orders the listeners by when they were opened; when
 * one is closed, the last takes its place.
 */
export function excludeListener(index: number, count: number, port?: number): void {
  const listener = findListener(port);
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
  attach(listener, SO_ATTACH_REUSEPORT_CBPF, program);
}

/** New connections go to every listener again. */
export function excludeNoListener(port?: number): void {
  const listener = findListener(port);
  if (listener === undefined) return;
  libc?.setsockopt(listener, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, new Int32Array(1), 4);
}

/**
 * Has the kernel drop what new clients of `port` send, until {@link admitConnections}. Their
 * systems try again by themselves, first after a second and then less often. Connections
 * that are made stay, also those that wait to be accepted.
 */
export function keepConnectionsOut(port: number): void {
  const listener = findListener(port);
  // Keep no byte of any packet.
  const program = new Uint32Array(instruction(0x06, 0));
  if (listener !== undefined) attach(listener, SO_ATTACH_FILTER, program);
}

/** Lets new clients of `port` connect again. */
export function admitConnections(port: number): void {
  const listener = findListener(port);
  if (listener === undefined) return;
  libc?.setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, new Int32Array(1), 4);
}

function attach(listener: number, option: number, program: Uint32Array): void {
  // struct sock_fprog: number of instructions (2), padding (6), their address (8)
  const fprog = new BigUint64Array([BigInt(program.length / 2), BigInt(ptr(program))]);
  libc?.setsockopt(listener, SOL_SOCKET, option, fprog, fprog.byteLength);
}

/** struct sock_filter: code (2), jump if true (1), jump if false (1), operand (4). */
function instruction(code: number, operand: number, ifTrue = 0, ifFalse = 0): [number, number] {
  return [code | (ifTrue << 16) | (ifFalse << 24), operand];
}

/** The socket of this process that listens at `port`; without a port, the first that listens: a worker has one. */
function findListener(port?: number): number | undefined {
  const accepts = new Int32Array(1);
  const address = new Uint8Array(128);
  const length = new Uint32Array(1);
  return listDescriptors()?.find((descriptor) => {
    length[0] = accepts.byteLength;
    accepts[0] = 0;
    libc?.getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, accepts, length);
    if (accepts[0] !== 1 || port === undefined) return accepts[0] === 1;
    length[0] = address.byteLength;
    const named = libc?.getsockname(descriptor, address, length) === 0;
    // The port, in network order, stands behind the family in IPv4 and in IPv6.
    return named && new DataView(address.buffer).getUint16(2) === port;
  });
}

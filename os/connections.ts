/**
 * The TCP connections of this process as the kernel sees them: lists them, tells how much
 * of the data they were sent has arrived, and ends one in the middle of a response. The
 * runtime has no calls for this. Linux only; elsewhere no connection is found.
 *
 * A descriptor may be closed and its number given to another connection at any turn of
 * the event loop. So a connection is identified by the kernel's cookie for its socket,
 * which is never given twice, and every function compares it before it uses the descriptor.
 */

import { ptr } from "bun:ffi";
import { listDescriptors } from "./descriptors.ts";
import { openLibc } from "./libc.ts";
import { farPort, isConnectedTo, peerAt } from "./peer.ts";

export { type Peer, peerKey } from "./peer.ts";

/** One connection. Its number is checked against its cookie by every function here. */
export interface Connection {
  readonly descriptor: number;
  readonly cookie: bigint;
}

/** What a connection has sent and received. */
export interface Progress {
  /** Bytes that the other end has acknowledged since the connection was made. */
  readonly acknowledged: number;
  /** Whether bytes wait in the kernel, or are sent and not acknowledged. */
  readonly sending: boolean;
  /** Milliseconds since data was last sent or received. */
  readonly idle: number;
  /** Milliseconds since the other end last acknowledged something. */
  readonly sinceAcknowledged: number;
  /** Microseconds, in all, that the other end took nothing, since it had no room. */
  readonly withoutRoom: number;
  /** Bytes that wait in the kernel, and packets that are sent and not acknowledged. */
  readonly waiting: number;
  readonly underWay: number;
  /** Bytes of data in a full packet. */
  readonly packet: number;
  /** Microseconds: the shortest round trip of late. */
  readonly roundTrip: number;
}

// The kernel's numbers on x64 and arm64.
const SHUT_RDWR = 2;
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const SO_COOKIE = 57;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const FIONREAD = 0x541b;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct linger: on, 0 seconds. Closing drops what is queued and sends the peer a reset. */
const DROP_QUEUE = new Int32Array([1, 0]);

const libc = openLibc({
  getsockopt: { args: ["int", "int", "int", "ptr", "ptr"], returns: "int" },
  ioctl: { args: ["int", "u64", "ptr"], returns: "int" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  setsockopt: { args: ["int", "int", "int", "ptr", "u32"], returns: "int" },
  shutdown: { args: ["int", "int"], returns: "int" },
} as const);

/** Whether connections can be found and ended here. */
export const CAN_END_CONNECTIONS = libc !== undefined;

/**
 * The connections from each of `peers` to `port` of this machine. A client that connects
 * from one port of its own to several addresses of this machine has more than one.
 * Undefined when no descriptor is left to look with.
 */
export function findConnections(
  port: number,
  peers: ReadonlyMap<string, unknown>,
): Map<string, Connection[]> | undefined {
  const found = new Map<string, Connection[]>();
  const ports = new Set(
    [...peers.keys()].map((key) => Number(key.slice(key.lastIndexOf(":") + 1))),
  );
  const looked = eachDescriptor((descriptor) => {
    if (!ports.has(farPort(descriptor) ?? 0)) return;
    const key = peerAt(descriptor, port);
    if (key === undefined || !peers.has(key)) return;
    const connection = identify(descriptor);
    if (connection === undefined) return;
    const others = found.get(key);
    if (others === undefined) found.set(key, [connection]);
    else others.push(connection);
  });
  return looked ? found : undefined;
}

/** Every connection to `port` of this machine. Undefined when no descriptor is left to look with. */
export function listConnections(port: number): Connection[] | undefined {
  const found: Connection[] = [];
  const looked = eachDescriptor((descriptor) => {
    if (!isConnectedTo(descriptor, port)) return;
    const connection = identify(descriptor);
    if (connection !== undefined) found.push(connection);
  });
  return looked ? found : undefined;
}

/** Undefined when the connection is gone. */
export function progressOf(connection: Connection): Progress | undefined {
  if (!isStill(connection) || !askInfo(connection.descriptor)) return undefined;
  return {
    acknowledged: readLong(BYTES_ACKED),
    sending: info[UNACKED] !== 0 || info[NOTSENT_BYTES] !== 0,
    idle: Math.min(info[LAST_DATA_SENT] ?? 0, info[LAST_DATA_RECEIVED] ?? 0),
    sinceAcknowledged: info[LAST_ACK_RECEIVED] ?? 0,
    withoutRoom: readLong(RWND_LIMITED),
    waiting: info[NOTSENT_BYTES] ?? 0,
    underWay: info[UNACKED] ?? 0,
    packet: info[SND_MSS] ?? 0,
    roundTrip: info[MIN_RTT] ?? 0,
  };
}

/** Bytes that this process has written to it so far. Undefined when the connection is gone. */
export function bytesWritten(connection: Connection): number | undefined {
  if (!isStill(connection) || !askInfo(connection.descriptor)) return undefined;
  return readLong(BYTES_SENT) - readLong(BYTES_RETRANSMITTED) + (info[NOTSENT_BYTES] ?? 0);
}

/** Bytes from the other end that this process has read. Undefined when the connection is gone. */
export function bytesRead(connection: Connection): number | undefined {
  const { descriptor } = connection;
  if (!isStill(connection) || libc?.ioctl(descriptor, FIONREAD, unreadPlace) !== 0)
    return undefined;
  return askInfo(descriptor) ? readLong(BYTES_RECEIVED) - (unread[0] ?? 0) : undefined;
}

/**
 * Ends a connection at once and drops what the kernel has queued. After sendfile the queue
 * holds the file's own pages, which by now have the bytes of another version.
 */
export function endConnection(connection: Connection): void {
  if (!isStill(connection)) return;
  const { descriptor } = connection;
  libc?.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, DROP_QUEUE, DROP_QUEUE.byteLength);
  libc?.shutdown(descriptor, SHUT_RDWR);
}

/** Sends `bytes`, as many as the socket takes at once, and closes the connection. */
export function dismissConnection(connection: Connection, bytes: Uint8Array): void {
  if (!isStill(connection)) return;
  const { descriptor } = connection;
  const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (bytes.length > 0) libc?.send(descriptor, bytes, bytes.length, flags);
  libc?.shutdown(descriptor, SHUT_RDWR);
}

/** struct tcp_info, by words of four bytes. What the kernel fills isn't moved while it is kept. */
const info = new Uint32Array(new ArrayBuffer(256));
const SND_MSS = 16 / 4;
const UNACKED = 24 / 4;
/** Milliseconds since data was last sent, and last received. */
const LAST_DATA_SENT = 44 / 4;
const LAST_DATA_RECEIVED = 52 / 4;
const LAST_ACK_RECEIVED = 56 / 4;
const BYTES_ACKED = 120 / 4;
const BYTES_RECEIVED = 128 / 4;
const NOTSENT_BYTES = 144 / 4;
const BYTES_SENT = 200 / 4;
const BYTES_RETRANSMITTED = 208 / 4;
const MIN_RTT = 148 / 4;
const RWND_LIMITED = 176 / 4;

function askInfo(descriptor: number): boolean {
  length[0] = info.byteLength;
  return libc?.getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, infoPlace, lengthPlace) === 0;
}

function readLong(place: number): number {
  return (info[place] ?? 0) + (info[place + 1] ?? 0) * 2 ** 32;
}

const length = new Uint32Array(new ArrayBuffer(4));
const cookie = new BigUint64Array(new ArrayBuffer(8));
const unread = new Int32Array(new ArrayBuffer(4));
const infoPlace = ptr(info);
const lengthPlace = ptr(length);
const cookiePlace = ptr(cookie);
const unreadPlace = ptr(unread);

/** Calls `visit` with each descriptor. False when they can't be listed. */
function eachDescriptor(visit: (descriptor: number) => void): boolean {
  const descriptors = libc === undefined ? undefined : listDescriptors();
  for (const descriptor of descriptors ?? []) visit(descriptor);
  return descriptors !== undefined;
}

/** The connection at a descriptor of this process; undefined where none is. */
export function identify(descriptor: number): Connection | undefined {
  const cookie = cookieOf(descriptor);
  return cookie === undefined ? undefined : { descriptor, cookie };
}

/** Whether the descriptor is still this connection's. */
export function isStill({ descriptor, cookie }: Connection): boolean {
  return cookieOf(descriptor) === cookie;
}

function cookieOf(descriptor: number): bigint | undefined {
  length[0] = cookie.byteLength;
  const told = libc?.getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, cookiePlace, lengthPlace) === 0;
  return told ? cookie[0] : undefined;
}

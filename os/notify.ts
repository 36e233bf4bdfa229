/**
 * Datagrams to the service manager, sd_notify(3), by the C library: the runtime has no
 * datagram sockets of the family AF_UNIX. Linux only.
 */

import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** Bytes of sun_path. */
const LONGEST_PATH = 108;

export interface NotifySocket {
  /** Sends a text. It is lost when the receiver has no room for it. */
  send(text: string): void;
  /** The clock that the service manager compares with. */
  microseconds(): bigint;
}

/** A socket to `address`, a path or `@` and an abstract name. Undefined where there can't be one. */
export function openNotifySocket(address: string): NotifySocket | undefined {
  const target = socketAddress(address);
  if (target === undefined) return undefined;
  const libc = openLibc({
    socket: { args: ["int", "int", "int"], returns: "int" },
    sendto: { args: ["int", "ptr", "u64", "int", "ptr", "u32"], returns: "i64" },
    clock_gettime: { args: ["int", "ptr"], returns: "int" },
  } as const);
  const descriptor = libc?.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) ?? -1;
  if (libc === undefined || descriptor < 0) return undefined;
  return {
    send(text) {
      const bytes = Buffer.from(text);
      libc.sendto(descriptor, bytes, bytes.length, MSG_NOSIGNAL, target, target.length);
    },
    microseconds() {
      const time = new BigInt64Array(2);
      libc.clock_gettime(CLOCK_MONOTONIC, time);
      const [seconds = 0n, nanoseconds = 0n] = time;
      return seconds * 1_000_000n + nanoseconds / 1_000n;
    },
  };
}

/** struct sockaddr_un: the family, then a path with a NUL behind it, or a NUL with a name behind it. */
function socketAddress(address: string): Uint8Array | undefined {
  if (!/^[/@]./.test(address)) return undefined;
  const isAbstract = address.startsWith("@");
  const path = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (path.length > LONGEST_PATH) return undefined;
  return Buffer.concat([Uint8Array.of(AF_UNIX, 0), path]);
}

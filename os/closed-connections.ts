/**
 * What became of a TCP connection that this process has closed: the kernel goes on sending
 * what it holds, and remembers for a while that everything arrived. Asked of it over
 * netlink (sock_diag(7)), for one connection by its two ends and its cookie. Linux only.
 */

import type { Connection } from "./connections.ts";
import { openLibc } from "./libc.ts";

// The kernel's numbers on x64 and arm64.
const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0x80000;
const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST = 1;
const IPPROTO_TCP = 6;
const ALL_STATES = 0xffffffff;
const MSG_DONTWAIT = 0x40;
const LITTLE_ENDIAN = true;
/** By net/tcp_states.h: FIN_WAIT1, FIN_WAIT2, TIME_WAIT, LAST_ACK, CLOSING. This end has closed it. */
const CLOSED_HERE = [4, 5, 6, 9, 11];

const libc = openLibc({
  getpeername: { args: ["int", "ptr", "ptr"], returns: "int" },
  getsockname: { args: ["int", "ptr", "ptr"], returns: "int" },
  recv: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  send: { args: ["int", "ptr", "u64", "int"], returns: "i64" },
  socket: { args: ["int", "int", "int"], returns: "int" },
} as const);

/**
 * A question about one connection, as the kernel takes it:
 *
 *     nlmsghdr          length (4 bytes), type (2), flags (2), number (4), sender (4)
 *     inet_diag_req_v2  family (1), protocol (1), extensions (1), unused (1), states (4)
 *       inet_diag_sockid  ports: ours (2), theirs (2); addresses: ours (16), theirs (16);
 *                         interface (4), cookie (8)
 */
export type Question = Uint8Array;

const QUESTION = 72;
const PORTS = 24;
const OURS = 28;
const THEIRS = 44;
const COOKIE = 64;

/** Makes the question while the connection is open. Undefined when it is gone. */
export function questionAbout({ descriptor, cookie }: Connection): Question | undefined {
  const question = new Uint8Array(QUESTION);
  const view = new DataView(question.buffer);
  const isThere = fillEnd(libc?.getsockname, descriptor, question, PORTS, OURS);
  if (!isThere || !fillEnd(libc?.getpeername, descriptor, question, PORTS + 2, THEIRS)) {
    return undefined;
  }
  view.setUint32(0, QUESTION, LITTLE_ENDIAN);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, LITTLE_ENDIAN);
  view.setUint16(6, NLM_F_REQUEST, LITTLE_ENDIAN);
  view.setUint8(16, addressView.getUint16(0, LITTLE_ENDIAN));
  view.setUint8(17, IPPROTO_TCP);
  view.setUint32(20, ALL_STATES, LITTLE_ENDIAN);
  view.setBigUint64(COOKIE, cookie, LITTLE_ENDIAN);
  return question;
}

type Ask = (descriptor: number, address: Uint8Array, length: Uint32Array) => number;

/** Copies port and address of one end to these places. */
function fillEnd(
  ask: Ask | undefined,
  descriptor: number,
  question: Uint8Array,
  portPlace: number,
  addressPlace: number,
): boolean {
  length[0] = address.length;
  if (ask?.(descriptor, address, length) !== 0) return false;
  const isShort = addressView.getUint16(0, LITTLE_ENDIAN) === AF_INET;
  question.set(address.subarray(2, 4), portPlace);
  question.set(isShort ? address.subarray(4, 8) : address.subarray(8, 24), addressPlace);
  return true;
}

const address = new Uint8Array(128);
const addressView = new DataView(address.buffer);
const length = new Uint32Array(1);

/** A socket for questions, opened at the first one for which there is a descriptor. */
let netlink: number | undefined;
const answer = new Uint8Array(1024);
const answerView = new DataView(answer.buffer);
const STATE = 17;
const WRITE_QUEUE = 76;

/**
 * Bytes of a connection closed here that the other end hasn't acknowledged; 0: everything has
 * arrived. Undefined: the kernel has forgotten it, as after a reset or when the other end closed first.
 */
export function bytesLeft(question: Question): number | undefined {
  if (libc === undefined) return undefined;
  if (netlink === undefined) {
    const opened = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_SOCK_DIAG);
    if (opened < 0) return undefined;
    netlink = opened;
  }
  // The kernel answers within the call.
  if (libc.send(netlink, question, BigInt(question.length), MSG_DONTWAIT) < 0) return undefined;
  const received = Number(libc.recv(netlink, answer, BigInt(answer.length), MSG_DONTWAIT));
  const isAnswer = answerView.getUint16(4, LITTLE_ENDIAN) === SOCK_DIAG_BY_FAMILY;
  if (received < WRITE_QUEUE + 4 || !isAnswer) return undefined;
  if (!CLOSED_HERE.includes(answerView.getUint8(STATE))) return undefined;
  return answerView.getUint32(WRITE_QUEUE, LITTLE_ENDIAN);
}

/**
 * Addresses of peers: 16 bytes each, IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so
 * that a peer is the same one whichever way the listener names it.
 */

import type { NetworkInterfaceInfo } from "node:os";

/** 16 bytes in network order. */
export type Address = Uint8Array;

/** Bytes before the four of an IPv4 address. */
const MAPPED = 12;

/** Reads an IPv4 or IPv6 address (RFC 4291 §2.2), its zone left out; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (!text.includes(":")) return parseIPv4(text);
  const zone = text.indexOf("%");
  const [before = "", after, ...more] = (zone === -1 ? text : text.slice(0, zone)).split("::");
  if (more.length > 0) return undefined;
  const head = parseGroups(before, after === undefined);
  const tail = parseGroups(after ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  // `::` stands for at least one group of zeros.
  const zeros = 16 - head.length - tail.length;
  if (after === undefined ? zeros !== 0 : zeros < 2) return undefined;
  const address = new Uint8Array(16);
  address.set(head);
  address.set(tail, 16 - tail.length);
  return address;
}

/** As in `10.0.0.1` and `fe80:0:0:0:0:0:0:1`. */
export function formatAddress(address: Address): string {
  if (isIPv4(address)) return address.slice(MAPPED).join(".");
  const view = new DataView(address.buffer, address.byteOffset, 16);
  const groups = Array.from({ length: 8 }, (_, at) => view.getUint16(2 * at).toString(16));
  return groups.join(":");
}

export function isIPv4(address: Address): boolean {
  return isWithin(MAPPED_PREFIX, 96, address);
}

/** Whether `address` means the machine of its reader. */
export function isLoopback(address: Address): boolean {
  return isWithin(LOOPBACK_IPV4, 104, address) || isWithin(LOOPBACK_IPV6, 128, address);
}

/** {@link sourceOf} as text, to count by: an IPv4 address, or a /64 in hexadecimal; undefined for no address. */
export function sourceName(text: string): string | undefined {
  const address = parseAddress(text);
  if (address === undefined) return undefined;
  return isIPv4(address) ? formatAddress(address) : sourceOf(address).toHex();
}

/** The compact form that peers get (BEP 23, BEP 7): 4 or 16 bytes. */
export function compactAddress(address: Address): Uint8Array {
  return isIPv4(address) ? address.subarray(MAPPED) : address;
}

/** The addresses that one subscriber may have all of: an IPv4 address, or an IPv6 network of 64 bits. */
export function sourceOf(address: Address): Uint8Array {
  return isIPv4(address) ? address : address.subarray(0, 8);
}

/** Whether the first `bits` of both are the same. */
export function isWithin(network: Address, bits: number, address: Address): boolean {
  for (let at = 0; at < 16 && bits > 8 * at; at++) {
    const mask = 0xff << Math.max(0, 8 * (at + 1) - bits);
    if ((((network[at] ?? 0) ^ (address[at] ?? 0)) & mask & 0xff) !== 0) return false;
  }
  return true;
}

function parseIPv4(text: string): Address | undefined {
  const numbers = text.split(".");
  if (numbers.length !== 4) return undefined;
  const address = new Uint8Array(16);
  address.fill(0xff, MAPPED - 2, MAPPED);
  for (const [at, number] of numbers.entries()) {
    // A leading zero would be octal to some.
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(number) || Number(number) > 255) return undefined;
    address[MAPPED + at] = Number(number);
  }
  return address;
}

/** The bytes of groups between colons; the last one may be an IPv4 address where `atEnd`. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [at, group] of groups.entries()) {
    if (atEnd && at === groups.length - 1 && group.includes(".")) {
      const tail = parseIPv4(group);
      if (tail === undefined) return undefined;
      bytes.push(...tail.subarray(MAPPED));
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
      const number = Number.parseInt(group, 16);
      bytes.push(number >> 8, number & 0xff);
    }
  }
  return bytes.length > 16 ? undefined : bytes;
}

const MAPPED_PREFIX: Address = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0);
const LOOPBACK_IPV4: Address = Uint8Array.of(...MAPPED_PREFIX.subarray(0, MAPPED), 127, 0, 0, 0);
const LOOPBACK_IPV6: Address = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** What node:os says of the machine's interfaces, by name. */
export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * This machine's address as `client` can reach it, for a peer of ours that listens
 * there. `hostField` is the Host field of the client's request; undefined when it sent none.
 */
export function seederAddress(
  client: Address,
  hostField: string | undefined,
  interfaces: Interfaces,
): Address | undefined {
  // What the client itself used is right behind port forwarding too.
  const literal = hostField === undefined ? undefined : parseHost(hostField);
  if (literal !== undefined) return literal;

  let external: Address | undefined;
  for (const { address: text, netmask, internal } of Object.values(interfaces).flatMap(present)) {
    const address = parseAddress(text);
    if (address === undefined || isIPv4(address) !== isIPv4(client)) continue;
    if (isWithin(address, prefixLength(netmask), client)) return address;
    if (!internal && !isLinkLocal(address)) external ??= address;
  }
  return external;
}

function present(addresses: readonly NetworkInterfaceInfo[] | undefined) {
  return addresses ?? [];
}

/** The address of a Host field (RFC 9110 §7.2) that names one by number. */
function parseHost(field: string): Address | undefined {
  const host = /^(?:\[(?<six>[^\]]*)\]|(?<four>[0-9.]+))(?::[0-9]*)?$/.exec(field)?.groups;
  const address = parseAddress(host?.["six"] ?? host?.["four"] ?? "");
  // 0.0.0.0 and :: reach the client's own machine only.
  return address === undefined || compactAddress(address).every((byte) => byte === 0)
    ? undefined
    : address;
}

function isLinkLocal(address: Address): boolean {
  return address[0] === 0xfe && ((address[1] ?? 0) & 0xc0) === 0x80;
}

/** Bits of 16 bytes that a netmask as of `255.0.0.0` or `ffff::` selects. */
function prefixLength(netmask: string): number {
  const mask = parseAddress(netmask);
  if (mask === undefined) return 128;
  // The bit behind a byte ends a count that would go on.
  const bits = compactAddress(mask).reduce(
    (sum, byte) => sum + Math.clz32((~byte << 24) | (1 << 23)),
    0,
  );
  return isIPv4(mask) ? 8 * MAPPED + bits : bits;
}

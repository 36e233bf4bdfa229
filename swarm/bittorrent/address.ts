/** Addresses of peers: whose they are, how peers are told them, and where this server's seeder is. */

import type { NetworkInterfaceInfo } from "node:os";
import {
  type Address,
  formatAddress,
  isIPv4,
  isLoopback,
  isWithin,
  parseAddress,
} from "../../http/address.ts";

export { type Address, formatAddress, isIPv4, isLoopback, isWithin, parseAddress };

/** Bytes before the four of an IPv4 address. */
const MAPPED = 12;

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

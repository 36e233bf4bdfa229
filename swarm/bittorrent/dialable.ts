/**
 * To which peers this server connects. A stranger chooses a peer's address and port, so
 * this server never connects to itself, to link-local addresses, or to a port of system
 * services. An address that embeds an IPv4 address (RFC 6052, RFC 3056, RFC 4380) is
 * judged by that one.
 */

import { isInAny } from "../../http/address.ts";
import { type Address, isWithin } from "./address.ts";

/** The addresses of this server. */
export interface Standpoint {
  /** Addresses of this machine. */
  readonly own: readonly Address[];
  /** The one address that the operator bound the server to; undefined: all, or a name. */
  readonly bound: Address | undefined;
  /** Whether a proxy may stand before it (`--url`). */
  readonly proxied: boolean;
}

/**
 * Whether this server may connect to a peer. `announced`: the peer announced itself over a
 * connection from `address`; else another tracker named it.
 */
export function isDialable(
  { address, port }: { readonly address: Address; readonly port: number },
  { own, bound, proxied }: Standpoint,
  announced: boolean,
): boolean {
  if (port < FIRST_USER_PORT || port > LAST_PORT) return false;
  const reached = embedded(address);
  if (isNobody(reached)) return false;
  const isOurs = isNear(reached) || own.some((other) => equals(other, reached));
  // An operator who binds the server to such an address wants peers on this machine.
  if (isOurs) return !proxied && bound !== undefined && equals(bound, address);
  // This may be the address of the proxy, not of its client.
  return !(announced && proxied && isPrivate(reached));
}

/** RFC 6335 §6: only privileged programs listen at ports below. */
const FIRST_USER_PORT = 1024;
const LAST_PORT = 65_535;

/** Unspecified, multicast, reserved and broadcast; and local NAT64, which may embed any address. */
const isNobody = isInAny(
  ...["0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8", "64:ff9b:1::/48"],
);
/** This machine and its links. */
const isNear = isInAny("127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10");
/** RFC 1918, RFC 6598, RFC 4193, and the site-local addresses before it. */
const isPrivate = isInAny(
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
  ...["fc00::/7", "fec0::/10"],
);

/** Networks whose addresses carry an IPv4 address, the offset of its bytes, and what they are XORed with. */
const CARRIERS = [
  // IPv4-compatible and IPv4-translated
  { carries: isInAny("::/96", "::ffff:0:0:0/96"), at: 12, xor: 0 },
  // NAT64, 6to4, Teredo
  { carries: isInAny("64:ff9b::/96"), at: 12, xor: 0 },
  { carries: isInAny("2002::/16"), at: 2, xor: 0 },
  { carries: isInAny("2001::/32"), at: 12, xor: 0xff },
];

/** The IPv4 address that an address embeds, or the address itself. */
function embedded(address: Address): Address {
  if (isPlain(address)) return address;
  const carrier = CARRIERS.find(({ carries }) => carries(address));
  if (carrier === undefined) return address;
  const carried = new Uint8Array(16);
  carried.fill(0xff, 10, 12);
  for (let n = 0; n < 4; n++) carried[12 + n] = (address[carrier.at + n] ?? 0) ^ carrier.xor;
  return carried;
}

/** In the network of a carrier, but embedding none. */
const isPlain = isInAny("::/128", "::1/128");

function equals(one: Address, other: Address): boolean {
  return isWithin(one, 128, other);
}

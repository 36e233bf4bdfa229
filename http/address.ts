/**
 * Addresses as 16 bytes each, IPv4 as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so that one is
 * the same whichever way a listener or a field names it; and networks of them.
 */

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
export const isLoopback = isInAny("127.0.0.0/8", "::1");

/** The addresses whose first bits are the same. */
export interface Network {
  readonly address: Address;
  /** Of 128. */
  readonly bits: number;
}

/** Reads a network (RFC 4632 §3.1, RFC 4291 §2.3), or one address; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const [base = "", length, ...more] = text.split("/");
  const address = base.includes("%") ? undefined : parseAddress(base);
  if (address === undefined || more.length > 0) return undefined;
  const own = base.includes(":") ? 0 : 8 * MAPPED;
  if (length === undefined) return { address, bits: 128 };
  const bits = /^\d{1,3}$/.test(length) ? Number(length) + own : Infinity;
  return bits > 128 ? undefined : { address, bits };
}

/** Returns whether an address is in one of these networks. They are read for the first question. */
export function isInAny(...texts: readonly string[]): (address: Address) => boolean {
  let networks: readonly Network[] | undefined;
  return (address) => {
    networks ??= texts.map(knownNetwork);
    return networks.some(({ address: base, bits }) => isWithin(base, bits, address));
  };
}

function knownNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`no network: ${text}`);
  return network;
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

/** ::ffff:0.0.0.0 */
const MAPPED_PREFIX: Address = new Uint8Array(16).fill(0xff, MAPPED - 2, MAPPED);

/** A client's address as access counts by it. */

import { isIP } from "node:net";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** One spelling of an address, IPv4-mapped ones as IPv4, without a zone; undefined for no address. */
export function clientName(address: string): string | undefined {
  const [plain = ""] = address.split("%");
  const four = MAPPED.exec(plain)?.[1] ?? plain;
  if (isIP(four) === 4) return four;
  if (isIP(plain) !== 6) return undefined;
  const [, six = ""] = /^\[(.*)\]$/.exec(new URL(`http://[${plain}]/`).hostname) ?? [];
  // The URL parser writes mapped addresses in groups.
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(six);
  if (groups === null) return six;
  const bits = (Number.parseInt(groups[1] ?? "", 16) << 16) | Number.parseInt(groups[2] ?? "", 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join(".");
}

/** What one subscriber has all of: an IPv4 address, or an IPv6 network of 64 bits. */
export function clientSource(address: string): string {
  const name = clientName(address) ?? address;
  if (!name.includes(":")) return name;
  const [before = "", after] = name.split("::");
  const head = before.split(":").filter((group) => group !== "");
  const tail = (after ?? "").split(":").filter((group) => group !== "");
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}

export function isLoopbackClient(address: string): boolean {
  const name = clientName(address);
  return name !== undefined && (name === "::1" || name.startsWith("127."));
}

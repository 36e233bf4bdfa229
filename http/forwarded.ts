/**
 * Whether a request came through a proxy that says so: Forwarded (RFC 7239), Via (RFC 9110
 * §7.6.3), and the older X- fields. Then the address of the connection is the proxy's.
 */

import { isLoopback, parseAddress } from "./address.ts";
import type { Fields } from "./conditional.ts";

const OF_PROXIES = [
  ...["forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"],
  ...["for", "host", "proto", "port", "server", "by", "prefix", "scheme", "ssl"].map(
    (what) => `x-forwarded-${what}`,
  ),
];

export function isForwarded(fields: Fields): boolean {
  return OF_PROXIES.some((name) => fields.get(name) !== null);
}

/**
 * Whether a request comes from a program on this machine, and not through a proxy on it.
 * `client` is the address that it comes from.
 */
export function isOnThisMachine({
  client,
  fields,
}: {
  readonly client: string;
  readonly fields: Fields;
}): boolean {
  const address = parseAddress(client);
  return address !== undefined && isLoopback(address) && !isForwarded(fields);
}

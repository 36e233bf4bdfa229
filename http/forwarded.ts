/**
 * Whether a proxy stands between a client and this server, as far as the proxy says so:
 * RFC 7239, RFC 9110 §7.6.3, and the fields that stood in their place before. Then the
 * address that the connection came from is the proxy's.
 */

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

/**
 * The URL of this server as the client knows it, for documents that name it: the
 * operator's --url, else the scheme and authority of the request.
 */

/** Where a request was sent to. */
export interface Addressed {
  /** Absolute, or a bare path when the request has no usable Host. */
  readonly url: string;
  /** The Host field; null when there is none. */
  readonly host: string | null;
  /** The client's, where a trusted proxy told it; undefined: that of `url`. */
  readonly scheme?: "http" | "https" | undefined;
}

/**
 * Scheme and authority without a slash behind them: `http://[::1]:13000`. Undefined
 * when the request names no host that clients could reach: no other name is known to be
 * right.
 */
export function baseUrl(
  { url, host, scheme }: Addressed,
  configured: string | undefined,
): string | undefined {
  if (configured !== undefined) return configured.replace(/\/+$/, "");
  if (host === null || host.length > LONGEST_HOST || !HOST.test(host)) return undefined;
  const base = `${scheme ?? (url.startsWith("https:") ? "https" : "http")}://${host}`;
  // The pattern also matches a port above 65535, an address like 1.2.3.999 and colons that are no IPv6.
  return URL.canParse(base) ? base : undefined;
}

/** Characters: a domain name (RFC 1035 §2.3.4), a colon and a port. */
const LONGEST_HOST = 255 + 6;

/** RFC 3986 §3.2.2 without what no host has in practice: escapes, sub-delimiters, zones. */
const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

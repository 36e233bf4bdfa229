/**
 * Request targets (RFC 9112 §3.2, RFC 3986): from what `Request.url` says to the
 * names of a path below the prefix, percent-decoded exactly once.
 *
 * The runtime has already resolved dot segments of an HTTP/1.1 target. It passes on `%2f`,
 * `%00` and, without a usable Host, the bare path; these are checked here.
 */

/** What a target names, before the disk is read. */
export type Target =
  | PathTarget
  | { readonly kind: "root" }
  /** Not below the prefix. `beside`: what follows the prefix's own name, as in `/data.txt`. */
  | { readonly kind: "outside"; readonly beside?: string }
  | { readonly kind: "malformed"; readonly reason: string };

/** A path below the prefix. */
export interface PathTarget {
  readonly kind: "path";
  /** Decoded names, none of them empty, `.` or `..`, none with a slash or NUL in it. */
  readonly segments: readonly string[];
  /** Whether the path ended in a slash: it names a directory. */
  readonly trailingSlash: boolean;
  /** With its question mark, as sent; empty when there is none. */
  readonly query: string;
}

/** Reads `url` against `prefix`, which begins and ends with a slash. */
export function parseTarget(url: string, prefix: string): Target {
  const { path, query } = splitUrl(url);
  if (path === "/" && prefix !== "/") return { kind: "root" };
  // The prefix without its slash is a directory like any other: it gets the redirect.
  if (path === prefix.slice(0, -1)) {
    return { kind: "path", segments: [], trailingSlash: false, query };
  }
  if (!path.startsWith(prefix)) return outside(path, prefix);

  const segments: string[] = [];
  for (const encoded of path.slice(prefix.length).split("/")) {
    // Two slashes count as one, as in most servers.
    if (encoded === "") continue;
    const name = decodeOnce(encoded);
    if (name === undefined) return malformed("The path is not percent-encoded UTF-8");
    if (/[/\0]/.test(name) || name === "." || name === "..") {
      return malformed("The path has a name that no file can have");
    }
    segments.push(name);
  }
  return { kind: "path", segments, trailingSlash: path.endsWith("/"), query };
}

/** The path of a directory or file below `prefix`, every name percent-encoded. */
export function formatPath(
  prefix: string,
  segments: readonly string[],
  trailingSlash: boolean,
): string {
  const path = prefix + segments.map(encodeName).join("/");
  return trailingSlash && !path.endsWith("/") ? `${path}/` : path;
}

/** One name as a path segment, safe in an attribute and never read as a scheme. */
export function encodeName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replaceAll("'", "%27");
}

/** Whether a query names `parameter`, with or without a value. */
export function hasParameter(query: string, parameter: string): boolean {
  return query !== "" && new URLSearchParams(query).has(parameter);
}

/** Path and query of an absolute URL or, from a client without Host, of a bare path. */
function splitUrl(url: string): { path: string; query: string } {
  // A bare path comes as it was sent. The URL parser resolves its dot segments as the runtime does.
  const absolute = url.startsWith("/") ? new URL(`http://host${url}`).href : url;
  const authority = absolute.indexOf("//") + 2;
  const start = absolute.indexOf("/", authority);
  if (authority === 1 || start === -1) return { path: "", query: "" };
  const hash = absolute.indexOf("#", start);
  const end = hash === -1 ? absolute.length : hash;
  const mark = absolute.indexOf("?", start);
  if (mark === -1 || mark > end) return { path: absolute.slice(start, end), query: "" };
  return { path: absolute.slice(start, mark), query: absolute.slice(mark, end) };
}

/** Undefined for a broken escape, an overlong form, or bytes that are no UTF-8. */
function decodeOnce(encoded: string): string | undefined {
  if (!encoded.includes("%")) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

function outside(path: string, prefix: string): Target {
  const named = prefix.slice(0, -1);
  const beside = named !== "" && path.startsWith(named) ? path.slice(named.length) : "";
  return beside.startsWith(".") ? { kind: "outside", beside } : { kind: "outside" };
}

function malformed(reason: string): Target {
  return { kind: "malformed", reason };
}

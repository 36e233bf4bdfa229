/**
 * What scripts of other origins may read (Fetch §3.3, `--cors`): which fields an answer gets
 * for it, and the answer to a preflight. Files are public to those that may read them at
 * all, so credentials are never allowed: a script sends a token by itself.
 *
 * Without `*` an answer differs by Origin, so every answer says so to caches.
 */

import type { Fields } from "./conditional.ts";
import type { Plan } from "./plan.ts";

/** The origins whose scripts may read answers: as browsers send them, or `*` for all. */
export type CorsOrigins = readonly string[];

/** The fields that every answer gets, errors too. `origin` is the request's Origin field. */
export function corsFields(origins: CorsOrigins, origin: string | null): Plan["fields"] {
  if (origins.includes("*")) return FOR_ALL;
  if (origin === null || !origins.includes(origin)) return VARY;
  return { "access-control-allow-origin": origin, ...EXPOSED, ...VARY };
}

/**
 * The answer to a preflight: a script asks for more than a plain GET. Undefined for any
 * other request. The fields of {@link corsFields} say whether the origin may.
 */
export function planPreflight(method: string, fields: Fields): Plan | undefined {
  if (method !== "OPTIONS" || fields.get("origin") === null) return undefined;
  return fields.get("access-control-request-method") === null ? undefined : PREFLIGHT;
}

const EXPOSED = {
  "access-control-expose-headers": [
    ...["Accept-Ranges", "Content-Digest", "Content-Length", "Content-Range", "Digest", "ETag"],
    ...["Link", "Repr-Digest", "Retry-After"],
  ].join(", "),
} as const;

const VARY = { vary: "Origin" } as const;
const FOR_ALL = { "access-control-allow-origin": "*", ...EXPOSED } as const;

const PREFLIGHT: Plan = {
  status: 204,
  fields: {
    "access-control-allow-methods": "GET, HEAD",
    // What answers differ by, and a token. Browsers name those that a script set.
    "access-control-allow-headers": [
      ...["Authorization", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range"],
      ...["If-Unmodified-Since", "Range", "Want-Content-Digest", "Want-Digest", "Want-Repr-Digest"],
    ].join(", "),
    // Seconds: the most that Chromium keeps it.
    "access-control-max-age": "7200",
  },
  content: { kind: "none" },
};

/**
 * What a browser may do with an answer: it takes every media type as it is said
 * (nosniff), and runs nothing that is in a file (Content-Security-Policy, CSP 3).
 *
 * A file is somebody's, and this server's origin may be trusted with more than it: a
 * page, a picture or an XML document that is opened by its URL must not act as this
 * origin. What it shows keeps working: its own styles and what is below the same origin.
 */

/** Of every answer. */
export const NOSNIFF = { "x-content-type-options": "nosniff" } as const;

/**
 * Of a file that a browser shows as a page, an operator's index.html too: an origin of
 * its own and no scripts, forms, frames or plugins. Links may still be followed and
 * saved, which is what a page on a server of downloads is for.
 */
const FILE_POLICY = {
  "content-security-policy":
    "sandbox allow-downloads; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src 'self'",
} as const;

/** Of this server's own pages, which are one text without anything to load. */
export const PAGE_POLICY = {
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

/** HTML, and XML of every kind: in each of them, elements of XHTML and SVG are what they are. */
const PAGE = /^text\/html|[/+]xml(?:;|$)/;

/** The fields that confine a file of this media type, beside the others that it has. */
export function fileConfinement(mediaType: string): Readonly<Record<string, string>> {
  return PAGE.test(mediaType) ? { ...NOSNIFF, ...FILE_POLICY } : NOSNIFF;
}

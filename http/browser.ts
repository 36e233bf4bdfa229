/**
 * What a browser may do with an answer: it takes the media type as sent (nosniff), and runs
 * no code of a file (Content-Security-Policy, CSP 3).
 *
 * Files may come from strangers, and users may trust this server's origin for other things:
 * a page, a picture or an XML document that is opened by its URL must not act as this
 * origin. Its inline styles, and styles, pictures and media from this origin, still load.
 */

/** A field of every answer. */
export const NOSNIFF = { "x-content-type-options": "nosniff" } as const;

/**
 * For a file that a browser shows as a page, an operator's index.html too: an origin of its
 * own, and no scripts, forms, frames or plugins. Links can be followed and saved, as a page
 * on a download server needs.
 */
const FILE_POLICY = {
  "content-security-policy":
    "sandbox allow-downloads; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src 'self'",
} as const;

/** For answers that are no pages, and load nothing. */
export const DATA_POLICY = {
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
} as const;

/**
 * For this server's own pages: no code and no style stands in them, so that none that a name
 * brings along is run. A preview is a picture, a film or a frame from this origin.
 */
export const PAGE_POLICY = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
} as const;

/** HTML, and XML of every kind: browsers run XHTML and SVG elements in any XML. */
const PAGE = /^text\/html|[/+]xml(?:;|$)/;

/** The fields that keep a browser from running a file of this media type. */
export function fileConfinement(mediaType: string): Readonly<Record<string, string>> {
  return PAGE.test(mediaType) ? { ...NOSNIFF, ...FILE_POLICY } : NOSNIFF;
}

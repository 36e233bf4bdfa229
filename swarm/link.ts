/** Where else a file is and what describes it: Link fields, RFC 8288, in the terms of RFC 6249. */
import { encodeName } from "../http/target.ts";
import { type DocumentKind, documentMediaType } from "./document.ts";

/**
 * `<NAME.meta4>; rel=describedby; type="application/metalink4+xml", <URL>; rel=duplicate; pri=1`.
 * The references to documents are relative to the file's own URL, so they hold behind any proxy.
 */
export function formatLinks(
  name: string,
  documents: readonly DocumentKind[],
  duplicates: readonly string[],
): string {
  const described = documents
    // The others are no descriptions that a client can act on.
    .filter((kind) => kind === "meta4" || kind === "torrent")
    .map((kind) => {
      const reference = encodeName(`${name}.${kind}`);
      return `<${reference}>; rel=describedby; type="${documentMediaType(kind)}"`;
    });
  const mirrored = duplicates.map((url, index) => `<${url}>; rel=duplicate; pri=${index + 1}`);
  return [...described, ...mirrored].join(", ");
}

/** Link fields (RFC 8288) that name the mirrors and documents of a file, by RFC 6249. */

import type { Representation } from "../../http/representation.ts";
import { encodeName } from "../../http/target.ts";
import { type DocumentKind, documentMediaType, documentsOfFile } from "./document.ts";

/**
 * The field of a 200 with a file; undefined when there is nothing to link. It is built once
 * for a version, and `duplicates` (the file's URLs on mirrors) is called only then.
 */
export function linkField(
  representation: Representation,
  duplicates: () => readonly string[],
): string | undefined {
  let links = built.get(representation);
  if (links === undefined) {
    const { name, completeLength } = representation;
    links = formatLinks(name, documentsOfFile(completeLength), duplicates());
    built.set(representation, links);
  }
  return links === "" ? undefined : links;
}

const built = new WeakMap<Representation, string>();

/** The same for a client that has a signed link: `query` is its parameters, and `duplicates` are signed. */
export function signedLinkField(
  { name, completeLength }: Representation,
  duplicates: readonly string[],
  query: string,
): string | undefined {
  const links = formatLinks(name, documentsOfFile(completeLength), duplicates, query);
  return links === "" ? undefined : links;
}

/**
 * `<NAME.meta4>; rel=describedby; type="application/metalink4+xml", <URL>; rel=duplicate; pri=1`.
 * The references to documents are relative to the file's own URL, so they hold behind any proxy.
 */
export function formatLinks(
  name: string,
  documents: readonly DocumentKind[],
  duplicates: readonly string[],
  query = "",
): string {
  const described = documents
    // A client can download by these two; the others describe nothing to it.
    .filter((kind) => kind === "meta4" || kind === "torrent")
    .map((kind) => {
      const reference = encodeName(`${name}.${kind}`) + query;
      return `<${reference}>; rel=describedby; type="${documentMediaType(kind)}"`;
    });
  const mirrored = duplicates.map((url, index) => `<${url}>; rel=duplicate; pri=${index + 1}`);
  return [...described, ...mirrored].join(", ");
}

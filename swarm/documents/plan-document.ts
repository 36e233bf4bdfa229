/** From a document, or from why there is none, to the answer. */

import { evaluatePreconditions, type Fields } from "../../http/conditional.ts";
import { attachment } from "../../http/disposition.ts";
import { type Plan, refuse } from "../../http/plan.ts";
import type { Refused } from "../bittorrent/torrent.ts";
import { type Document, documentMediaType } from "./document.ts";

/** Answers GET and HEAD with a document. A Range of it is ignored. */
export function planDocument(document: Document, fields: Fields): Plan {
  const vary: Plan["fields"] = document.askedBy === "accept" ? { vary: "Accept" } : {};
  // It depends on the request's Host and on a file that may change.
  const validators = { ...vary, "cache-control": "no-cache", etag: document.entityTag };
  const representation = {
    completeLength: document.bytes.length,
    entityTag: document.entityTag,
    lastModified: 0,
    settled: true,
    mediaType: documentMediaType(document.kind),
    name: document.name,
  };
  const precondition = evaluatePreconditions(onlyTags(fields), representation, 0);
  if (precondition.kind === "not-modified") {
    return { status: 304, fields: validators, content: { kind: "none" } };
  }
  if (precondition.kind === "failed") {
    return refuse(412, `${precondition.field} does not hold for this document`, vary);
  }
  return {
    status: 200,
    fields: {
      ...validators,
      "content-type": representation.mediaType,
      "content-disposition": attachment(document.name),
    },
    content: { kind: "bytes", bytes: document.bytes },
  };
}

/** A document depends on more than its file and has no date: conditions by date are ignored (RFC 9110 §13.1.3, §13.1.4). */
function onlyTags(fields: Fields): Fields {
  return { get: (name) => (name.endsWith("-match") ? fields.get(name) : null) };
}

/** Answers while the digests are computed. `progress` is from 0 to 1, `retryAfter` in seconds. */
export function planPending(progress: number, retryAfter: number): Plan {
  // 100 % would be ready.
  const percent = Math.max(0, Math.min(99, Math.floor(progress * 100)));
  return refuse(503, `Digests are being computed: ${percent} %`, {
    "retry-after": String(retryAfter),
  });
}

/** Answers for a file or folder without such a document. */
export function planRefused({ reason }: Refused): Plan {
  return refuse(404, reason);
}

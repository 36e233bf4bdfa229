/**
 * From a request about a file to what will be sent: methods (RFC 9110 §9), then
 * preconditions (§13.2.2), then Range (§14.2), in this order and nowhere else.
 */

import {
  formatContentRange,
  formatUnsatisfiedRange,
  parseRange,
  resolveRange,
  type Window,
} from "../range.ts";
import { DATA_POLICY, PAGE_POLICY } from "./browser.ts";
import { evaluateIfRange, evaluatePreconditions, type Fields } from "./conditional.ts";
import { frameMultipart, type Multipart } from "./multipart.ts";
import {
  ACCEPT_RANGES,
  type Representation,
  representationFields,
  validatorFields,
} from "./representation.ts";
import { formatPath, type PathTarget, type Target } from "./target.ts";

/** What goes after the header. The windows are of the file that was looked at. */
export type Content =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Made while it is sent, once for each answer; how long it gets isn't known. */
  | { readonly kind: "stream"; readonly open: (maker: Maker) => ReadableStream<Uint8Array> }
  | { readonly kind: "whole"; readonly completeLength: number }
  | { readonly kind: "window"; readonly window: Window }
  | { readonly kind: "parts"; readonly multipart: Multipart };

/** Is told of a body that is made while it is sent. */
export interface Maker {
  /** So many bytes more are handed over. */
  sent(length: number): void;
  /** Called once: all was made, the client went away, or making it failed. */
  made(how: "whole" | "unwanted" | "failed"): void;
}

/** A response before it touches the disk. Field names are lower case. */
export interface Plan {
  readonly status: number;
  /** The same object for every answer that has all of these: what is made of it is made once. */
  readonly fields: Readonly<Record<string, string>>;
  /** What this answer has besides them. */
  readonly own?: Readonly<Record<string, string>>;
  readonly content: Content;
  /** What it is about, where that is no file. */
  readonly about?: "listing" | "document" | "tracker";
  /** Which rule refuses the request; undefined: none, or one of RFC 9110. */
  readonly refusedBy?: RefusedBy;
}

/** A limit of the client's connections or downloads, or who may read: not who it is, or not what. */
export type RefusedBy = "client" | "downloads" | "unauthorized" | "forbidden";

/** What a plan needs that a pure function can't know. */
export interface Circumstances {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A multipart boundary that doesn't occur in the file: random, and drawn only when it is needed. */
  readonly boundary: () => string;
  /** Whether the client asked to save the file instead of showing it. */
  readonly download: boolean;
}

export const ALLOW = "GET, HEAD, OPTIONS";

/** Decides the whole answer to a request about one file. */
export function plan(
  method: string,
  fields: Fields,
  representation: Representation,
  circumstances: Circumstances,
): Plan {
  const refused = planMethod(method, ACCEPT_RANGES);
  if (refused !== undefined) return refused;

  const precondition = evaluatePreconditions(fields, representation, circumstances.now);
  if (precondition.kind === "not-modified") {
    const validators = validatorFields(representation);
    return { status: 304, fields: validators, content: { kind: "none" } };
  }
  if (precondition.kind === "failed") {
    return refuse(412, `${precondition.field} does not hold for this file`, ACCEPT_RANGES);
  }

  const full = planWhole(representation, circumstances.download);
  const range = fields.get("range");
  // RFC 9110 §14.2: Range counts for GET alone.
  if (range === null || method !== "GET") return full;
  const condition = evaluateIfRange(fields, representation, circumstances.now);
  if (condition.kind === "malformed") return refuse(400, condition.reason, ACCEPT_RANGES);
  if (condition.kind === "fails") return condition.date ? withoutDate(full) : full;
  return planRange(range, representation, full, circumstances.boundary);
}

/** 405 for a method that isn't served, 204 for OPTIONS, undefined for GET and HEAD. */
export function planMethod(method: string, fields: Plan["fields"] = {}): Plan | undefined {
  if (method === "GET" || method === "HEAD") return undefined;
  const allow = { ...fields, allow: ALLOW };
  if (method === "OPTIONS") return { status: 204, fields: allow, content: { kind: "none" } };
  return refuse(405, `Method not allowed; this server answers ${ALLOW}`, allow);
}

/** The answer where a target leads to no file and no directory. */
export function planNowhere(target: Target, prefix: string): Plan {
  switch (target.kind) {
    case "root":
      // Not for good: another start may have another prefix.
      return redirect(307, prefix);
    case "malformed":
      return refuse(400, target.reason);
    case "outside":
    case "path":
      return NOT_FOUND;
  }
}

/** A directory named without its slash has moved to where relative links work. */
export function planSlash({ segments, query }: PathTarget, prefix: string): Plan {
  return redirect(308, formatPath(prefix, segments, true) + query);
}

/** A listing, which is made anew for every request and so has no validators and no ranges. */
export function planListing(mediaType: string, content: Content): Plan {
  const policy = mediaType.startsWith("text/html") ? PAGE_POLICY : DATA_POLICY;
  const fields = { "content-type": mediaType, vary: "Accept", "cache-control": "no-cache" };
  return { status: 200, fields: { ...fields, ...policy }, content, about: "listing" };
}

function redirect(status: number, location: string): Plan {
  return refuse(status, `See ${location}`, { location });
}

/** An answer in one line of text. `reason` may name what the client sent, never a path of the machine. */
export function refuse(status: number, reason: string, fields: Plan["fields"] = {}): Plan {
  return {
    status,
    fields: { ...fields, "content-type": "text/plain; charset=utf-8" },
    content: { kind: "text", text: `${reason}\n` },
  };
}

/** The same answer to HEAD: every field, Content-Length included, and no content (§9.3.2). */
export function withoutContent(answer: Plan): Plan {
  const length = contentLength(answer.content);
  if (length === undefined) return answer;
  const own = { ...answer.own, "content-length": String(length) };
  return { ...answer, own, content: { kind: "none" } };
}

/** The one window of a file that content is; undefined for several, and for what is of no file. */
export function windowOf(content: Extract<Content, { kind: "whole" | "window" }>): Window;
export function windowOf(content: Content): Window | undefined;
export function windowOf(content: Content): Window | undefined {
  if (content.kind === "window") return content.window;
  return content.kind === "whole" ? { start: 0, end: content.completeLength } : undefined;
}

/** Bytes after the header; undefined when there is nothing to count. */
export function contentLength(content: Content): number | undefined {
  switch (content.kind) {
    case "none":
    case "stream":
      return undefined;
    case "text":
      return new TextEncoder().encode(content.text).length;
    case "bytes":
      return content.bytes.length;
    case "whole":
      return content.completeLength;
    case "window":
      return content.window.end - content.window.start;
    case "parts":
      return content.multipart.contentLength;
  }
}

/**
 * Bytes that are sent of a body of `length` in a file: the runtime answers a single Range of
 * a 200 with such a body by itself.
 */
export function lengthByRuntime(answer: Plan, length: number, fields: Fields): number {
  const range = answer.status === 200 ? fields.get("range") : null;
  const condition = fields.get("if-range");
  const holds = condition === null || condition === answer.fields["etag"];
  if (range === null || !holds) return length;
  const parsed = parseRange(range);
  if (parsed.kind !== "ranges") return length;
  const outcome = resolveRange(parsed.specs, length);
  if (outcome.kind !== "satisfiable" || outcome.windows.length > 1) return length;
  const [{ start, end }] = outcome.windows;
  return end - start;
}

/** RFC 9112 §3.2. */
export const NO_SUCH_HOST: Plan = refuse(400, "Host is not one host");

export const NOT_FOUND: Plan = refuse(404, "There is no such file here");

/** Made once for each representation. */
function planWhole(representation: Representation, download: boolean): Plan {
  const made = download ? toSave : toShow;
  const known = made.get(representation);
  if (known !== undefined) return known;
  const whole: Plan = {
    status: 200,
    fields: representationFields(representation, download),
    content: { kind: "whole", completeLength: representation.completeLength },
  };
  made.set(representation, whole);
  return whole;
}

const toShow = new WeakMap<Representation, Plan>();
const toSave = new WeakMap<Representation, Plan>();

function planRange(
  range: string,
  representation: Representation,
  full: Plan,
  boundary: () => string,
): Plan {
  const parsed = parseRange(range);
  if (parsed.kind === "other-unit") return full;
  if (parsed.kind === "malformed") return refuse(400, parsed.reason, ACCEPT_RANGES);

  const { completeLength, mediaType } = representation;
  const outcome = resolveRange(parsed.specs, completeLength);
  if (outcome.kind === "ignored") return full;
  if (outcome.kind === "unsatisfiable") {
    const contentRange = formatUnsatisfiedRange(completeLength);
    const reason = `Range selects none of the file's ${completeLength} bytes`;
    return refuse(416, reason, { ...ACCEPT_RANGES, "content-range": contentRange });
  }

  if (outcome.windows.length === 1) {
    const window = outcome.windows[0];
    const own = { "content-range": formatContentRange(window, completeLength) };
    return { status: 206, fields: full.fields, own, content: { kind: "window", window } };
  }
  const multipart = frameMultipart(outcome.windows, completeLength, mediaType, boundary());
  return {
    status: 206,
    // RFC 9110 §15.3.7.2: no Content-Range beside the ones of the parts.
    fields: { ...full.fields, "content-type": multipart.mediaType },
    content: { kind: "parts", multipart },
  };
}

/**
 * The runtime reads Range and If-Range once more when a 200 has a file for content,
 * and it takes more for a date than RFC 9110 does. The date is therefore left out of
 * the answer that must be whole.
 */
function withoutDate(answer: Plan): Plan {
  const { "last-modified": _, ...fields } = answer.fields;
  return { ...answer, fields };
}

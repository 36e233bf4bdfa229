/**
 * Preconditions, RFC 9110 §13: whether a request is answered in full, with 304 or
 * with 412, in the order of precedence of §13.2.2, and whether its Range still
 * counts (If-Range, §13.1.5).
 */

import { parseHttpDate } from "./date.ts";
import type { Representation } from "./representation.ts";

/** Request fields by lower-case name, several lines joined by ", "; null when absent. */
export interface Fields {
  get(name: string): string | null;
}

/**
 * The fields of a request, taken from the runtime at once: asking it for some of them costs
 * as much as taking all.
 */
export class TakenFields implements Fields {
  readonly #all: Readonly<Record<string, string | string[] | undefined>>;

  constructor(headers: { toJSON(): Record<string, string | string[]> }) {
    this.#all = headers.toJSON();
  }

  get(name: string): string | null {
    const value = this.#all[name];
    return typeof value === "string" ? value : null;
  }
}

export type Precondition =
  | { readonly kind: "proceed" }
  | { readonly kind: "not-modified" }
  | { readonly kind: "failed"; readonly field: "If-Match" | "If-Unmodified-Since" };

/** Whether Range counts. `date`: the condition was a date, which the runtime may read once more. */
export type RangeCondition =
  | { readonly kind: "holds" }
  | { readonly kind: "fails"; readonly date: boolean }
  | { readonly kind: "malformed"; readonly reason: string };

/**
 * Judges the four preconditions of a GET or HEAD; `now` in milliseconds. Conditions by
 * date don't hold for a representation that has none yet.
 */
export function evaluatePreconditions(
  fields: Fields,
  representation: Representation,
  now: number,
): Precondition {
  // Steps 1 and 2. If-Match makes If-Unmodified-Since irrelevant.
  const ifMatch = fields.get("if-match");
  if (ifMatch !== null) {
    const matches = listNames(ifMatch, representation.entityTag, isStrongMatch);
    if (!matches) return { kind: "failed", field: "If-Match" };
  } else {
    const since = readDate(fields.get("if-unmodified-since"), now);
    if (since !== undefined && !isUnmodified(representation, since)) {
      return { kind: "failed", field: "If-Unmodified-Since" };
    }
  }
  // Steps 3 and 4. If-None-Match makes If-Modified-Since irrelevant.
  const ifNoneMatch = fields.get("if-none-match");
  if (ifNoneMatch !== null) {
    const matches = listNames(ifNoneMatch, representation.entityTag, isWeakMatch);
    return matches ? { kind: "not-modified" } : { kind: "proceed" };
  }
  const since = readDate(fields.get("if-modified-since"), now);
  const unmodified = since !== undefined && isUnmodified(representation, since);
  return unmodified ? { kind: "not-modified" } : PROCEED;
}

const PROCEED: Precondition = { kind: "proceed" };
const HOLDS: RangeCondition = { kind: "holds" };

function isUnmodified({ lastModified }: Representation, since: number): boolean {
  return lastModified !== undefined && lastModified <= since;
}

/**
 * Step 5: judges If-Range. It holds for exactly the current strong tag, or exactly the
 * current date: a representation has a date only when the date is strong. Anything that is
 * neither a tag nor a date fails; two of them are malformed. An empty field is no condition,
 * as in the runtime.
 */
export function evaluateIfRange(
  fields: Fields,
  representation: Representation,
  now: number,
): RangeCondition {
  const value = fields.get("if-range");
  if (value === null || value === "") return HOLDS;
  const tag = ENTITY_TAG.exec(value)?.[0];
  if (tag === value) {
    const holds = isStrongMatch(value, representation.entityTag);
    return holds ? { kind: "holds" } : { kind: "fails", date: false };
  }
  const date = parseHttpDate(value, now);
  // A date has one comma, behind its day of the week.
  const one = !value.includes(",") || /^[A-Za-z]+,[^,"]*$/.test(value);
  if (date === undefined && !one) {
    return { kind: "malformed", reason: "If-Range takes one entity tag or one date" };
  }
  const holds = date !== undefined && date === representation.lastModified;
  return holds ? { kind: "holds" } : { kind: "fails", date: true };
}

/** RFC 9110 §8.8.3; the characters between the quotes are `etagc`. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/;

/** Whether a list of tags (or `*`) names `current`. Nothing behind a syntax error counts. */
function listNames(
  list: string,
  current: string,
  isMatch: (a: string, b: string) => boolean,
): boolean {
  let rest = list.trim();
  // The representation exists, so `*` is true (§13.1.1, §13.1.2).
  if (rest === "*") return true;
  while (rest !== "") {
    const tag = ENTITY_TAG.exec(rest)?.[0] ?? "";
    const after = rest.slice(tag.length);
    const separator = /^[ \t]*(?:,|$)/.exec(after)?.[0];
    if (separator === undefined) return false;
    if (tag !== "" && isMatch(tag, current)) return true;
    rest = after.slice(separator.length).trimStart();
  }
  return false;
}

/** RFC 9110 §8.8.3.2. */
function isStrongMatch(a: string, b: string): boolean {
  return a === b && !a.startsWith("W/");
}

/** RFC 9110 §8.8.3.2. */
function isWeakMatch(a: string, b: string): boolean {
  return opaqueTag(a) === opaqueTag(b);
}

function opaqueTag(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

/** Undefined when the field is absent or is no date: it doesn't count then (§13.1.3, §13.1.4). */
function readDate(value: string | null, now: number): number | undefined {
  return value === null ? undefined : parseHttpDate(value, now);
}

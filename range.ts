/**
 * Byte ranges, RFC 9110 §14: what a Range field says (`parseRange`), what that
 * means for a representation of known length (`resolveRange`), and how an answer
 * names what it carries (`formatContentRange`).
 *
 * Pure: no file, no clock, no request. Whether a Range counts at all (method,
 * If-Range) is decided in http/plan.ts.
 */

/** Half-open, in bytes: `start` is the first byte, `end` the one after the last. Never empty. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

/**
 * One element of a range set as sent, positions inclusive (§14.1.2). An open
 * range (`5-`) has `last: Infinity`. A number too large to be exact becomes
 * Infinity as well: no length reaches it, so it clamps or misses as it should.
 */
export type RangeSpec =
  | { readonly kind: "first-last"; readonly first: number; readonly last: number }
  | { readonly kind: "suffix"; readonly length: number };

/** What a Range field says. `reason` is one line for the client. */
export type ParsedRange =
  | { readonly kind: "ranges"; readonly specs: readonly RangeSpec[] }
  | { readonly kind: "other-unit" }
  | { readonly kind: "malformed"; readonly reason: string };

/** What a range set means for one representation: 200, 206 or 416. */
export type RangeOutcome =
  | { readonly kind: "ignored" }
  | { readonly kind: "satisfiable"; readonly windows: readonly [Window, ...Window[]] }
  | { readonly kind: "unsatisfiable" };

/**
 * The most parts one answer has. Each costs about 100 bytes of framing, so the
 * framing of a full answer stays near 20 kB; readers of PDF and archives ask for
 * some dozens.
 */
export const MOST_PARTS = 200;

/**
 * The most ranges that are looked at, since sorting them takes more than linear time. No
 * client that reads files sends more.
 */
const MOST_SPECS = 1000;

/**
 * Reads a Range field. Linear in its length.
 *
 * | field                  | outcome                                        |
 * | ---------------------- | ---------------------------------------------- |
 * | `bytes=0-10`           | first 0, last 10                               |
 * | `bytes=5-`             | first 5, last Infinity                         |
 * | `bytes=-5`             | suffix 5                                       |
 * | `bytes=0-1, 4-5`       | two                                            |
 * | `items=0-1`            | other unit: the field doesn't count            |
 * | `bytes=2-1`, `0-1`, …  | malformed                                      |
 */
export function parseRange(field: string): ParsedRange {
  const equals = field.indexOf("=");
  const unit = field.slice(0, Math.max(equals, 0));
  if (unit !== "bytes") {
    if (!isToken(unit)) return malformed("Range needs a unit, as in bytes=0-10");
    // RFC 9110 §14.2: a unit that the server doesn't know makes it ignore the field.
    if (unit.toLowerCase() !== "bytes") return { kind: "other-unit" };
  }

  const specs: RangeSpec[] = [];
  for (const element of field.slice(equals + 1).split(",")) {
    const text = trimOptionalWhitespace(element);
    // RFC 9110 §5.6.1.2: empty elements of a list don't count.
    if (text === "") continue;
    const spec = parseSpec(text);
    if (typeof spec === "string") return malformed(spec);
    specs.push(spec);
  }
  if (specs.length === 0) return malformed("Range names no bytes");
  return { kind: "ranges", specs };
}

/**
 * What a range set selects of `completeLength` bytes: windows in the order asked,
 * each coalesced with those it overlaps or touches (§15.3.7.2).
 *
 * Ignored, so that the whole representation is sent, when it is empty, when the
 * set adds up to more bytes than it has, when it has more than {@link MOST_SPECS}
 * ranges, or when more than {@link MOST_PARTS} windows are left (§14.2: a server may
 * ignore a set that looks like an attack).
 */
export function resolveRange(specs: readonly RangeSpec[], completeLength: number): RangeOutcome {
  // A client that asks for 0- of an empty file wants the file.
  if (completeLength === 0 || specs.length > MOST_SPECS) return { kind: "ignored" };

  const asked: Window[] = [];
  let total = 0;
  for (const spec of specs) {
    const window = resolveSpec(spec, completeLength);
    if (window === undefined) continue;
    asked.push(window);
    total += window.end - window.start;
  }
  if (total > completeLength) return { kind: "ignored" };

  const [first, ...rest] = coalesce(asked);
  if (first === undefined) return { kind: "unsatisfiable" };
  if (rest.length >= MOST_PARTS) return { kind: "ignored" };
  return { kind: "satisfiable", windows: [first, ...rest] };
}

/** Content-Range of a 206 (§14.4), ends inclusive: `bytes 0-10/104857600`. */
export function formatContentRange(window: Window, completeLength: number): string {
  return `bytes ${window.start}-${window.end - 1}/${completeLength}`;
}

// Content-Range of a 416 (§14.4), the length alone: `bytes */104857600`. A line comment, since `*/` ends others.
export function formatUnsatisfiedRange(completeLength: number): string {
  return `bytes */${completeLength}`;
}

/** The window that one spec selects, or undefined when it selects none. */
function resolveSpec(spec: RangeSpec, completeLength: number): Window | undefined {
  if (spec.kind === "suffix") {
    if (spec.length === 0) return undefined;
    // RFC 9110 §14.1.2: a suffix longer than the representation selects all of it.
    return { start: Math.max(0, completeLength - spec.length), end: completeLength };
  }
  if (spec.first >= completeLength) return undefined;
  return { start: spec.first, end: Math.min(spec.last + 1, completeLength) };
}

/** Joins windows that overlap or touch; a joined one stands where its first member was asked. */
function coalesce(asked: readonly Window[]): Window[] {
  if (asked.length < 2) return [...asked];
  const byStart = asked.map((window, order) => ({ ...window, order }));
  byStart.sort((a, b) => a.start - b.start);

  const joined: { start: number; end: number; order: number }[] = [];
  for (const window of byStart) {
    const last = joined.at(-1);
    if (last === undefined || window.start > last.end) {
      joined.push({ ...window });
      continue;
    }
    last.end = Math.max(last.end, window.end);
    last.order = Math.min(last.order, window.order);
  }
  return joined.sort((a, b) => a.order - b.order).map(({ start, end }) => ({ start, end }));
}

/** One `first-last`, `first-` or `-length`; a string says why it is none of them. */
function parseSpec(text: string): RangeSpec | string {
  const dash = text.indexOf("-");
  const first = text.slice(0, Math.max(dash, 0));
  const last = text.slice(dash + 1);
  if (dash === -1 || !isDigits(first) || !isDigits(last) || (first === "" && last === "")) {
    return "Range has an element that is not first-last, first- or -length";
  }
  if (first === "") return { kind: "suffix", length: toPosition(last) };
  if (last === "") return { kind: "first-last", first: toPosition(first), last: Infinity };
  if (isLess(last, first)) return "Range has a last position before its first";
  return { kind: "first-last", first: toPosition(first), last: toPosition(last) };
}

function malformed(reason: string): ParsedRange {
  return { kind: "malformed", reason };
}

function toPosition(digits: string): number {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** Compares decimals of any length without rounding. */
function isLess(a: string, b: string): boolean {
  if (a.length < 16 && b.length < 16) return Number(a) < Number(b);
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  return left.length === right.length ? left < right : left.length < right.length;
}

/** Only digits, perhaps none. */
function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}

/** RFC 9110 §5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

/** Strips the spaces and tabs that a list may have around its elements (§5.6.3), and nothing else. */
function trimOptionalWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

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
  if (equals !== 5 || !field.startsWith("bytes")) {
    const unit = field.slice(0, Math.max(equals, 0));
    if (!isToken(unit)) return malformed("Range needs a unit, as in bytes=0-10");
    // RFC 9110 §14.2: a unit that the server doesn't know makes it ignore the field.
    if (unit.toLowerCase() !== "bytes") return { kind: "other-unit" };
  }

  const specs: RangeSpec[] = [];
  for (let start = equals + 1, end: number; start <= field.length; start = end + 1) {
    const comma = field.indexOf(",", start);
    end = comma === -1 ? field.length : comma;
    const spec = parseSpec(field, start, end);
    // RFC 9110 §5.6.1.2: empty elements of a list don't count.
    if (spec === undefined) continue;
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

  const windows = coalesce(asked);
  if (windows.length > MOST_PARTS) return { kind: "ignored" };
  return isSome(windows) ? { kind: "satisfiable", windows } : { kind: "unsatisfiable" };
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

function isSome(windows: readonly Window[]): windows is readonly [Window, ...Window[]] {
  return windows.length > 0;
}

/** Joins windows that overlap or touch; a joined one stands where its first member was asked. */
function coalesce(asked: readonly Window[]): readonly Window[] {
  if (asked.length < 2) return asked;
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

/**
 * One `first-last`, `first-` or `-length` between two places of a field; a string says why it
 * is none of them, undefined that there is nothing.
 */
function parseSpec(field: string, from: number, to: number): RangeSpec | string | undefined {
  // Spaces and tabs are what a list may have around its elements (§5.6.3), and nothing else.
  let start = from;
  let end = to;
  while (start < end && isBlank(field.charCodeAt(start))) start++;
  while (end > start && isBlank(field.charCodeAt(end - 1))) end--;
  if (start === end) return undefined;
  const dash = skipDigits(field, start, end);
  const isOpen = dash + 1 === end;
  if (
    field[dash] !== "-" ||
    skipDigits(field, dash + 1, end) !== end ||
    dash >= end ||
    (dash === start && isOpen)
  ) {
    return "Range has an element that is not first-last, first- or -length";
  }
  if (dash === start) return { kind: "suffix", length: toPosition(field, dash + 1, end) };
  const first = toPosition(field, start, dash);
  if (isOpen) return { kind: "first-last", first, last: Infinity };
  const last = toPosition(field, dash + 1, end);
  const isReversed =
    last === Infinity && first === Infinity
      ? isLess(field.slice(dash + 1, end), field.slice(start, dash))
      : last < first;
  if (isReversed) return "Range has a last position before its first";
  return { kind: "first-last", first, last };
}

function malformed(reason: string): ParsedRange {
  return { kind: "malformed", reason };
}

/** The number that the digits between two places are: no text is made of them, since this is on the path of every piece. */
function toPosition(field: string, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) value = 10 * value + (field.charCodeAt(at) - 0x30);
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** Compares decimals of any length without rounding. */
function isLess(a: string, b: string): boolean {
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  return left.length === right.length ? left < right : left.length < right.length;
}

/** Where the digits between two places end that begin at the first. */
function skipDigits(field: string, from: number, to: number): number {
  let at = from;
  while (at < to && isDigit(field.charCodeAt(at))) at++;
  return at;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** RFC 9110 §5.6.2. */
function isToken(text: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Preconditions and If-Range by the tables of RFC 9110 §13 and §8.8.3.2. */

import { describe, expect, test } from "bun:test";
import {
  evaluateIfRange,
  evaluatePreconditions,
  type Fields,
  type Precondition,
  type RangeCondition,
  TakenFields,
} from "./conditional.ts";
import type { Representation } from "./representation.ts";

const EARLIER = "Sun, 09 Sep 2001 01:46:39 GMT";
const DATE = "Sun, 09 Sep 2001 01:46:40 GMT";
const LATER = "Sun, 09 Sep 2001 01:46:41 GMT";
/** Tue, 09 Nov 2004 11:33:20 GMT */
const NOW = 1_100_000_000_000;

/** A representation of `DATE`; a weak tag is that of a file that has not settled and so has no date. */
function tagged(entityTag: string): Representation {
  const settled = !entityTag.startsWith("W/");
  return {
    completeLength: 100,
    entityTag,
    lastModified: settled ? 1_000_000_000_000 : undefined,
    settled,
    mediaType: "text/plain; charset=utf-8",
    name: "plain.txt",
  };
}

const STRONG = tagged('"v1"');
const WEAK = tagged('W/"v1"');

/** Values as they are, where a Headers object would trim them. */
function fieldsOf(record: Record<string, string>): Fields {
  return { get: (name) => record[name] ?? null };
}

const PROCEED: Precondition = { kind: "proceed" };
const NOT_MODIFIED: Precondition = { kind: "not-modified" };
const NO_MATCH: Precondition = { kind: "failed", field: "If-Match" };
const MODIFIED: Precondition = { kind: "failed", field: "If-Unmodified-Since" };

test("No field, no condition", () => {
  expect(evaluatePreconditions(fieldsOf({}), STRONG, NOW)).toEqual(PROCEED);
});

/** The four fields in the order of §13.2.2, undefined where a request has none. */
type Four = readonly (string | undefined)[];
const NONE = undefined;

describe("precedence of If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since", () => {
  test.each<[string, Four, Precondition]>([
    // Step 1 before step 2
    ["a match outdoes a date that fails", ['"v1"', EARLIER], PROCEED],
    ["no match outdoes a date that holds", ['"v2"', LATER], NO_MATCH],
    ["neither holds: the tag is named", ['"v2"', EARLIER], NO_MATCH],
    ["malformed tags outdo a date that holds", ["v1", LATER], NO_MATCH],
    ["an empty list outdoes a date that holds", ["", LATER], NO_MATCH],
    // Step 1 before step 3
    ["a match goes on to If-None-Match", ['"v1"', NONE, '"v1"'], NOT_MODIFIED],
    ["a match, and none of the others", ['"v1"', NONE, '"v2"'], PROCEED],
    ["no match ends it", ['"v2"', NONE, '"v1"'], NO_MATCH],
    ["no match ends it, whatever the others", ['"v2"', NONE, '"v2"'], NO_MATCH],
    // Step 1 before step 4
    ["a match goes on to If-Modified-Since", ['"v1"', NONE, NONE, DATE], NOT_MODIFIED],
    ["a match, and modified since", ['"v1"', NONE, NONE, EARLIER], PROCEED],
    ["no match, not modified since", ['"v2"', NONE, NONE, DATE], NO_MATCH],
    ["no match, modified since", ['"v2"', NONE, NONE, EARLIER], NO_MATCH],
    // Step 2 before step 3
    ["modified ends it", [NONE, EARLIER, '"v1"'], MODIFIED],
    ["modified ends it, whatever the tags", [NONE, EARLIER, '"v2"'], MODIFIED],
    ["unmodified goes on to If-None-Match", [NONE, DATE, '"v1"'], NOT_MODIFIED],
    ["unmodified, and no such tag", [NONE, DATE, '"v2"'], PROCEED],
    // Step 2 before step 4
    ["modified ends it before the other date", [NONE, EARLIER, NONE, DATE], MODIFIED],
    ["modified for both dates", [NONE, EARLIER, NONE, EARLIER], MODIFIED],
    ["unmodified goes on to If-Modified-Since", [NONE, DATE, NONE, DATE], NOT_MODIFIED],
    ["unmodified for one, modified for the other", [NONE, DATE, NONE, EARLIER], PROCEED],
    // Step 3 before step 4
    ["no such tag outdoes a date that is the same", [NONE, NONE, '"v2"', DATE], PROCEED],
    ["the tag outdoes a date that is earlier", [NONE, NONE, '"v1"', EARLIER], NOT_MODIFIED],
    ["malformed tags outdo a date that is the same", [NONE, NONE, "v1", DATE], PROCEED],
    ["an empty list outdoes a date that is the same", [NONE, NONE, "", DATE], PROCEED],
    // More than two
    ["all four hold", ['"v1"', DATE, '"v1"', DATE], NOT_MODIFIED],
    ["only the tags count", ['"v1"', EARLIER, '"v2"', DATE], PROCEED],
    ["all four fail", ['"v2"', EARLIER, '"v2"', EARLIER], NO_MATCH],
    ["the tag is missing, the rest holds", ['"v2"', LATER, '"v1"', LATER], NO_MATCH],
    ["both dates and a tag", [NONE, LATER, '"v2"', DATE], PROCEED],
  ])("%s", (_why, [match, unmodified, noneMatch, modified], expected) => {
    const record: Record<string, string> = {};
    if (match !== undefined) record["if-match"] = match;
    if (unmodified !== undefined) record["if-unmodified-since"] = unmodified;
    if (noneMatch !== undefined) record["if-none-match"] = noneMatch;
    if (modified !== undefined) record["if-modified-since"] = modified;
    expect(evaluatePreconditions(fieldsOf(record), STRONG, NOW)).toEqual(expected);
  });
});

/** What the same tags say in If-Match (strong comparison) and in If-None-Match (weak). */
function compareTags(value: string, current: string) {
  const representation = tagged(current);
  return {
    match: evaluatePreconditions(fieldsOf({ "if-match": value }), representation, NOW),
    noneMatch: evaluatePreconditions(fieldsOf({ "if-none-match": value }), representation, NOW),
  };
}

const SAME = { match: PROCEED, noneMatch: NOT_MODIFIED };
const SAME_BUT_WEAK = { match: NO_MATCH, noneMatch: NOT_MODIFIED };
const OTHER = { match: NO_MATCH, noneMatch: PROCEED };

describe("entity tags in If-Match and If-None-Match", () => {
  test.each<[string, string, string, ReturnType<typeof compareTags>]>([
    // The example table of §8.8.3.2
    ["both strong", '"v1"', '"v1"', SAME],
    ["asked weak, is strong", 'W/"v1"', '"v1"', SAME_BUT_WEAK],
    ["asked strong, is weak", '"v1"', 'W/"v1"', SAME_BUT_WEAK],
    ["both weak", 'W/"v1"', 'W/"v1"', SAME_BUT_WEAK],
    ["other, both strong", '"v2"', '"v1"', OTHER],
    ["other, both weak", 'W/"v2"', 'W/"v1"', OTHER],
    // Any
    ["any of a strong one", "*", '"v1"', SAME],
    ["any of a weak one", "*", 'W/"v1"', SAME],
    ["any with blanks around", " \t* ", '"v1"', SAME],
    ["an asterisk in quotes is a tag", '"*"', '"v1"', OTHER],
    ["an asterisk in a list is a fault", '"v0", *', '"v1"', OTHER],
    ["an asterisk in front of a list too", '*, "v1"', '"v1"', OTHER],
    ["two asterisks", "**", '"v1"', OTHER],
    // Lists
    ["the first of two", '"v1", "v2"', '"v1"', SAME],
    ["the last of two", '"v0", "v1"', '"v1"', SAME],
    ["the last of many, weak and strong", 'W/"a", "b", W/"c", "v1"', '"v1"', SAME],
    ["weak in a list", '"v0", W/"v1"', '"v1"', SAME_BUT_WEAK],
    ["weak, then strong", 'W/"v1", "v1"', '"v1"', SAME],
    ["none of two", '"v0", "v2"', '"v1"', OTHER],
    ["no blank behind the comma", '"v0","v1"', '"v1"', SAME],
    ["blanks and tabs everywhere", ' \t"v0" \t,\t "v1" ', '"v1"', SAME],
    ["empty elements", ',, "v0", ,"v1",,', '"v1"', SAME],
    ["only empty elements", ", ,", '"v1"', OTHER],
    ["empty", "", '"v1"', OTHER],
    ["only blanks", " \t", '"v1"', OTHER],
    // What a tag may have in it
    ["a comma within", '"a,b"', '"a,b"', SAME],
    ["a comma within, in a list", '"x,y", "a,b"', '"a,b"', SAME],
    ["what looks like two tags and is one", '"v0,v1"', '"v1"', OTHER],
    ["an empty tag", '""', '""', SAME],
    ["a backslash escapes nothing", '"a\\", "v1"', '"v1"', SAME],
    ["a byte past ASCII", '"caf\u00e9"', '"caf\u00e9"', SAME],
    ["the first and last characters of etagc", '"!#~\u0080\u00ff"', '"!#~\u0080\u00ff"', SAME],
    ["case counts", '"V1"', '"v1"', OTHER],
    ["a beginning isn't enough", '"v"', '"v1"', OTHER],
    ["more isn't either", '"v11"', '"v1"', OTHER],
    // Malformed: nothing from the fault on counts
    ["no quotes", "v1", '"v1"', OTHER],
    ["single quotes", "'v1'", '"v1"', OTHER],
    ["no closing quote", '"v1', '"v1"', OTHER],
    ["no opening quote", 'v1"', '"v1"', OTHER],
    ["a blank within", '"v 1"', '"v 1"', OTHER],
    ["a control character within", '"v\u007f1"', '"v\u007f1"', OTHER],
    ["a small w", 'w/"v1"', '"v1"', OTHER],
    ["a blank behind W/", 'W/ "v1"', '"v1"', OTHER],
    ["W without its slash", 'W"v1"', '"v1"', OTHER],
    ["no comma between", '"v1" "v2"', '"v1"', OTHER],
    ["nothing at all between", '"v0""v1"', '"v1"', OTHER],
    ["a semicolon between", '"v0"; "v1"', '"v1"', OTHER],
    ["a fault in front of the tag", 'v0, "v1"', '"v1"', OTHER],
    ["a fault behind the tag", '"v1", v2', '"v1"', SAME],
    ["a fault that hides a tag in itself", '"a, "v1"', '"v1"', OTHER],
  ])("%s: %s for %s", (_why, value, current, expected) => {
    expect(compareTags(value, current)).toEqual(expected);
  });
});

/** What the same date says in If-Modified-Since and in If-Unmodified-Since. */
function compareDates(value: string, representation: Representation) {
  const modified = fieldsOf({ "if-modified-since": value });
  const unmodified = fieldsOf({ "if-unmodified-since": value });
  return {
    modified: evaluatePreconditions(modified, representation, NOW),
    unmodified: evaluatePreconditions(unmodified, representation, NOW),
  };
}

const NOT_SINCE = { modified: NOT_MODIFIED, unmodified: PROCEED };
const SINCE = { modified: PROCEED, unmodified: MODIFIED };
const NO_DATE = { modified: PROCEED, unmodified: PROCEED };

describe("dates in If-Modified-Since and If-Unmodified-Since", () => {
  test.each<[string, string, Representation, ReturnType<typeof compareDates>]>([
    ["equal", DATE, STRONG, NOT_SINCE],
    ["a second later", LATER, STRONG, NOT_SINCE],
    ["a second earlier", EARLIER, STRONG, SINCE],
    ["equal, not settled", DATE, WEAK, SINCE],
    ["a second later, not settled", LATER, WEAK, SINCE],
    ["later than now, not settled", "Fri, 31 Dec 9999 23:59:59 GMT", WEAK, SINCE],
    ["a second earlier, not settled", EARLIER, WEAK, SINCE],
    ["later than now", "Fri, 31 Dec 9999 23:59:59 GMT", STRONG, NOT_SINCE],
    ["the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", STRONG, SINCE],
    ["RFC 850, equal", "Sunday, 09-Sep-01 01:46:40 GMT", STRONG, NOT_SINCE],
    ["RFC 850, earlier", "Sunday, 09-Sep-01 01:46:39 GMT", STRONG, SINCE],
    ["RFC 850, of the century before", "Thursday, 09-Sep-99 01:46:40 GMT", STRONG, SINCE],
    ["asctime, equal", "Sun Sep  9 01:46:40 2001", STRONG, NOT_SINCE],
    ["asctime, earlier", "Sun Sep  9 01:46:39 2001", STRONG, SINCE],
    ["empty", "", STRONG, NO_DATE],
    ["a word", "yesterday", STRONG, NO_DATE],
    ["seconds", "1000000000", STRONG, NO_DATE],
    ["ISO 8601", "2001-09-09T01:46:40Z", STRONG, NO_DATE],
    ["another zone", "Sun, 09 Sep 2001 01:46:39 UTC", STRONG, NO_DATE],
    ["a day that no month has", "Sun, 31 Feb 2001 01:46:39 GMT", STRONG, NO_DATE],
    ["the same date twice", `${DATE}, ${DATE}`, STRONG, NO_DATE],
    ["two dates, both earlier", `${EARLIER}, ${EARLIER}`, STRONG, NO_DATE],
    ["an entity tag", '"v1"', STRONG, NO_DATE],
  ])("%s: %s", (_why, value, representation, expected) => {
    expect(compareDates(value, representation)).toEqual(expected);
  });
});

const HOLDS: RangeCondition = { kind: "holds" };
const FAILS: RangeCondition = { kind: "fails", date: false };
/** Whatever isn't a tag: the runtime reads more as a date than RFC 9110 does. */
const DATE_FAILS: RangeCondition = { kind: "fails", date: true };
const TWO: RangeCondition = {
  kind: "malformed",
  reason: "If-Range takes one entity tag or one date",
};

describe("If-Range", () => {
  test.each<[string, string | undefined, Representation, RangeCondition]>([
    ["absent", undefined, STRONG, HOLDS],
    ["absent, not settled", undefined, WEAK, HOLDS],
    ["empty, which the runtime takes for absent", "", STRONG, HOLDS],
    // Tags: strong comparison
    ["the tag", '"v1"', STRONG, HOLDS],
    ["another tag", '"v2"', STRONG, FAILS],
    ["asked weak, is strong", 'W/"v1"', STRONG, FAILS],
    ["asked strong, is weak", '"v1"', WEAK, FAILS],
    ["both weak", 'W/"v1"', WEAK, FAILS],
    ["a tag with a comma within", '"a,b"', tagged('"a,b"'), HOLDS],
    ["another tag with a comma within", '"a,c"', tagged('"a,b"'), FAILS],
    ["an empty tag", '""', STRONG, FAILS],
    // Dates: exactly the same one
    ["the date", DATE, STRONG, HOLDS],
    ["the date as RFC 850 has it", "Sunday, 09-Sep-01 01:46:40 GMT", STRONG, HOLDS],
    ["the date as asctime has it", "Sun Sep  9 01:46:40 2001", STRONG, HOLDS],
    ["a second earlier", EARLIER, STRONG, DATE_FAILS],
    ["a second later", LATER, STRONG, DATE_FAILS],
    ["the date, not settled", DATE, WEAK, DATE_FAILS],
    // Neither: the condition is false
    ["a word", "garbage", STRONG, DATE_FAILS],
    ["any", "*", STRONG, DATE_FAILS],
    ["the tag without its quotes", "v1", STRONG, DATE_FAILS],
    ["a small w", 'w/"v1"', STRONG, DATE_FAILS],
    ["the tag and more", '"v1" x', STRONG, DATE_FAILS],
    ["the tag twice without a comma", '"v1" "v1"', STRONG, DATE_FAILS],
    ["ISO 8601", "2001-09-09T01:46:40Z", STRONG, DATE_FAILS],
    ["a date of another zone", "Sun, 09 Sep 2001 01:46:40 UTC", STRONG, DATE_FAILS],
    ["a date with one digit for the day", "Sun, 9 Sep 2001 01:46:40 GMT", STRONG, DATE_FAILS],
    ["a day that no month has", "Sat, 31 Feb 2001 01:46:40 GMT", STRONG, DATE_FAILS],
    // Two of them
    ["two tags", '"v1", "v2"', STRONG, TWO],
    ["the tag last", '"v2", "v1"', STRONG, TWO],
    ["the tag twice", '"v1", "v1"', STRONG, TWO],
    ["two tags without a blank", '"v1","v2"', STRONG, TWO],
    ["two dates", `${DATE}, ${DATE}`, STRONG, TWO],
    ["a tag and a date", `"v1", ${DATE}`, STRONG, TWO],
    ["a date and a tag", `${DATE}, "v1"`, STRONG, TWO],
  ])("%s: %s", (_why, value, representation, expected) => {
    const fields = fieldsOf(value === undefined ? {} : { "if-range": value });
    expect(evaluateIfRange(fields, representation, NOW)).toEqual(expected);
  });
});

test("Fields taken at once are those that the runtime gives one by one", () => {
  const headers = new Headers([
    ["Range", "bytes=0-1"],
    ["range", "bytes=3-4"],
    ["If-Match", ""],
    ["Host", "x"],
    ["Set-Cookie", "a"],
    ["__proto__", "if-range"],
  ]);
  const taken = new TakenFields(headers);
  const names = ["range", "if-match", "host", "if-range", "want-digest", "toString", "constructor"];
  expect(names.map((name) => taken.get(name))).toEqual(names.map((name) => headers.get(name)));
});

/** Whole plans, as literals: every status there is, for every reason there is. */

import { describe, expect, test } from "bun:test";
import {
  type Content,
  contentLength,
  NOT_FOUND,
  type Plan,
  plan,
  planListing,
  planMethod,
  planNowhere,
  planSlash,
  refuse,
  withoutContent,
} from "./plan.ts";
import type { Representation } from "./representation.ts";
import type { PathTarget, Target } from "./target.ts";

const EARLIER = "Sun, 09 Sep 2001 01:46:39 GMT";
const DATE = "Sun, 09 Sep 2001 01:46:40 GMT";

const SETTLED: Representation = {
  completeLength: 100,
  entityTag: '"v1"',
  lastModified: 1_000_000_000_000,
  settled: true,
  mediaType: "video/mp4",
  name: "film.mp4",
};
const UNSETTLED: Representation = {
  ...SETTLED,
  entityTag: 'W/"v1"',
  lastModified: undefined,
  settled: false,
};
const EMPTY: Representation = { ...SETTLED, completeLength: 0 };

const TEXT = "text/plain; charset=utf-8";
const VALIDATORS = { "accept-ranges": "bytes", etag: '"v1"', "last-modified": DATE };
const FIELDS = {
  ...VALIDATORS,
  "content-type": "video/mp4",
  "content-disposition": "inline",
  "x-content-type-options": "nosniff",
};
const WHOLE: Plan = {
  status: 200,
  fields: FIELDS,
  content: { kind: "whole", completeLength: 100 },
};
/** Last-Modified is left out where the runtime could read the condition as an equal date. */
const WHOLE_WITHOUT_DATE: Plan = {
  status: 200,
  fields: {
    "accept-ranges": "bytes",
    etag: '"v1"',
    "content-type": "video/mp4",
    "content-disposition": "inline",
    "x-content-type-options": "nosniff",
  },
  content: { kind: "whole", completeLength: 100 },
};
const NOTHING: Plan = { ...WHOLE, content: { kind: "whole", completeLength: 0 } };
const NOT_MODIFIED: Plan = { status: 304, fields: VALIDATORS, content: { kind: "none" } };

/** The same plan for a file that hasn't settled: a weak tag and no date. */
function weak(answer: Plan): Plan {
  const { "last-modified": _, ...fields } = answer.fields;
  return { ...answer, fields: { ...fields, etag: 'W/"v1"' } };
}

/** A 206 of one window. */
function partial(contentRange: string, start: number, end: number): Plan {
  return {
    status: 206,
    fields: FIELDS,
    own: { "content-range": contentRange },
    content: { kind: "window", window: { start, end } },
  };
}

/** An answer in one line. */
function line(status: number, text: string, fields: Record<string, string> = {}): Plan {
  return { status, fields: { ...fields, "content-type": TEXT }, content: { kind: "text", text } };
}

const BYTES = { "accept-ranges": "bytes" };
const FIRST_TEN = partial("bytes 0-9/100", 0, 10);
const REVERSED = line(400, "Range has a last position before its first\n", BYTES);
const NO_SPEC = line(
  400,
  "Range has an element that is not first-last, first- or -length\n",
  BYTES,
);
const TWO = line(400, "If-Range takes one entity tag or one date\n", BYTES);
const NO_MATCH = line(412, "If-Match does not hold for this file\n", BYTES);
const MODIFIED = line(412, "If-Unmodified-Since does not hold for this file\n", BYTES);
const PAST_END = line(416, "Range selects none of the file's 100 bytes\n", {
  "accept-ranges": "bytes",
  "content-range": "bytes */100",
});
const NOT_ALLOWED = line(405, "Method not allowed; this server answers GET, HEAD, OPTIONS\n", {
  "accept-ranges": "bytes",
  allow: "GET, HEAD, OPTIONS",
});
const OPTIONS: Plan = {
  status: 204,
  fields: { "accept-ranges": "bytes", allow: "GET, HEAD, OPTIONS" },
  content: { kind: "none" },
};

/** A plan, and how often a boundary was drawn for it. */
function planned(
  method: string,
  fields: Record<string, string>,
  representation: Representation,
  download = false,
) {
  let drawn = 0;
  const boundary = () => {
    drawn++;
    return "XYZ";
  };
  const circumstances = { now: 1_100_000_000_000, boundary, download };
  return { ...plan(method, new Headers(fields), representation, circumstances), drawn };
}

describe("plan", () => {
  test.each<[string, Record<string, string>, Plan]>([
    // 200
    ["no condition, no range", {}, WHOLE],
    ["another unit", { range: "items=0-1" }, WHOLE],
    ["ranges that add up to more", { range: "bytes=0-,-1" }, WHOLE],
    ["If-Range without Range", { "if-range": '"v2"' }, WHOLE],
    ["malformed If-Range without Range", { "if-range": '"v1", "v2"' }, WHOLE],
    ["If-None-Match of another", { "if-none-match": '"v2"' }, WHOLE],
    ["If-Modified-Since of before", { "if-modified-since": EARLIER }, WHOLE],
    ["If-Match of this one", { "if-match": '"v1"' }, WHOLE],
    // 200 because If-Range fails
    ["another tag", { range: "bytes=0-9", "if-range": '"v2"' }, WHOLE],
    ["a weak tag", { range: "bytes=0-9", "if-range": 'W/"v1"' }, WHOLE],
    ["another date", { range: "bytes=0-9", "if-range": EARLIER }, WHOLE_WITHOUT_DATE],
    ["neither tag nor date", { range: "bytes=0-9", "if-range": "v1" }, WHOLE_WITHOUT_DATE],
    ["another tag, past the end", { range: "bytes=100-", "if-range": '"v2"' }, WHOLE],
    ["another tag, malformed", { range: "bytes=2-1", "if-range": '"v2"' }, WHOLE],
    // 206 of one window
    ["first and last", { range: "bytes=0-9" }, FIRST_TEN],
    ["the whole", { range: "bytes=0-" }, partial("bytes 0-99/100", 0, 100)],
    ["clamped", { range: "bytes=90-109" }, partial("bytes 90-99/100", 90, 100)],
    ["suffix", { range: "bytes=-1" }, partial("bytes 99-99/100", 99, 100)],
    ["two that touch", { range: "bytes=0-1,2-9" }, FIRST_TEN],
    ["one of two", { range: "bytes=0-9,100-" }, FIRST_TEN],
    ["If-Range of the tag", { range: "bytes=0-9", "if-range": '"v1"' }, FIRST_TEN],
    ["If-Range of the date", { range: "bytes=0-9", "if-range": DATE }, FIRST_TEN],
    ["If-Match of the tag", { range: "bytes=0-9", "if-match": '"v1"' }, FIRST_TEN],
    ["If-None-Match of another", { range: "bytes=0-9", "if-none-match": '"v2"' }, FIRST_TEN],
    // 304
    ["If-None-Match", { "if-none-match": '"v1"' }, NOT_MODIFIED],
    ["If-Modified-Since", { "if-modified-since": DATE }, NOT_MODIFIED],
    ["304 before 206", { range: "bytes=0-9", "if-none-match": '"v1"' }, NOT_MODIFIED],
    ["304 before 400", { range: "bytes=2-1", "if-none-match": "*" }, NOT_MODIFIED],
    // 400
    ["a malformed Range", { range: "bytes=2-1" }, REVERSED],
    ["an empty Range", { range: "" }, line(400, "Range needs a unit, as in bytes=0-10\n", BYTES)],
    ["two lines of Range", { range: "bytes=0-1, bytes=3-4" }, NO_SPEC],
    ["two tags in If-Range", { range: "bytes=0-9", "if-range": '"v1", "v2"' }, TWO],
    // 412
    ["If-Match of another", { "if-match": '"v2"' }, NO_MATCH],
    ["If-Unmodified-Since of before", { "if-unmodified-since": EARLIER }, MODIFIED],
    ["412 before 206", { range: "bytes=0-9", "if-match": '"v2"' }, NO_MATCH],
    ["412 before 400", { range: "bytes=2-1", "if-match": '"v2"' }, NO_MATCH],
    // 416
    ["past the end", { range: "bytes=100-" }, PAST_END],
    ["a suffix of nothing", { range: "bytes=-0" }, PAST_END],
    ["past the end, If-Range holds", { range: "bytes=100-", "if-range": '"v1"' }, PAST_END],
  ])("GET: %s", (_why, fields, expected) => {
    expect(planned("GET", fields, SETTLED)).toEqual({ ...expected, drawn: 0 });
  });

  test.each<[string, Record<string, string>, Plan]>([
    ["whole", {}, weak(WHOLE)],
    ["in part", { range: "bytes=0-9" }, weak(FIRST_TEN)],
    ["not modified", { "if-none-match": '"v1"' }, weak(NOT_MODIFIED)],
    ["If-Match, strong comparison", { "if-match": 'W/"v1"' }, NO_MATCH],
    ["If-Range of its tag", { range: "bytes=0-9", "if-range": 'W/"v1"' }, weak(WHOLE)],
    ["If-Range of its date", { range: "bytes=0-9", "if-range": DATE }, weak(WHOLE)],
    ["If-Modified-Since of its date", { "if-modified-since": DATE }, weak(WHOLE)],
    [
      "both of Dragonfly's conditions",
      { "if-modified-since": DATE, "if-none-match": 'W/"v1"' },
      weak(NOT_MODIFIED),
    ],
    ["If-Unmodified-Since of its date", { "if-unmodified-since": DATE }, MODIFIED],
  ])("GET of a file not settled: %s", (_why, fields, expected) => {
    expect(planned("GET", fields, UNSETTLED)).toEqual({ ...expected, drawn: 0 });
  });

  test.each<[string, Record<string, string>, Plan]>([
    ["whole", {}, NOTHING],
    ["a range", { range: "bytes=0-" }, NOTHING],
    ["a suffix", { range: "bytes=-1" }, NOTHING],
    ["a malformed Range", { range: "bytes=2-1" }, REVERSED],
  ])("GET of an empty file: %s", (_why, fields, expected) => {
    expect(planned("GET", fields, EMPTY)).toEqual({ ...expected, drawn: 0 });
  });

  // RFC 9110 §14.2: Range, and so If-Range, counts for GET alone.
  test.each<[string, Record<string, string>, Plan]>([
    ["no condition, no range", {}, WHOLE],
    ["a range", { range: "bytes=0-9" }, WHOLE],
    ["several ranges", { range: "bytes=0-9,20-29" }, WHOLE],
    ["a range past the end", { range: "bytes=100-" }, WHOLE],
    ["a malformed Range", { range: "bytes=2-1" }, WHOLE],
    ["If-Range of another date", { range: "bytes=0-9", "if-range": EARLIER }, WHOLE],
    ["If-Range of two tags", { range: "bytes=0-9", "if-range": '"v1", "v2"' }, WHOLE],
    ["If-None-Match", { "if-none-match": '"v1"' }, NOT_MODIFIED],
    ["If-Match of another", { "if-match": '"v2"' }, NO_MATCH],
  ])("HEAD: %s", (_why, fields, expected) => {
    expect(planned("HEAD", fields, SETTLED)).toEqual({ ...expected, drawn: 0 });
  });

  test.each<[string, Plan]>([
    ["OPTIONS", OPTIONS],
    ["POST", NOT_ALLOWED],
    ["PUT", NOT_ALLOWED],
    ["DELETE", NOT_ALLOWED],
    ["get", NOT_ALLOWED],
  ])("%s comes before conditions and ranges", (method, expected) => {
    const fields = { range: "bytes=2-1", "if-match": '"v2"' };
    expect(planned(method, fields, SETTLED)).toEqual({ ...expected, drawn: 0 });
  });

  test("206 of several parts", () => {
    expect(planned("GET", { range: "bytes=90-,0-1" }, SETTLED)).toEqual({
      status: 206,
      // No Content-Range beside those of the parts.
      fields: {
        "accept-ranges": "bytes",
        etag: '"v1"',
        "last-modified": DATE,
        "content-type": "multipart/byteranges; boundary=XYZ",
        "content-disposition": "inline",
        "x-content-type-options": "nosniff",
      },
      content: {
        kind: "parts",
        multipart: {
          mediaType: "multipart/byteranges; boundary=XYZ",
          parts: [
            {
              window: { start: 90, end: 100 },
              head: "--XYZ\r\nContent-Type: video/mp4\r\nContent-Range: bytes 90-99/100\r\n\r\n",
            },
            {
              window: { start: 0, end: 2 },
              head: "\r\n--XYZ\r\nContent-Type: video/mp4\r\nContent-Range: bytes 0-1/100\r\n\r\n",
            },
          ],
          tail: "\r\n--XYZ--\r\n",
          contentLength: 66 + 10 + 66 + 2 + 11,
        },
      },
      drawn: 1,
    });
  });

  test.each<[string, Record<string, string>, Plan]>([
    ["whole", {}, WHOLE],
    ["in part", { range: "bytes=0-9" }, FIRST_TEN],
  ])("?download, %s, gives the file its name", (_why, fields, expected) => {
    const disposition = { "content-disposition": 'attachment; filename="film.mp4"' };
    expect(planned("GET", fields, SETTLED, true)).toEqual({
      ...expected,
      fields: { ...expected.fields, ...disposition },
      drawn: 0,
    });
  });

  test.each<[string, Record<string, string>, Plan]>([
    ["whole", {}, WHOLE],
    ["in part", { range: "bytes=0-9" }, FIRST_TEN],
  ])("A page is confined, %s", (_why, fields, expected) => {
    const { drawn, ...answer } = planned("GET", fields, { ...SETTLED, mediaType: "text/html" });
    expect([drawn, answer]).toEqual([
      0,
      {
        ...expected,
        fields: {
          ...expected.fields,
          "content-type": "text/html",
          "content-security-policy":
            "sandbox allow-downloads; default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self'; font-src 'self'",
        },
      },
    ]);
  });

  test("?download has no say in a 304", () => {
    const answer = planned("GET", { "if-none-match": '"v1"' }, SETTLED, true);
    expect(answer).toEqual({ ...NOT_MODIFIED, drawn: 0 });
  });
});

describe("planMethod without a file", () => {
  const refusal = line(405, "Method not allowed; this server answers GET, HEAD, OPTIONS\n", {
    allow: "GET, HEAD, OPTIONS",
  });
  test.each<[string, Plan | undefined]>([
    ["GET", undefined],
    ["HEAD", undefined],
    [
      "OPTIONS",
      { status: 204, fields: { allow: "GET, HEAD, OPTIONS" }, content: { kind: "none" } },
    ],
    ["POST", refusal],
    ["PUT", refusal],
    ["DELETE", refusal],
    ["PATCH", refusal],
    ["TRACE", refusal],
    ["CONNECT", refusal],
    ["PROPFIND", refusal],
  ])("%s", (method, expected) => {
    expect(planMethod(method)).toEqual(expected);
  });
});

describe("planNowhere", () => {
  test.each<[string, Target, Plan]>([
    [
      "the root leads to the prefix",
      { kind: "root" },
      line(307, "See /data/\n", { location: "/data/" }),
    ],
    ["a malformed path", { kind: "malformed", reason: "Why" }, line(400, "Why\n")],
    ["a path outside the prefix", { kind: "outside" }, line(404, "There is no such file here\n")],
    [
      "a path with nothing there",
      { kind: "path", segments: ["secret"], trailingSlash: false, query: "" },
      line(404, "There is no such file here\n"),
    ],
  ])("%s", (_why, target, expected) => {
    expect(planNowhere(target, "/data/")).toEqual(expected);
  });
});

describe("planSlash", () => {
  test.each<[string, string, string[], string, string]>([
    ["a directory", "/data/", ["a"], "", "/data/a/"],
    ["below another", "/data/", ["a", "b"], "", "/data/a/b/"],
    ["the prefix itself", "/data/", [], "", "/data/"],
    ["with its query", "/data/", ["a"], "?x=%2F&y", "/data/a/?x=%2F&y"],
    ["encoded anew", "/data/", ["a b", "ä"], "", "/data/a%20b/%C3%A4/"],
    ["never another host", "/", ["host"], "", "/host/"],
    ["nor a line of its own", "/", ["a\r\nb"], "", "/a%0D%0Ab/"],
  ])("%s", (_why, prefix, segments, query, location) => {
    const target: PathTarget = { kind: "path", segments, trailingSlash: false, query };
    expect(planSlash(target, prefix)).toEqual(line(308, `See ${location}\n`, { location }));
  });
});

test("A listing depends on Accept and has no validators", () => {
  const bytes = new Uint8Array([0x5b, 0x5d]);
  expect(planListing("application/json", { kind: "bytes", bytes })).toEqual({
    status: 200,
    fields: {
      ...{ "content-type": "application/json", vary: "Accept", "cache-control": "no-cache" },
      "content-security-policy":
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    },
    content: { kind: "bytes", bytes },
    about: "listing",
  });
});

test("A refusal is one line of text", () => {
  expect(refuse(503, "Try again", { "retry-after": "1" })).toEqual({
    status: 503,
    fields: { "retry-after": "1", "content-type": TEXT },
    content: { kind: "text", text: "Try again\n" },
  });
});

const MULTIPART: Content = {
  kind: "parts",
  multipart: {
    mediaType: "multipart/byteranges; boundary=B",
    parts: [],
    tail: "",
    contentLength: 4321,
  },
};

describe("the length of content, and HEAD", () => {
  test.each<[string, Content, number | undefined]>([
    ["none", { kind: "none" }, undefined],
    ["text", { kind: "text", text: "abc\n" }, 4],
    ["text counts in bytes", { kind: "text", text: "ä€😀\n" }, 10],
    ["no text", { kind: "text", text: "" }, 0],
    ["bytes", { kind: "bytes", bytes: new Uint8Array(3) }, 3],
    ["whole", { kind: "whole", completeLength: 100 }, 100],
    ["nothing, whole", { kind: "whole", completeLength: 0 }, 0],
    ["a window", { kind: "window", window: { start: 90, end: 100 } }, 10],
    ["parts", MULTIPART, 4321],
  ])("%s", (_why, content, expected) => {
    const fields = { "content-type": TEXT };
    const own = expected === undefined ? {} : { own: { "content-length": String(expected) } };
    expect([contentLength(content), withoutContent({ status: 206, fields, content })]).toEqual([
      expected,
      { status: 206, fields, ...own, content: { kind: "none" } },
    ]);
  });

  test.each<[string, Plan, Plan]>([
    [
      "a file",
      WHOLE,
      { status: 200, fields: FIELDS, own: { "content-length": "100" }, content: { kind: "none" } },
    ],
    ["not modified", NOT_MODIFIED, NOT_MODIFIED],
    [
      "nowhere",
      NOT_FOUND,
      {
        status: 404,
        fields: { "content-type": TEXT },
        own: { "content-length": "27" },
        content: { kind: "none" },
      },
    ],
  ])("HEAD of %s", (_why, answer, expected) => {
    expect(withoutContent(answer)).toEqual(expected);
  });
});

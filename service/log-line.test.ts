import { expect, test } from "bun:test";
import { formatterOf, type Logged } from "./log-line.ts";

type Given = Partial<Omit<Logged, "request" | "fields">> & {
  readonly method?: string;
  readonly url?: string;
  readonly referer?: string;
  readonly agent?: string;
};

function logged({ method = "GET", url = "http://host/data/file", ...given }: Given): Logged {
  const fields: Record<string, string | undefined> = {
    referer: given.referer,
    "user-agent": given.agent,
  };
  return {
    ...{ now: Date.UTC(2026, 10, 4, 5, 6, 7, 89), client: "192.0.2.1", range: null },
    ...{ kind: "full", status: 200, owed: 10, acknowledged: 10 },
    ...{ pass: undefined, throttled: 0, firstByte: 0.2, duration: 0.4, outcome: "complete" },
    ...given,
    request: { method, url },
    fields: { get: (name) => fields[name] ?? null },
  };
}

const START = "192.0.2.1 - - [04/Nov/2026:05:06:07 +0000]";
const LINE = `${START} "GET /data/file HTTP/1.1" 200 10`;

const part = { range: "bytes=0-9", kind: "range", status: 206 } as const;

const pass = {
  name: "ann b",
  hasCredentials: true,
  terms: undefined,
  query: "",
  reach: "all",
} as const;

test.each<[string, Given, string]>([
  [
    "whose token it was",
    { pass },
    LINE.replace("- -", "- ann_b") + ' "-" "-" "-" 10 0.000 complete',
  ],
  ["the least", {}, `${LINE} "-" "-" "-" 10 0.000 complete`],
  [
    "referer and agent",
    { referer: "http://r/", agent: "a b" },
    `${LINE} "http://r/" "a b" "-" 10 0.000 complete`,
  ],
  [
    "a range",
    part,
    `${START} "GET /data/file HTTP/1.1" 206 10 "-" "-" "bytes=0-9" 10 0.000 complete`,
  ],
  [
    "an aborted one",
    { acknowledged: 3, outcome: "aborted" },
    `${START} "GET /data/file HTTP/1.1" 200 3 "-" "-" "-" 10 0.000 aborted`,
  ],
  [
    "one that changed",
    { acknowledged: 0, outcome: "changed" },
    `${START} "GET /data/file HTTP/1.1" 200 0 "-" "-" "-" 10 0.000 changed`,
  ],
  [
    "one that timed out, of unknown progress",
    { acknowledged: undefined, outcome: "timed out", duration: 3_723_456.7 },
    `${START} "GET /data/file HTTP/1.1" 200 - "-" "-" "-" 10 3723.457 timed-out`,
  ],
  ["nearly a second", { duration: 998.6 }, `${LINE} "-" "-" "-" 10 0.999 complete`],
  ["a second", { duration: 999.6 }, `${LINE} "-" "-" "-" 10 1.000 complete`],
  [
    "a client that was gone",
    { client: "" },
    `${LINE.replace("192.0.2.1", "-")} "-" "-" "-" 10 0.000 complete`,
  ],
  [
    "another method",
    { method: "BREW" },
    `${LINE.replace("GET", "BREW")} "-" "-" "-" 10 0.000 complete`,
  ],
  [
    "secrets",
    { url: "http://host/f?Signature=s&Expires=1", referer: "http://u:p@r/?token=t" },
    `${START} "GET /f?Signature=***&Expires=1 HTTP/1.1" 200 10 "http://r/?token=***" "-" "-" 10 0.000 complete`,
  ],
  [
    "a bare path",
    { url: "/data/x" },
    `${START} "GET /data/x HTTP/1.1" 200 10 "-" "-" "-" 10 0.000 complete`,
  ],
  [
    "quotes and line breaks",
    { agent: 'a"b\r\nc\\', range: '"' },
    `${LINE} "-" "a\\x22b\\x0D\\x0Ac\\x5C" "\\x22" 10 0.000 complete`,
  ],
])("combined: %s", (_why, given, line) => {
  expect(formatterOf("combined")(logged(given))).toBe(`${line}\n`);
});

const OBJECT = {
  ...{ time: "2026-11-04T05:06:07.089Z", client: "192.0.2.1", method: "GET" },
  ...{ path: "/data/file", kind: "full", status: 200, sent: 10, owed: 10 },
  ...{ seconds: 0, first_byte: 0, outcome: "complete" },
};

test.each<[string, Given, object]>([
  ["the least", {}, OBJECT],
  [
    "referer and agent",
    { referer: "http://r/?key=k", agent: "a" },
    { ...OBJECT, referer: "http://r/?key=***", agent: "a" },
  ],
  ["a range", part, { ...OBJECT, range: "bytes=0-9", kind: "range", status: 206 }],
  [
    "an aborted one",
    { acknowledged: 3, outcome: "aborted" },
    { ...OBJECT, sent: 3, outcome: "aborted" },
  ],
  [
    "one that timed out",
    { outcome: "timed out", duration: 255_000 },
    { ...OBJECT, seconds: 255, outcome: "timed out" },
  ],
  [
    "a token's, and held back",
    { pass, throttled: 1_500 },
    { ...OBJECT, key: "ann b", throttled: 1.5 },
  ],
  ["unknown progress", { acknowledged: undefined }, { ...OBJECT, sent: undefined }],
  ["a client that was gone", { client: "" }, { ...OBJECT, client: undefined }],
  [
    "what a terminal obeys",
    { agent: '\u001b[2J"\\\n', url: "http://h/é" },
    { ...OBJECT, path: "/é", agent: '\u001b[2J"\\\n' },
  ],
])("json: %s", (_why, given, expected) => {
  const line = formatterOf("json")(logged(given));
  const isAscii = /^[ -~]+\n$/.test(line);
  expect([JSON.parse(line), isAscii]).toEqual([expected, true]);
});

test.each(["combined", "json"] as const)(
  "A line of %s is never longer than a pipe takes whole",
  (format) => {
    const evil = '\u0001€"'.repeat(3000);
    const line = formatterOf(format)(
      logged({
        method: "X".repeat(99),
        url: `http://host/${evil}`,
        referer: evil,
        agent: evil,
        range: evil,
        client: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
        owed: 2 ** 52,
        acknowledged: 2 ** 52,
      }),
    );
    expect([line.length <= 4096, line.indexOf("\n")]).toEqual([true, line.length - 1]);
  },
);

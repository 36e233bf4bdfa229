/** What an answer adds, as the lines that a scrape shows more of; and what is reported of files. */

import { expect, test } from "bun:test";
import type { OpenFile } from "../../files/open-file.ts";
import type { Transfer } from "../../files/transfer.ts";
import { type DownloadReport, DownloadReports } from "./download-reports.ts";
import { TABLE } from "./table.ts";
import { renderMetrics } from "./text.ts";
import { TransferMetrics } from "./transfer-metrics.ts";

const FILE = { path: "/srv/a", version: { size: 100, modified: 7n } } as OpenFile;

type Part = Partial<Record<keyof Transfer, unknown>>;

/** A GET of all of the file, in 20 µs. */
const USUAL: Part = {
  ...{ method: "GET", status: 200, kind: "full", owed: 100, acknowledged: 100 },
  plan: { status: 200, fields: {}, content: { kind: "none" } },
  ...{ outcome: "complete", firstByte: 0.02, duration: 0.02, now: 1000, file: FILE },
  ...{ streamed: false, client: "10.0.0.1", windows: [{ start: 0, end: 100 }] },
};

/** A part of it. */
const RANGE: Part = {
  ...{ ...USUAL, status: 206, kind: "range", owed: 10, acknowledged: 10 },
  windows: [{ start: 20, end: 30 }],
};
/** Of 100 bytes, none at once. */
const STREAMED: Part = { ...USUAL, streamed: true, firstByte: 2, duration: 500 };

async function countsOf(...transfers: readonly Part[]) {
  const numbers = new Float64Array(TABLE.length);
  const sent: DownloadReport[] = [];
  const reports = new DownloadReports(3, (report) => void sent.push(report));
  const metrics = new TransferMetrics(numbers, reports);
  for (const part of transfers) {
    const transfer = part as unknown as Transfer;
    if (transfer.outcome === undefined) metrics.began(transfer);
    else metrics.ended(transfer);
  }
  await reports.send();
  const lines = renderMetrics(TABLE, numbers)
    .split("\n")
    .filter((line) => /^rangesrv_(?:http|down)/.test(line) && !/ 0$|_bucket/.test(line));
  const told = sent.flatMap(({ fetched }) =>
    fetched.map(({ client, file, numbers: all }) => [client, file.key, file.length, ...all]),
  );
  return { lines: lines.map((line) => line.slice("rangesrv_".length)), told };
}

/** The lines of an answer besides its duration. */
function answered(method: string, code: string, kind: string, bytes: number, seconds: number) {
  return [
    `http_requests_total{method="${method}",code="${code}",kind="${kind}"} 1`,
    ...(bytes > 0 ? [`http_response_bytes_total{kind="${kind}"} ${bytes}`] : []),
    `http_request_duration_seconds_sum{kind="${kind}"} ${seconds}`,
    `http_request_duration_seconds_count{kind="${kind}"} 1`,
  ];
}

function firstByte(kind: string, seconds: number): string[] {
  return [
    `http_time_to_first_byte_seconds_sum{kind="${kind}"} ${seconds}`,
    `http_time_to_first_byte_seconds_count{kind="${kind}"} 1`,
  ];
}

const SIZE = ["http_range_size_bytes_sum 10", "http_range_size_bytes_count 1"];
const KEY = "/srv/a\x00100 7";

// [why, transfers, lines that aren't 0, reports]
test.each<[string, Part[], string[], (string | number)[][]]>([
  [
    "a small file counts as a download at once",
    [USUAL],
    [
      ...[...answered("GET", "200", "full", 100, 0.00002), ...firstByte("full", 0.00002)],
      ...["downloads_started_total 1", "downloads_completed_total 1"],
      ...["download_duration_seconds_sum 0.00002", "download_duration_seconds_count 1"],
    ],
    [],
  ],
  [
    "a range is reported",
    [RANGE],
    [...answered("GET", "206", "range", 10, 0.00002), ...firstByte("range", 0.00002), ...SIZE],
    [["10.0.0.1", KEY, 100, 1, 20, 30, 30, 1000, 1000.02]],
  ],
  [
    "several ranges",
    [
      {
        ...RANGE,
        kind: "multipart",
        windows: [
          { start: 0, end: 5 },
          { start: 9, end: 14 },
        ],
      },
    ],
    [
      ...[...answered("GET", "206", "multipart", 10, 0.00002), ...firstByte("multipart", 0.00002)],
      ...SIZE,
    ],
    [["10.0.0.1", KEY, 100, 1, 0, 5, 5, 1000, 1000.02, 1, 9, 14, 14, 1000, 1000.02]],
  ],
  [
    "HEAD is no download",
    [{ ...USUAL, method: "HEAD", kind: "head", owed: 0, acknowledged: 0, windows: [] }],
    [...answered("HEAD", "200", "head", 0, 0.00002), ...firstByte("head", 0.00002)],
    [],
  ],
  [
    "one that a rule refuses",
    [
      {
        ...{ ...USUAL, status: 403, kind: "other", file: undefined, acknowledged: 4 },
        plan: { status: 403, fields: {}, content: { kind: "none" }, refusedBy: "forbidden" },
      },
    ],
    [
      ...answered("GET", "403", "other", 4, 0.00002),
      ...firstByte("other", 0.00002),
      'http_rejected_total{reason="forbidden"} 1',
    ],
    [],
  ],
  [
    "a method and a status that nobody knows",
    [{ ...USUAL, method: "BREW", status: 418, kind: "other", file: undefined, acknowledged: 4 }],
    [...answered("_OTHER", "_OTHER", "other", 4, 0.00002), ...firstByte("other", 0.00002)],
    [],
  ],
  [
    "a streamed file that begins",
    [{ ...STREAMED, outcome: undefined }],
    [],
    [["10.0.0.1", KEY, 100, 0, 0, 0, 0, 1000, 1000]],
  ],
  [
    "a streamed file that is complete",
    [STREAMED],
    [...answered("GET", "200", "full", 100, 0.5), ...firstByte("full", 0.002)],
    [["10.0.0.1", KEY, 100, 2, 0, 100, 100, 1000, 1500]],
  ],
  [
    "a streamed file that the client left: what it has counts",
    [{ ...STREAMED, outcome: "aborted", acknowledged: 60 }],
    [
      ...[...answered("GET", "200", "full", 60, 0.5), ...firstByte("full", 0.002)],
      'http_aborted_total{by="client"} 1',
    ],
    [["10.0.0.1", KEY, 100, 1, 0, 60, 100, 1000, 1500]],
  ],
  [
    "bytes of a file that changed are of no version",
    [{ ...STREAMED, outcome: "changed", acknowledged: 60 }],
    [
      ...[...answered("GET", "200", "full", 60, 0.5), ...firstByte("full", 0.002)],
      'http_aborted_total{by="changed"} 1',
    ],
    [],
  ],
  [
    "a client that took nothing, of whom nothing is known",
    [{ ...STREAMED, outcome: "timed out", acknowledged: undefined }],
    [
      ...[...answered("GET", "200", "full", 0, 0.5), ...firstByte("full", 0.002)],
      'http_aborted_total{by="timeout"} 1',
    ],
    [["10.0.0.1", KEY, 100, 1, 0, 0, 100, 1000, 1500]],
  ],
  [
    "several ranges that were cut off: which of them arrived isn't known",
    [
      {
        ...{ ...STREAMED, kind: "multipart", status: 206, outcome: "aborted", acknowledged: 60 },
        ...{
          owed: 10,
          windows: [
            { start: 0, end: 50 },
            { start: 60, end: 90 },
          ],
        },
      },
    ],
    [
      ...[...answered("GET", "206", "multipart", 60, 0.5), ...firstByte("multipart", 0.002)],
      ...[...SIZE, 'http_aborted_total{by="client"} 1'],
    ],
    [],
  ],
])("%s", async (_why, transfers, lines, told) => {
  expect(await countsOf(...transfers)).toEqual({ lines, told });
});

// [why, length of the file, window, whether it is reported]
test.each<[string, number, [number, number], boolean]>([
  ["16 KiB of a large file", 1e9, [0, 16_384], true],
  ["less than 16 KiB of a large file", 1e9, [0, 16_383], false],
  ["the last byte of a large file", 1e9, [1e9 - 1, 1e9], true],
  ["a 64th of a small file", 6400, [100, 200], true],
  ["less than a 64th of a small file", 6400, [100, 199], false],
])("A range that is %s", async (_why, size, [start, end], reported) => {
  const file = { path: "/srv/a", version: { size, modified: 7n } };
  const { told } = await countsOf({ ...RANGE, file, windows: [{ start, end }] });
  expect(told.length > 0).toBe(reported);
});

test("Many reports are sent before their time", async () => {
  const sent: DownloadReport[] = [];
  const reports = new DownloadReports(3, (report) => void sent.push(report));
  for (let n = 0; n < 10_000; n++) reports.add("a", FILE, { start: n, end: n + 1 }, n, n);
  await reports.send();
  const counts = sent.map(({ fetched }) => (fetched[0]?.numbers.length ?? 0) / 6);
  expect(counts).toEqual([4096, 4096, 1808]);
});

test("A report that can't be sent is given up", async () => {
  const reports = new DownloadReports(3, () => Promise.reject(new Error("gone")));
  reports.add("a", FILE, { start: 0, end: 1 }, 0, 0);
  expect(await reports.send()).toBeUndefined();
});

/**
 * Every metric: its name, what it means, its labels with all of their values. Units are
 * seconds and bytes. docs/operating.md says what to do with them, and deploy/grafana.json
 * shows them.
 */

import { version } from "../../package.json" with { type: "json" };
import { counter, gauge, histogram, layOut } from "./registry.ts";

/** Any other method is `_OTHER`: a client may make up methods. */
export const METHODS = [
  ...["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"],
  "_OTHER",
] as const;

/** Any other status is `_OTHER`; this server sends none. */
export const CODES = [
  ...["200", "204", "206", "301", "302", "303", "304", "307", "308"],
  ...["400", "401", "403", "404", "405", "406", "408", "410", "412", "413", "414", "416", "417"],
  ...["421", "429", "431", "500", "501", "502", "503", "504", "505", "_OTHER"],
] as const;

/** What an answer is. */
export const KINDS = [
  ...["full", "range", "multipart", "head", "listing", "document", "tracker", "other"],
] as const;

const KIND = { kind: KINDS };
const FAMILIES = ["ipv4", "ipv6"] as const;

/** Seconds: an answer from memory takes 20 µs, a large file on a slow line an hour. */
export const DURATIONS = [
  ...[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 300, 900, 3600],
];
/** Seconds. */
export const FIRST_BYTES = DURATIONS.filter((seconds) => seconds <= 10);
/** Bytes: 1 KiB to 4 GiB, each four times the one before. */
export const RANGE_SIZES = Array.from({ length: 12 }, (_, n) => 1024 * 4 ** n);
/** Seconds: from less than one to a day. */
export const DOWNLOADS = [0.1, 1, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400];

const STANDARD = { isStandard: true };
const LARGEST = { across: "max" } as const;
const FEW = { isSparse: true };

export const TABLE = layOut({
  build: gauge("build_info", "1, with the version of this server and of its runtime.", {
    ...{ labels: { version: [version], bun: [Bun.version] }, ...LARGEST },
  }),
  workers: gauge("workers", "Processes that answer requests.", {
    labels: { state: ["starting", "listening", "draining"] },
  }),
  restarts: counter("worker_restarts_total", "Workers that were replaced, and why.", {
    labels: { reason: ["ended", "hung", "reload"] },
  }),
  lag: gauge(
    "event_loop_lag_seconds",
    "By how much a timer was late at most in the last 15 seconds, in the process where it was latest.",
    LARGEST,
  ),
  cpu: counter(
    "process_cpu_seconds_total",
    "Processor time of all processes that serve, user and system, in seconds.",
    STANDARD,
  ),
  resident: gauge("process_resident_memory_bytes", "Resident memory of all processes.", STANDARD),
  virtual: gauge("process_virtual_memory_bytes", "Virtual memory of all processes.", STANDARD),
  descriptors: gauge("process_open_fds", "Open descriptors of all processes.", STANDARD),
  mostDescriptors: gauge(
    "process_max_fds",
    "Descriptors that all processes may have open together.",
    STANDARD,
  ),
  start: gauge("process_start_time_seconds", "When the server started, in seconds since 1970.", {
    ...{ ...STANDARD, ...LARGEST },
  }),
  requests: counter("http_requests_total", "Answers that have ended.", {
    ...{ labels: { method: METHODS, code: CODES, kind: KINDS }, ...FEW },
  }),
  inFlight: gauge("http_requests_in_flight", "Requests that are being answered."),
  bytes: counter(
    "http_response_bytes_total",
    "Bytes of bodies that clients' kernels have acknowledged.",
    { labels: KIND },
  ),
  durations: histogram(
    "http_request_duration_seconds",
    "From the request to the last acknowledged byte.",
    DURATIONS,
    { labels: KIND, ...FEW },
  ),
  firstBytes: histogram(
    "http_time_to_first_byte_seconds",
    "From the request to the begin of the answer.",
    FIRST_BYTES,
    { labels: KIND, ...FEW },
  ),
  ranges: histogram(
    "http_range_size_bytes",
    "Bytes of an answer with one range or several.",
    RANGE_SIZES,
  ),
  aborted: counter(
    "http_aborted_total",
    "Answers that ended before their last byte, and why: the client went, the file changed, or the client took nothing for 255 s.",
    {
      labels: { by: ["client", "changed", "timeout"] },
    },
  ),
  rejected: counter("http_rejected_total", "Requests that a limit or a rule refused.", {
    labels: { reason: ["connections", "client", "downloads", "unauthorized", "forbidden"] },
  }),
  started: counter(
    "downloads_started_total",
    "Files of which a client began to fetch a version: once, however many ranges it takes.",
  ),
  completed: counter(
    "downloads_completed_total",
    "Files of which a client has acknowledged every byte of one version, in however many ranges.",
  ),
  downloadTimes: histogram(
    "download_duration_seconds",
    "Of a completed download: from its first request to its last byte.",
    DOWNLOADS,
  ),
  throttled: counter(
    "throttled_seconds_total",
    "Time that answers took while a rate held them back.",
    { labels: { scope: ["server", "client", "connection"] } },
  ),
  clients: gauge("clients", "Addresses that are being sent an answer of more than 256 KiB."),
  files: gauge("files_open", "Files that are kept open."),
  hashBytes: counter("hash_bytes_total", "Bytes of files that were read for digests."),
  hashQueue: gauge("hash_queue_files", "Files whose digests are wanted and not known yet."),
  lookups: counter("hash_lookups_total", "Questions for the digests of a file, by their answer.", {
    labels: { result: ["memory", "store", "none"] },
  }),
  documents: counter("documents_total", "Documents that were asked for and given.", {
    labels: { type: ["torrent", "meta4", "sha256", "magnet", "sha256sums", "txt"] },
  }),
  announces: counter("tracker_announces_total", "Announces, by what became of them.", {
    labels: {
      event: ["none", "started", "stopped", "completed"],
      family: FAMILIES,
      result: ["accepted", "unregistered", "unavailable", "malformed", "refused"],
    },
  }),
  torrents: gauge("tracker_torrents", "Torrents that the tracker has peers of."),
  peers: gauge("tracker_peers", "Peers that the tracker knows.", {
    labels: { role: ["seeder", "leecher"], family: FAMILIES },
  }),
  reported: counter(
    "tracker_reported_downloaded_bytes_total",
    "Bytes that peers say they have downloaded, from here or from each other.",
  ),
  seedPeers: gauge("seed_peers", "Peers that are connected to the seeder."),
  seedBytes: counter("seed_upload_bytes_total", "Bytes of pieces that the seeder has sent."),
  seedRequests: counter("seed_piece_requests_total", "Requests of peers for a part of a piece.", {
    labels: { result: ["accepted", "refused", "excessive", "malformed"] },
  }),
  swarmBytes: counter(
    "http_swarm_response_bytes_total",
    "Bytes of files that were sent by HTTP to addresses of the tracker's peers.",
  ),
  dropped: counter("log_lines_dropped_total", "Log lines that were dropped: nobody read them.", {
    labels: { log: ["requests", "events"] },
  }),
});

/** The names of metrics in the program. */
export type MetricName = keyof typeof TABLE.metrics;

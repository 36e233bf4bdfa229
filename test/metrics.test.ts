/** What the compiled executable counts, over workers that come and go, and of real downloads. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startBinary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { processesOf } from "./hostile/withstand.ts";
import { fallen, scrape, scrapeText, scrapeUntil } from "./scrape.ts";
import { offsetBytes, settle, temporaryDirectory, writeSettled } from "./site.ts";
import { ask, Wire } from "./wire.ts";

setDefaultTimeout(60_000);

const LINUX = process.platform === "linux";
const MIB = 1024 * 1024;
const LARGE = offsetBytes(32 * MIB);
const MIDDLE = offsetBytes(2 * MIB);

async function start(...args: string[]) {
  const directory = temporaryDirectory();
  writeSettled(join(directory, "small"), "SMALL");
  writeSettled(join(directory, "middle"), MIDDLE);
  writeSettled(join(directory, "large"), LARGE);
  const running = await startBinary(["--no-seed", ...args, directory]);
  return { ...running, directory };
}

function rangeOf(start: number, end: number): Record<string, string> {
  return { Range: `bytes=${start}-${end - 1}` };
}

const GET = 'http_requests_total{method="GET",code="200",kind="full"}';
const RANGE = 'http_requests_total{method="GET",code="206",kind="range"}';

/** Each on a connection of its own, so that all workers get some. */
async function askOften(port: number, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await ask(port, "GET", "/data/small");
}

test.if(LINUX)("Two workers: a scrape counts what clients counted", async () => {
  await using server = await start("--workers", "2");
  const { port } = server;
  await askOften(port, 40);
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => ask(port, "GET", "/data/middle", rangeOf(n, n + 100))),
  );
  await ask(port, "HEAD", "/data/large");
  await ask(port, "DELETE", "/data/small");
  await ask(port, "PROPFIND", "/data/small");
  await ask(port, "GET", "/data/none");
  await ask(port, "GET", "/data/");
  await ask(port, "GET", "/data/middle", { Range: "bytes=0-9,100-109" });
  const seen = await scrapeUntil(port, {
    [GET]: 40,
    [RANGE]: 30,
    'http_requests_total{method="HEAD",code="200",kind="head"}': 1,
    'http_requests_total{method="DELETE",code="405",kind="other"}': 1,
    'http_requests_total{method="_OTHER",code="405",kind="other"}': 1,
    'http_requests_total{method="GET",code="404",kind="other"}': 1,
    'http_requests_total{method="GET",code="200",kind="listing"}': 1,
    'http_requests_total{method="GET",code="206",kind="multipart"}': 1,
    'http_response_bytes_total{kind="full"}': 200,
    'http_response_bytes_total{kind="range"}': 3000,
    'http_request_duration_seconds_count{kind="full"}': 40,
    'http_time_to_first_byte_seconds_count{kind="range"}': 30,
    'http_range_size_bytes_bucket{le="1024"}': 31,
    http_range_size_bytes_count: 31,
    downloads_started_total: 40,
    downloads_completed_total: 40,
    'workers{state="listening"}': 2,
  });
  const { version } = JSON.parse(readFileSync(join(import.meta.dir, "../package.json"), "utf8"));
  expect([
    seen.get(`build_info{version="${version}",bun="${Bun.version}"}`),
    (seen.get("files_open") ?? 0) > 0,
    (seen.get("process_resident_memory_bytes") ?? 0) > MIB,
    Math.abs((seen.get("process_start_time_seconds") ?? 0) - Date.now() / 1000) < 60,
  ]).toEqual([1, true, true, true]);
});

test.if(LINUX)(
  "No counter falls when a worker is killed, and each request counts once",
  async () => {
    await using server = await start("--workers", "2");
    const { port } = server;
    let before = await scrape(port);
    const falls: string[] = [];
    for (let kill = 1; kill <= 3; kill++) {
      await askOften(port, 20);
      before = await scrapeUntil(port, { [GET]: 20 * kill });
      const [, worker = 0] = processesOf(server.process.pid);
      process.kill(worker, "SIGKILL");
      while (processesOf(server.process.pid).includes(worker)) await new Promise(setImmediate);
      const after = await scrapeUntil(port, {
        'workers{state="listening"}': 2,
        'worker_restarts_total{reason="ended"}': kill,
      });
      falls.push(...fallen(before, after));
    }
    const { downloads_completed_total: completed } = Object.fromEntries(await scrape(port));
    expect({ falls, completed }).toEqual({ falls: [], completed: 60 });
  },
);

test.if(LINUX)("No counter falls over two rolling restarts", async () => {
  await using server = await start("--workers", "2");
  const { port } = server;
  const falls: string[] = [];
  for (let roll = 1; roll <= 2; roll++) {
    await askOften(port, 20);
    const before = await scrapeUntil(port, { [GET]: 20 * roll });
    server.process.kill("SIGHUP");
    const after = await scrapeUntil(port, {
      'worker_restarts_total{reason="reload"}': 2 * roll,
      'workers{state="listening"}': 2,
      'workers{state="draining"}': 0,
      [GET]: 20 * roll,
    });
    falls.push(...fallen(before, after));
  }
  expect(falls).toEqual([]);
});

test.if(LINUX)("What a worker has counted isn't lost when it drains", async () => {
  await using server = await start("--workers", "2");
  const { port } = server;
  for (let n = 0; n < 32; n++) {
    await ask(port, "GET", "/data/middle", rangeOf((n * MIB) / 16, ((n + 1) * MIB) / 16));
  }
  server.process.kill("SIGHUP");
  await server.printed("rolling restart finished");
  const seen = await scrapeUntil(port, { [RANGE]: 32, downloads_completed_total: 1 });
  expect(seen.get("downloads_started_total")).toBe(1);
});

testWith("promtool").each([["1"], ["2"]])(
  "promtool finds no fault, with --workers %s",
  async (count) => {
    await using server = await start("--workers", count);
    await ask(server.port, "GET", "/data/large");
    await ask(server.port, "GET", "/data/small.sha256");
    const child = Bun.spawn(["promtool", "check", "metrics"], {
      stdin: Buffer.from(await scrapeText(server.port)),
      ...{ stdout: "pipe", stderr: "pipe" },
    });
    const said = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    expect(said).toEqual(["", "", 0]);
  },
);

test("GET and HEAD are answered, nothing else, and no cache keeps it", async () => {
  await using server = await start();
  const { port } = server;
  const get = await ask(port, "GET", "/-/metrics?a");
  const head = await ask(port, "HEAD", "/-/metrics");
  const post = await ask(port, "POST", "/-/metrics");
  const fields = [get, head].map((one) => [
    ...[one.status, one.fields["content-type"], one.fields["cache-control"]],
  ]);
  expect([fields, head.body.length, get.body.length > 10_000, post.status]).toEqual([
    [
      [200, "text/plain; version=0.0.4; charset=utf-8", "no-store"],
      [200, "text/plain; version=0.0.4; charset=utf-8", "no-store"],
    ],
    ...[0, true, 405],
  ]);
});

test.if(LINUX).each([["1"], ["2"]])(
  "--no-metrics with --workers %s: there are none",
  async (count) => {
    await using server = await start("--no-metrics", "--workers", count);
    const { status } = await ask(server.port, "GET", "/-/metrics");
    expect([status, (await ask(server.port, "GET", "/data/small")).status]).toEqual([404, 200]);
  },
);

test.if(LINUX)("The bytes of a hashed file are counted, and its documents", async () => {
  await using server = await start("--workers", "2");
  const { port } = server;
  while ((await ask(port, "GET", "/data/large.torrent")).status !== 200);
  while ((await ask(port, "GET", "/data/small.sha256")).status !== 200);
  const seen = await scrapeUntil(port, {
    hash_bytes_total: LARGE.length + 5,
    'documents_total{type="torrent"}': 1,
    'documents_total{type="sha256"}': 1,
    hash_queue_files: 0,
  });
  expect(seen.get('http_requests_total{method="GET",code="200",kind="document"}')).toBe(2);
});

test.if(LINUX)("Announces and what peers report are counted", async () => {
  await using server = await start("--workers", "2", "--open-tracker");
  const { port } = server;
  const announce = (event: string, left: number, downloaded: number) =>
    `/-/announce?info_hash=${"h".repeat(20)}&peer_id=${"p".repeat(20)}&port=7000` +
    `&uploaded=0&downloaded=${downloaded}&left=${left}&event=${event}`;
  await ask(port, "GET", announce("started", 5000, 0));
  await ask(port, "GET", announce("completed", 0, 5000));
  await ask(port, "GET", "/-/announce");
  const range = await ask(port, "GET", "/data/large", rangeOf(0, MIB));
  const seen = await scrapeUntil(port, {
    'tracker_announces_total{event="started",family="ipv4",result="accepted"}': 1,
    'tracker_announces_total{event="completed",family="ipv4",result="accepted"}': 1,
    'tracker_announces_total{event="none",family="ipv4",result="malformed"}': 1,
    'tracker_peers{role="seeder",family="ipv4"}': 1,
    'tracker_peers{role="leecher",family="ipv4"}': 0,
    tracker_torrents: 1,
    tracker_reported_downloaded_bytes_total: 5000,
    // This client has the peer's address.
    http_swarm_response_bytes_total: MIB,
  });
  expect([
    range.body.length,
    seen.get('http_requests_total{method="GET",code="200",kind="tracker"}'),
  ]).toEqual([MIB, 3]);
});

test.if(LINUX)(
  "Ranges of one client on many connections are one download, at two workers",
  async () => {
    await using server = await start("--workers", "2");
    const { port } = server;
    const pieces = Array.from(
      { length: 32 },
      (_, n) => [(n * MIB) / 16, ((n + 1) * MIB) / 16] as const,
    );
    const [first = [0, 0], ...others] = pieces;
    await Promise.all(
      others.map(([from, to]) => ask(port, "GET", "/data/middle", rangeOf(from, to))),
    );
    await ask(port, "HEAD", "/data/middle");
    const before = await scrapeUntil(port, { [RANGE]: 31, downloads_started_total: 1 });
    await ask(port, "GET", "/data/middle", rangeOf(...(first as [number, number])));
    const after = await scrapeUntil(port, { [RANGE]: 32, downloads_completed_total: 1 });
    // What it fetches now is another download.
    await Promise.all(
      pieces.map(([from, to]) => ask(port, "GET", "/data/middle", rangeOf(from, to))),
    );
    const again = await scrapeUntil(port, { [RANGE]: 64, downloads_completed_total: 2 });
    expect([before, after, again].map((one) => one.get("downloads_completed_total"))).toEqual([
      0, 1, 2,
    ]);
    expect(again.get("downloads_started_total")).toBe(2);
  },
);

test.if(LINUX)("A file that changed in between is another download", async () => {
  await using server = await start("--workers", "2");
  const { port, directory } = server;
  await ask(port, "GET", "/data/middle", rangeOf(0, MIB));
  writeFileSync(join(directory, "middle"), offsetBytes(2 * MIB, "1"));
  settle(join(directory, "middle"), 1_100_000_000);
  await ask(port, "GET", "/data/middle", rangeOf(MIB, 2 * MIB));
  await scrapeUntil(port, { downloads_started_total: 2, downloads_completed_total: 0 });
  await ask(port, "GET", "/data/middle", rangeOf(0, MIB));
  const seen = await scrapeUntil(port, { downloads_completed_total: 1 });
  expect(seen.get("downloads_started_total")).toBe(2);
});

testWith("wget")("wget -c after an abort: begun once, complete once", async () => {
  await using server = await start("--workers", "2");
  const { port } = server;
  using wire = await Wire.connect(port);
  wire.request("GET", "/data/large");
  await wire.waitFor(MIB);
  wire.pause();
  // By now the kernel was asked.
  await scrapeUntil(port, { clients: 1, downloads_started_total: 1 });
  wire[Symbol.dispose]();
  await scrapeUntil(port, { 'http_aborted_total{by="client"}': 1, downloads_completed_total: 0 });
  const saved = join(temporaryDirectory(), "large");
  // The header was among what was received.
  writeFileSync(saved, LARGE.subarray(0, MIB - 4096));
  const { exitCode } = await run(["wget", "-q", "-c", "-O", saved, `${server.origin}/data/large`]);
  const seen = await scrapeUntil(port, { downloads_completed_total: 1, clients: 0 });
  expect([
    exitCode,
    readFileSync(saved).equals(LARGE),
    seen.get("downloads_started_total"),
  ]).toEqual([...[0, true, 1]]);
});

testWith("aria2c")("aria2c with sixteen connections: begun once, complete once", async () => {
  await using server = await start("--workers", "2");
  const into = temporaryDirectory();
  // As on a network: over loopback all is done before the kernel is asked.
  const limit = "--max-overall-download-limit=4M";
  const options = ["-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "--no-conf", limit];
  const url = `${server.origin}/data/large`;
  const { exitCode } = await run(["aria2c", ...options, "-d", into, url]);
  const seen = await scrapeUntil(server.port, { downloads_completed_total: 1 });
  expect([
    ...[exitCode, readFileSync(join(into, "large")).equals(LARGE)],
    ...[seen.get("downloads_started_total"), seen.get("download_duration_seconds_count")],
  ]).toEqual([0, true, 1, 1]);
});

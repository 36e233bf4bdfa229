/**
 * Everything at the same time on the executable, and whether it adds up: `bun bench/mixed.ts
 * --executable EXECUTABLE [--minutes N] [--no-kills] [--no-reloads]`.
 *
 * Two workers over TLS, with rates, limits, log and metrics; clients that check every byte
 * (mixed-clients.ts) of files of which some are replaced (mixed-tree.ts); SIGHUP, which
 * replaces the workers, every 20 s, and SIGKILL of a worker every 30 s. In the end the
 * server's counters and its log are compared with what the clients counted, and memory and
 * descriptors of its second minute with those of its last. Ends with code 1 when a byte was
 * wrong or a counter differs by more than the killed workers took with them.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeCertificate } from "../test/certificates.ts";
import { randomNumbers } from "../test/changing.ts";
import { Wire } from "../test/wire.ts";
import { Counts, type Load, runClient, runCurl } from "./mixed-clients.ts";
import { FILES, Tree } from "./mixed-tree.ts";
import { tree as processTree } from "./processes.ts";
import { freePort, row, spread, table } from "./setup.ts";

/** Addresses, each a client of the server's, and connections of each. */
const ADDRESSES = ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
const CONNECTIONS = 6;
/** Milliseconds between two versions of a file. */
const REPLACED = 250;
/** Milliseconds after a SIGKILL in which a connection may end. */
const KILLING = 1000;

const { values } = parseArgs({
  options: {
    executable: { type: "string", default: "dist/rangesrv" },
    minutes: { type: "string", default: "10" },
    "no-kills": { type: "boolean", default: false },
    "no-reloads": { type: "boolean", default: false },
  },
});
const seconds = 60 * Number(values.minutes);

/** The processes of the server at one moment. */
interface Sample {
  readonly second: number;
  readonly processes: number;
  /** MiB of all, and of the supervisor. */
  readonly resident: number;
  readonly supervisor: number;
  readonly descriptors: number;
  readonly supervisorDescriptors: number;
}

const directory = mkdtempSync("/dev/shm/mixed-");
const scratch = mkdtempSync(join(tmpdir(), "mixed-"));
const logPath = join(scratch, "log");
const { cert, key } = await makeCertificate(scratch, "mixed");
const random = randomNumbers(1);
const files = new Tree(directory, random);
const port = freePort();
const child = Bun.spawn(
  [
    ...[values.executable, "--host", "127.0.0.1", "--port", `${port}`, "--workers", "2"],
    ...["--tls-cert", cert, "--tls-key", key, "--rate", "200M", "--rate-client", "100M"],
    ...["--max-downloads-client", "2", "--log", "json", "--no-seed", directory],
  ],
  { stdin: "ignore", stdout: Bun.file(logPath), stderr: Bun.file(join(scratch, "events")) },
);
try {
  await main();
} finally {
  child.kill("SIGTERM");
  await child.exited;
  for (const one of [directory, scratch]) rmSync(one, { recursive: true, force: true });
}
process.exit();

async function main(): Promise<void> {
  let [killed, isOver, kills, reloads] = [-Infinity, false, 0, 0];
  const counts = new Counts();
  const isKilling = () => performance.now() < killed + KILLING;
  const load: Load = { port, tree: files, counts, random, isOver: () => isOver, isKilling };
  while ((await scrape(counts)) === undefined) await Bun.sleep(20);

  const addresses = ADDRESSES.flatMap((one) => Array.from({ length: CONNECTIONS }, () => one));
  const clients = [...addresses.map((one) => runClient(load, one)), runCurl(load, scratch)];
  const replaced = FILES.filter((file) => file.isReplaced);
  const replacing = setInterval(() => {
    for (const file of replaced) files.replace(file);
  }, REPLACED);
  const samples: Sample[] = [];
  const began = performance.now();
  for (let second = 1; second <= seconds; second++) {
    await Bun.sleep(Math.max(0, began + 1000 * second - performance.now()));
    if (second % 10 === 0) samples.push(look(second));
    if (second > seconds - 5) continue;
    if (second % 20 === 5 && !values["no-reloads"]) {
      child.kill("SIGHUP");
      reloads++;
    }
    if (second % 30 === 12 && !values["no-kills"]) {
      killed = performance.now();
      process.kill(anyWorker(), "SIGKILL");
      kills++;
    }
  }
  isOver = true;
  await Promise.all(clients);
  clearInterval(replacing);
  console.log(
    `${seconds} s, ${reloads} reloads, ${kills} workers killed; ${addresses.length} connections of ${ADDRESSES.length} clients, and curl\n`,
  );
  await report(counts, kills);
  showSamples(samples);
}

/** What the server counted, when all requests have ended; undefined: it doesn't answer. */
async function scrape(counts: Counts): Promise<Map<string, number> | undefined> {
  using wire = await Wire.connect(port, "127.0.0.1", undefined, true).catch(() => undefined);
  if (wire === undefined) return undefined;
  wire.request("GET", "/-/metrics");
  const { status, body } = await wire.response();
  if (status !== 200) return undefined;
  const lines = body
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("rangesrv_"));
  const series = new Map(
    lines.map((line) => [line.slice(9, line.lastIndexOf(" ")), Number(line.split(" ").at(-1))]),
  );
  counts.answered("GET", status);
  counts.bytes += body.length;
  return series;
}

async function report(counts: Counts, kills: number): Promise<void> {
  // What a client hung up on ends a little later at the server, and its figures are a second old.
  await Bun.sleep(3000);
  const { bytes } = counts;
  const answers = new Map(counts.answers);
  const series = await scrape(counts);
  if (series === undefined) throw new Error("/-/metrics isn't answered");
  await Bun.sleep(500);
  const logged = readLog();
  const counted = new Map<string, number>();
  let sent = 0;
  for (const [name, value] of series) {
    const [, method, code] = /^http_requests_total\{.*method="(\w+)",code="(\d+)"/.exec(name) ?? [];
    if (method !== undefined)
      counted.set(`${method} ${code}`, (counted.get(`${method} ${code}`) ?? 0) + value);
    if (name.startsWith("http_response_bytes_total")) sent += value;
  }
  // The log has the last scrape, too.
  logged.set("GET 200", (logged.get("GET 200") ?? 0) - 1);
  const keys = [...new Set([...answers.keys(), ...counted.keys(), ...logged.keys()])].toSorted();
  const rows = keys.map((name) => {
    const figures = [answers, counted, logged].map((one) => one.get(name) ?? 0);
    const [seen = 0, server = 0, log = 0] = figures;
    return row(name, ...figures.map(String), String(server - seen), String(log - seen));
  });
  const columns = ["answers", "clients", "metrics", "log", "metrics − clients", "log − clients"];
  console.log(table(columns, rows));
  const differs = keys.reduce(
    (sum, name) => sum + Math.abs((counted.get(name) ?? 0) - (answers.get(name) ?? 0)),
    0,
  );
  const tolerated = counts.cut + counts.unanswered;
  const least = bytes + counts.givenUpBytes;
  console.log(
    [
      `wrong answers: ${counts.wrong.length}`,
      `without a status: ${counts.unanswered}, cut short: ${counts.cut}; of these not within ${KILLING} ms of a SIGKILL (${kills}): ${counts.unexplained}`,
      `answers that metrics and clients count differently: ${differs}; tolerated: ${tolerated}`,
      `bytes that clients read: ${bytes} of whole answers, ${counts.givenUpBytes} of ${counts.givenUp} given up (of ${counts.givenUpOwed}), ${counts.cutBytes} of those cut`,
      `bytes by the metrics: ${sent}, ${sent - least} more than whole and given up`,
      "",
    ].join("\n"),
  );
  const other = [...series].filter(([name]) =>
    /^(http_aborted|http_rejected|worker_restarts|log_lines|http_requests_in)/.test(name),
  );
  console.log(other.map(([name, value]) => `${name} ${value}`).join("\n"));
  for (const wrong of counts.wrong.slice(0, 10)) console.error(wrong);
  if (counts.wrong.length > 0 || differs > tolerated) process.exitCode = 1;
}

/** Lines of the log by method and status. */
function readLog(): Map<string, number> {
  const logged = new Map<string, number>();
  for (const line of readFileSync(logPath, "utf8").split("\n").filter(Boolean)) {
    const { method, status } = JSON.parse(line) as { method: string; status: number };
    logged.set(`${method} ${status}`, (logged.get(`${method} ${status}`) ?? 0) + 1);
  }
  return logged;
}

function anyWorker(): number {
  const workers = processTree(child.pid).filter((pid) =>
    lookAt(pid, () => readFileSync(`/proc/${pid}/environ`, "latin1"))?.includes("RANGESRV_WORKER="),
  );
  return workers[Math.floor(random() * workers.length)]!;
}

function look(second: number): Sample {
  const processes = processTree(child.pid).flatMap((pid) => {
    const descriptors = lookAt(pid, () => readdirSync(`/proc/${pid}/fd`).length);
    const resident = lookAt(pid, () => residentOf(pid));
    return descriptors === undefined || resident === undefined ? [] : [{ resident, descriptors }];
  });
  const sum = (field: "resident" | "descriptors") =>
    processes.reduce((all, one) => all + one[field], 0);
  const supervisor = processes[0]!;
  return {
    second,
    ...{ processes: processes.length, resident: sum("resident"), descriptors: sum("descriptors") },
    ...{ supervisor: supervisor.resident, supervisorDescriptors: supervisor.descriptors },
  };
}

/** What /proc says of a process; undefined when it has ended meanwhile. */
function lookAt<T>(pid: number, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined;
    throw new Error(`Cannot read /proc/${pid}`, { cause: error });
  }
}

function residentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024);
}

function showSamples(samples: readonly Sample[]): void {
  const between = (from: number, to: number) =>
    samples.filter(({ second }) => second > from && second <= to);
  const spans = [between(60, 120), between(seconds - 60, seconds), samples];
  const figures = [
    ["processes", "processes"],
    ["MiB resident, all", "resident"],
    ["MiB resident, supervisor", "supervisor"],
    ["descriptors, all", "descriptors"],
    ["descriptors, supervisor", "supervisorDescriptors"],
  ] as const;
  const rows = figures.map(([name, field]) =>
    row(name, ...spans.map((some) => spread(some.map((one) => one[field])))),
  );
  console.log(table(["", "second minute", "last minute", "all"], rows));
}

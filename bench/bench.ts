/**
 * rangesrv beside its peers, in turns within one run: `bun run bench`.
 *
 * Writes bench/RESULTS.md. Needs Debian's nginx-light, wrk and caddy, and two
 * processors: the server has one, the load the other. The file is in memory
 * (/dev/shm), so that no disk is measured.
 */

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../deploy/build.ts";
import { measureFloor } from "./floor.ts";
import { measureMemory } from "./memory.ts";
import { measureLatencies } from "./open-loop.ts";
import { type Peer, peers } from "./peers.ts";
import { memory } from "./processes.ts";
import { type Place, requestFor, type Running, stall, startAll, stopAll } from "./servers.ts";
import { row, sizeOf, spread, table, writeFile } from "./setup.ts";
import { measure } from "./wrk.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const FILE = 1024 * MIB;
const WINDOWS = [KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, undefined];
const CONNECTIONS = 32;
/** Requests a second of the open loop, well below what the slowest peer takes. */
const RATE = 2_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "2" },
    starts: { type: "string", default: "5" },
    out: { type: "string", default: join(import.meta.dir, "RESULTS.md") },
  },
});
/** What else the machine was doing, over 1, 5 and 15 minutes. */
const busy = loadavg();
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);

const scratch = mkdtempSync(join(tmpdir(), "rangesrv-bench-"));
const directory = mkdtempSync("/dev/shm/rangesrv-bench-");
const executable = join(scratch, "rangesrv");
// nginx's workers give up root.
chmodSync(directory, 0o755);

const place: Place = { directory, scratch };

try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
  rmSync(directory, { recursive: true, force: true });
}
process.exit();

async function main(): Promise<void> {
  for (const program of ["wrk", "taskset"]) {
    if (Bun.which(program) === null)
      throw new Error(`${program} is missing: apt-get install wrk util-linux`);
  }
  writeFile(join(directory, "file"), FILE);
  await build(executable);
  const all = peers(executable);
  const present = all.filter(({ needs }) => Bun.which(needs) !== null);
  const missing = all.filter((peer) => !present.includes(peer)).map(({ name }) => name);
  if (missing.length > 0) console.log(`Missing, and left out: ${missing.join(", ")}`);

  const text = [
    heading(present, missing),
    await throughput(present, 1),
    await throughput(
      present.filter(({ name }) => name !== "bun-dir"),
      2,
    ),
    await latency(present),
    await resources(present),
    await measureMemory(executable, place),
    await measureFloor(
      present.filter(({ name }) => name === "rangesrv" || name === "nginx"),
      place,
      FILE,
      Number(values.starts),
    ),
  ].join("\n");
  writeFileSync(values.out, text + swarmSection(values.out));
  console.log(`Written: ${values.out}`);
}

/** What is told of swarms at the end of the file, which another command writes. */
function swarmSection(path: string): string {
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  const at = before.search(/^# Swarm/m);
  return at === -1 ? "" : `\n${before.slice(at)}`;
}

/** Requests a second and processor time a request, by window; ratios are taken round by round. */
async function throughput(present: readonly Peer[], workers: number): Promise<string> {
  // One worker: the server on one processor, wrk on the other. Two: all share both.
  const [server, client] = workers === 1 ? ["0", "1"] : ["0,1", "0,1"];
  const running = await startAll(present, place, workers, server);
  const sections: string[] = [];
  for (const window of WINDOWS) {
    const seen = new Map<Running, { rate: number; processor: number }[]>();
    for (let round = 0; round < rounds; round++) {
      for (const one of running) {
        const taken = await measure({
          url: `http://127.0.0.1:${one.port}/data/file`,
          pid: one.child.pid,
          length: FILE,
          window,
          seconds: window === undefined ? 2 * seconds : seconds,
          connections: window === undefined ? 4 : CONNECTIONS,
          processors: client,
          scratch,
        });
        seen.set(one, [...(seen.get(one) ?? []), taken]);
      }
    }
    const base = running.find(({ peer }) => peer.name === "rangesrv");
    const ours = (base && seen.get(base)) ?? [];
    const rows = running.map((one) => {
      const taken = seen.get(one) ?? [];
      return row(
        one.peer.name,
        spread(
          taken.map(({ rate }) => rate),
          window === undefined ? 1 : 0,
        ),
        spread(
          taken.map(({ processor }) => processor),
          1,
        ),
        spread(
          taken.map(({ rate }, n) => (ours[n]?.rate ?? NaN) / rate),
          2,
        ),
        spread(
          taken.map(({ processor }, n) => processor / (ours[n]?.processor ?? NaN)),
          2,
        ),
      );
    });
    const columns = [
      "server",
      "requests/s",
      "CPU µs/request",
      "rangesrv ÷ it, requests/s",
      "it ÷ rangesrv, CPU",
    ];
    sections.push(`### ${size(window)}\n\n${table(columns, rows)}`);
    console.log(sections.at(-1));
  }
  await stopAll(running);
  return `## Throughput, ${workers} worker${workers === 1 ? "" : "s"}\n\n${sections.join("\n")}`;
}

async function latency(present: readonly Peer[]): Promise<string> {
  const running = await startAll(present, place, 1, "0");
  const sections: string[] = [];
  for (const window of [16 * KIB, 256 * KIB]) {
    const rows: string[] = [];
    const seen = new Map<Running, { p50: number; p99: number; most: number }[]>();
    for (let round = 0; round < rounds; round++) {
      for (const one of running) {
        const load = {
          port: one.port,
          target: "/data/file",
          length: FILE,
          window,
          rate: RATE,
          seconds,
        };
        const taken = await measureLatencies({ ...load, connections: 256 });
        seen.set(one, [...(seen.get(one) ?? []), taken]);
      }
    }
    for (const [{ peer }, taken] of seen) {
      rows.push(
        row(
          peer.name,
          spread(
            taken.map(({ p50 }) => p50),
            2,
          ),
          spread(
            taken.map(({ p99 }) => p99),
            2,
          ),
          spread(
            taken.map(({ most }) => most),
            1,
          ),
        ),
      );
    }
    sections.push(
      `### ${size(window)}\n\n${table(["server", "p50 ms", "p99 ms", "longest ms"], rows)}`,
    );
    console.log(sections.at(-1));
  }
  await stopAll(running);
  return `## Latency at ${RATE} requests a second, open loop\n\n${sections.join("\n")}`;
}

/** Start to the first answered byte; memory idle, after load, and with stalled readers. */
async function resources(present: readonly Peer[]): Promise<string> {
  const rows: string[] = [];
  for (const peer of present) {
    const startups: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [one] = await startAll([peer], place, 1, "0,1");
      if (one === undefined) continue;
      startups.push(one.startup);
      await stopAll([one]);
    }
    const cells: string[] = [];
    for (const [readers, window] of [
      [0, 0],
      [1000, 0],
      [1000, 4 * MIB],
      [1000, 256 * KIB],
    ] as const) {
      const [one] = await startAll([peer], place, 1, "0,1");
      if (one === undefined) continue;
      const request = window === 0 ? "" : requestFor(`0-${window - 1}`);
      const sockets = await stall(one.port, readers, request);
      await Bun.sleep(500);
      const { resident, own } = memory(one.child.pid);
      cells.push(`${Math.round(resident / MIB)} (${Math.round(own / MIB)})`);
      for (const socket of sockets) socket.terminate();
      await stopAll([one]);
    }
    rows.push(row(peer.name, spread(startups), ...cells));
  }
  const columns = [
    "server",
    "start to first byte, ms",
    "idle",
    "1000 idle connections",
    "1000 stalled, 4 MiB",
    "1000 stalled, 256 KiB",
  ];
  const text = `## Start and memory\n\nResident MiB, in brackets those that are the process's own (anonymous).\n\n${table(columns, rows)}`;
  console.log(text);
  return text;
}

function size(window: number | undefined): string {
  if (window === undefined) return "the whole file, 1 GiB";
  return sizeOf(window);
}

function heading(present: readonly Peer[], missing: readonly string[]): string {
  const legend = present.map(({ name, about }) => `- **${name}**: ${about}`);
  if (missing.length > 0) legend.push(`- left out, not installed: ${missing.join(", ")}`);
  return `# Results

\`bun run bench\`, ${new Date().toISOString().slice(0, 10)}, Linux ${release()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model}; load average before it ${busy.map((one) => one.toFixed(2)).join(", ")}.

Random aligned windows of a cached file of 1 GiB in memory, ${CONNECTIONS} connections (4 for the whole file), ${rounds} rounds of ${seconds} s in which the servers take turns. Figures are medians, in brackets lowest and highest. With one worker the server has one processor and the load the other; with two, both share both. Ratios are taken round by round; above 1, rangesrv is ahead.

${legend.join("\n")}
`;
}

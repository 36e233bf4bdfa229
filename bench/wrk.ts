/** Closed-loop load with wrk: as many requests as the server answers. */

import { writeFileSync } from "node:fs";
import { processorTime } from "./processes.ts";

export interface Throughput {
  /** Requests a second. */
  readonly rate: number;
  /** Microseconds of processor time a request, of the whole process tree. */
  readonly processor: number;
  /** Milliseconds. */
  readonly p99: number;
}

export interface Load {
  readonly url: string;
  readonly pid: number;
  /** Bytes of the file. */
  readonly length: number;
  /** Bytes of a window; undefined asks for the whole file. */
  readonly window: number | undefined;
  readonly seconds: number;
  readonly connections: number;
  /** The processors that wrk may use, as taskset has them. */
  readonly processors: string;
  readonly scratch: string;
}

/** Runs wrk once. Throws when an answer was not what was asked for. */
export async function measure(load: Load): Promise<Throughput> {
  const script = `${load.scratch}/wrk.lua`;
  writeFileSync(script, load.window === undefined ? "" : lua(load.length, load.window));
  const before = processorTime(load.pid);
  const wrk = Bun.spawn(
    [
      ...["taskset", "-c", load.processors, "wrk", "--latency", "-t", "1"],
      ...["-c", String(load.connections), "-d", `${load.seconds}s`, "-s", script, load.url],
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  const [output] = await Promise.all([wrk.stdout.text(), wrk.exited]);
  const used = processorTime(load.pid) - before;
  const [, complete, taken, sent, unit = ""] =
    /(\d+) requests in ([\d.]+)s, ([\d.]+)(\wB) read/.exec(output) ?? [];
  // A whole file may take longer than the run: bytes tell how much of it was sent.
  const requests =
    load.window === undefined
      ? (Number(sent) * (UNITS[unit] ?? NaN)) / load.length
      : Number(complete);
  if (!(requests > 0) || output.includes("Non-2xx")) throw new Error(`wrk: ${output}`);
  const [, slow, scale = ""] = /99%\s+([\d.]+)([mu]?s)/.exec(output) ?? [];
  const p99 = Number(slow) * (MILLISECONDS[scale] ?? NaN);
  return { rate: requests / Number(taken), processor: (used * 1e6) / requests, p99 };
}

/** As wrk counts. */
const MILLISECONDS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3 };
const UNITS: Readonly<Record<string, number>> = { KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/** Aligned windows drawn at random. */
function lua(length: number, window: number): string {
  return `local windows = ${Math.floor(length / window)}
request = function()
  local first = math.random(0, windows - 1) * ${window}
  return wrk.format("GET", nil, { ["Range"] = "bytes=" .. first .. "-" .. (first + ${window} - 1) })
end
`;
}

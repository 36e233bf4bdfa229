/**
 * Where the processor time of a small answer goes: a ladder of programs, each doing
 * one thing more than the one before, between an answer of constant bytes, below
 * which no handler in this runtime gets, and rangesrv. `bun run bench` measures it.
 */

import { join } from "node:path";
import type { Peer } from "./peers.ts";
import { type Rung, RUNGS } from "./rung.ts";
import { type Place, start, stopAll } from "./servers.ts";
import { row, sizeOf, spread, table } from "./setup.ts";
import { measure } from "./wrk.ts";

const KIB = 1024;
const WINDOWS = [KIB, 64 * KIB];
/** Seconds of load before processor time is counted, and then while it is. */
const SECONDS = 1;

const STEPS: Readonly<Record<Rung, string>> = {
  constant: "a handler that answers constant bytes",
  fields: "+ status 206 and six fields",
  request: "+ reading method, URL and six fields of the request",
  stat: "+ `statSync` of the path",
  read: "+ `readSync` of the window asked for, into a reused buffer",
  fstat: "+ `fstatSync` afterwards",
};

/**
 * The section of the results; `compared` are the servers measured beside the ladder.
 * Two starts of one program differ by up to 2 µs a request, so each is started anew
 * `starts` times.
 */
export async function measureFloor(
  compared: readonly Peer[],
  place: Place,
  length: number,
  starts: number,
): Promise<string> {
  const names = [...RUNGS.map((rung) => STEPS[rung]), ...compared.map(({ name }) => name)];
  const columns: string[][] = [];
  for (const window of WINDOWS) {
    const entrants = [
      ...RUNGS.map((rung) => climber(rung, window, join(place.directory, "file"))),
      ...compared,
    ];
    const seen = entrants.map((): number[] => []);
    for (let round = 0; round < starts; round++) {
      for (const [n, entrant] of entrants.entries()) {
        const one = await start(entrant, place, 1, "0");
        const load = {
          url: `http://127.0.0.1:${one.port}/data/file`,
          pid: one.child.pid,
          length,
          window,
          connections: 32,
          processors: "1",
          scratch: place.scratch,
        };
        await measure({ ...load, seconds: SECONDS });
        seen[n]?.push((await measure({ ...load, seconds: SECONDS })).processor);
        await stopAll([one]);
      }
    }
    columns.push(seen.map((processor) => spread(processor, 1)));
  }
  const rows = names.map((name, n) => row(name, ...columns.map((column) => column[n] ?? "")));
  const text = `## Where the time goes

CPU µs per request. Each line of the ladder is a program that does what the line above does, and one thing more; they and the servers take turns on one processor, and each figure is from ${starts} starts, since two starts of one program differ. The first line is the runtime's floor: HTTP, the call of a handler, and copying the bytes twice, once into the response and once into the kernel, where nginx's sendfile copies none. rangesrv looks with statx(2) called directly, and so may stand below the line before it.

${table(["", ...WINDOWS.map(sizeOf)], rows)}`;
  console.log(text);
  return text;
}

function climber(rung: Rung, window: number, file: string): Peer {
  return {
    name: rung,
    about: STEPS[rung],
    needs: process.execPath,
    command: ({ port }) => [
      ...[process.execPath, join(import.meta.dir, "rung.ts")],
      ...[rung, String(window), file, String(port)],
    ],
  };
}

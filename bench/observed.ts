/**
 * What the request log and the metrics cost: one executable, or several, started with
 * different options, asked in turns for windows of 1 KiB. Compared is processor time a
 * request, from /proc/PID/task/…/schedstat, in many short slices: the ratio of two slices that
 * follow each other is steadier than either.
 *
 *     bun bench/observed.ts [--rounds N] [--size BYTES] NAME=EXECUTABLE[,OPTION...] ...
 *     bun bench/observed.ts off=dist/rangesrv,--log,off on=dist/rangesrv,--log,combined
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer } from "./peers.ts";
import { type Running, start, stopAll } from "./servers.ts";
import { row, spread, table, writeFile } from "./setup.ts";
import { measure } from "./wrk.ts";

const LENGTH = 64 * 1024 * 1024;
const SECONDS = 1;

const args = process.argv.slice(2);
const rounds = Number(option("--rounds") ?? 30);
const window = Number(option("--size") ?? 1024);
const shared = mkdtempSync("/dev/shm/observed-");
const scratch = mkdtempSync(join(tmpdir(), "observed-"));
writeFile(join(shared, "file"), LENGTH);

const servers: Running[] = [];
for (const variant of args)
  servers.push(await start(peerOf(variant), { directory: shared, scratch }, 1, "0"));
const spent = new Map(servers.map((server) => [server, [] as number[]]));
for (const server of servers) await slice(server);
for (let round = 0; round < rounds; round++) {
  for (const server of servers) spent.get(server)?.push(await slice(server));
}
await stopAll(servers);
for (const directory of [shared, scratch]) rmSync(directory, { recursive: true, force: true });
const [first = []] = spent.values();
const rows = [...spent].map(([{ peer }, times]) => {
  const ratios = times.map((time, n) => 100 * (time / (first[n] ?? NaN) - 1));
  return row(peer.name, spread(times, 2), spread(ratios, 1));
});
console.log(table(["variant", "µs a request", "more than the first, %"], rows));

function option(name: string): string | undefined {
  const at = args.indexOf(name);
  return at === -1 ? undefined : args.splice(at, 2)[1];
}

function peerOf(variant: string): Peer {
  const [name = "", command = ""] = variant.split(/=(.*)/s);
  const [executable = "", ...options] = command.split(",");
  return {
    ...{ name, about: "", needs: executable },
    command: ({ directory, port }) => [
      ...[executable, "--quiet", "--host", "127.0.0.1", "--port", String(port), "--no-seed"],
      ...[...options, directory],
    ],
  };
}

/** Microseconds of processor time a request. */
async function slice({ port, child }: Running): Promise<number> {
  const before = runTime(child.pid);
  const url = `http://127.0.0.1:${port}/data/file`;
  const load = { url, pid: child.pid, length: LENGTH, window, seconds: SECONDS, connections: 32 };
  const { rate } = await measure({ ...load, processors: "1", scratch });
  return (runTime(child.pid) - before) / 1000 / (rate * SECONDS);
}

/** Nanoseconds that the threads of a process have run. taskset became the server: it has its process. */
function runTime(pid: number): number {
  const times = readdirSync(`/proc/${pid}/task`).map((thread) => {
    const [run = "0"] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ");
    return Number(run);
  });
  return times.reduce((sum, time) => sum + time, 0);
}

/**
 * What a slow disk does to those who don't need it: `bun bench/cold.ts`.
 *
 * Some clients ask for random windows of a file that is on disk and not in memory,
 * while others ask, at a fixed rate, for one small file that is. The disk is slowed
 * to 100 reads a second for the server alone, as a spinning one would be (blkio
 * cgroup, so Linux and root).
 */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../deploy/build.ts";
import { measureLatencies } from "./open-loop.ts";
import { peers } from "./peers.ts";
import { freePort, row, table, writeFile } from "./setup.ts";

const MIB = 1024 * 1024;
const FILE = 1024 * MIB;
const READS_PER_SECOND = 100;
const READERS = 4;

const { values } = parseArgs({
  options: {
    directory: { type: "string", default: "/var/tmp" },
    seconds: { type: "string", default: "8" },
    servers: { type: "string", default: "rangesrv,nginx" },
  },
});

const directory = mkdtempSync(join(values.directory, "rangesrv-cold-"));
chmodSync(directory, 0o755);
const group = "/sys/fs/cgroup/blkio/rangesrv-cold";

try {
  const rows = await main();
  console.log(
    table(
      ["server", "workers", "window", "cold windows/s", "p50 ms", "p99 ms", "longest ms"],
      rows,
    ),
  );
} finally {
  await endGroup();
  rmSync(directory, { recursive: true, force: true });
  rmdirSync(group);
}
process.exit();

async function main(): Promise<string[]> {
  const executable = join(directory, "rangesrv");
  await build(executable);
  writeFile(join(directory, "cold"), FILE);
  writeFile(join(directory, "hot"), MIB);
  mkdirSync(group, { recursive: true });
  const { dev } = statSync(directory);
  writeFileSync(
    join(group, "blkio.throttle.read_iops_device"),
    `${dev >> 8}:${dev & 255} ${READS_PER_SECOND}`,
  );

  const rows: string[] = [];
  for (const peer of peers(executable).filter(({ name }) =>
    values.servers.split(",").includes(name),
  )) {
    for (const workers of [1, 2, 4]) {
      for (const window of [64 * 1024, 4 * MIB]) {
        const port = freePort();
        const place = { directory, scratch: join(directory, peer.name), port, workers };
        const inGroup = ["sh", "-c", `echo $$ > ${group}/tasks; exec "$@"`, "sh"];
        Bun.spawn([...inGroup, ...peer.command(place)], {
          stdio: ["ignore", "ignore", "ignore"],
        });
        while (!(await isThere(port)));
        await forget(join(directory, "cold"));

        let over = false;
        let answered = 0;
        const readers = Array.from({ length: READERS }, async (_, reader) => {
          for (let n = 1; !over; n++) {
            // Far apart, so that no read brings in another's bytes.
            const first = (((n * READERS + reader) * 7919) % (FILE / window)) * window;
            const headers = { range: `bytes=${first}-${first + window - 1}` };
            await (await fetch(`http://127.0.0.1:${port}/data/cold`, { headers })).arrayBuffer();
            answered += 1;
          }
        });
        const seconds = Number(values.seconds);
        const load = { port, target: "/data/hot", length: MIB, window: 1024, rate: 100, seconds };
        const { p50, p99, most } = await measureLatencies({ ...load, connections: 400 });
        const rate = (answered / seconds).toFixed(0);
        over = true;
        rows.push(
          row(
            peer.name,
            String(workers),
            `${window / 1024} KiB`,
            rate,
            ...[p50, p99, most].map((ms) => ms.toFixed(1)),
          ),
        );
        console.log(rows.at(-1));
        await endGroup();
        await Promise.allSettled(readers);
      }
    }
  }
  return rows;
}

/** Kills everything in the slowed group. */
async function endGroup(): Promise<void> {
  for (;;) {
    const members = readFileSync(join(group, "tasks"), "latin1").split("\n").filter(Boolean);
    if (members.length === 0) return;
    for (const pid of members) Bun.spawnSync(["kill", "-KILL", pid], { stderr: "ignore" });
    await Bun.sleep(20);
  }
}

/** Throws a file's pages out of memory. */
async function forget(path: string): Promise<void> {
  await Bun.spawn([
    "dd",
    `of=${path}`,
    "oflag=nocache",
    "conv=notrunc,fdatasync",
    "count=0",
    "status=none",
  ]).exited;
}

async function isThere(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/data/hot`);
    return (await response.arrayBuffer()).byteLength === MIB;
  } catch {
    return false;
  }
}

/**
 * What readers that stall cost in memory at worst, beside a formula for it:
 * `bun bench/memory.ts`, and a part of `bun run bench`.
 *
 * Usually the kernel's socket buffers take most of what a reader hasn't; here they
 * are as small as they get (tcp_wmem and tcp_rmem, in a network namespace of their
 * own), so that all that can wait in the process does. Linux and root.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../deploy/build.ts";
import { peers } from "./peers.ts";
import { memory } from "./processes.ts";
import { type Place, requestFor, stall, start, stopAll } from "./servers.ts";
import { row, sizeOf, table, writeFile } from "./setup.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// The formula, in bytes: BASE + idle connections * IDLE + readers * (READER + held).
const BASE = 60 * MIB;
const IDLE = KIB;
const READER = 8 * KIB;
/** The most of an answer that waits in the process, whatever its size. */
const MOST_HELD = 256 * KIB;
/** From here on the kernel sends the file's own pages, and nothing waits here. */
const SENT_BY_KERNEL = MIB;

/** What one kind of reader asks for, and how much of the answer is then held for it. */
interface Kind {
  readonly name: string;
  /** As a Range field has them; undefined asks for nothing. */
  readonly ranges: string | undefined;
  readonly held: number;
}

const ASKS_NOTHING: Kind = { name: "idle connections", ranges: undefined, held: 0 };

const CASES: readonly (readonly [readers: number, kind: Kind])[] = [
  [0, ASKS_NOTHING],
  [1000, ASKS_NOTHING],
  [1000, oneWindow(64 * KIB)],
  ...[300, 1000, 2000].map((readers) => [readers, oneWindow(256 * KIB)] as const),
  [1000, oneWindow(MIB - KIB)],
  [1000, oneWindow(MIB)],
  ...[300, 1000, 2000].map((readers) => [readers, oneWindow(4 * MIB)] as const),
  [500, parts(200, 2000)],
  [500, parts(2, MIB)],
  [1000, parts(2, MIB)],
];

/** Milliseconds until a server has sent what it can. */
const SETTLED = 1_500;

function oneWindow(bytes: number): Kind {
  const held = bytes < SENT_BY_KERNEL ? Math.min(bytes, MOST_HELD) : 0;
  return { name: `window of ${sizeOf(bytes)}`, ranges: `0-${bytes - 1}`, held };
}

/** A multipart answer, too large to be made at once. */
function parts(count: number, bytes: number): Kind {
  const ranges = Array.from({ length: count }, (_, n) => {
    const first = 2 * n * bytes;
    return `${first}-${first + bytes - 1}`;
  });
  return { name: `${count} parts of ${bytes} bytes`, ranges: ranges.join(","), held: MOST_HELD };
}

function predict(readers: number, { ranges, held }: Kind): number {
  return BASE + readers * (ranges === undefined ? IDLE : READER + held);
}

/** The section of the results. */
export async function measureMemory(executable: string, { directory }: Place): Promise<string> {
  const text = `## Memory at worst

Readers that never read, with socket buffers of 4 KiB, so that what can wait in the process does (\`bun bench/memory.ts\`). At most: ${BASE / MIB} MiB, ${IDLE / KIB} KiB for an idle connection and ${READER / KIB} KiB for a reader, and for a reader of a window below ${sizeOf(SENT_BY_KERNEL)} or of several parts what it asks for, up to ${sizeOf(MOST_HELD)}.

${await inNamespace(executable, directory)}`;
  console.log(text);
  return text;
}

async function inNamespace(executable: string, directory: string): Promise<string> {
  if (process.getuid?.() !== 0 || Bun.which("ip") === null) {
    return "Not measured: that takes root and ip(8), for a network namespace.\n";
  }
  const name = `rangesrv-${process.pid}`;
  const inside = ["ip", "netns", "exec", name];
  await run("ip", "netns", "add", name);
  try {
    await run(...inside, "ip", "link", "set", "lo", "up");
    for (const buffers of ["tcp_wmem", "tcp_rmem"]) {
      await run(...inside, "sysctl", "-qw", `net.ipv4.${buffers}=4096 4096 4096`);
    }
    const script = join(import.meta.dir, "memory.ts");
    return await run(...inside, process.execPath, script, "--inside", executable, directory);
  } finally {
    await run("ip", "netns", "del", name);
  }
}

/** Answers what the command printed. */
async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const [output, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}`);
  return output;
}

async function measureHere(executable: string, directory: string): Promise<string> {
  const rangesrv = peers(executable).find(({ name }) => name === "rangesrv");
  if (rangesrv === undefined) throw new Error("rangesrv is not among the servers");
  const rows: string[] = [];
  for (const [readers, kind] of CASES) {
    const one = await start(rangesrv, { directory, scratch: directory }, 1, "0,1");
    const request = kind.ranges === undefined ? "" : requestFor(kind.ranges);
    const sockets = await stall(one.port, readers, request);
    await Bun.sleep(SETTLED);
    const { resident } = memory(one.child.pid);
    for (const socket of sockets) socket.terminate();
    await stopAll([one]);
    const figures = [resident, predict(readers, kind)].map((bytes) => (bytes / MIB).toFixed(0));
    rows.push(row(kind.name, String(readers), ...figures));
  }
  return table(["each asks for", "readers", "resident MiB", "at most"], rows);
}

if (import.meta.main) {
  const [mode, executable = "", directory = ""] = process.argv.slice(2);
  if (mode === "--inside") process.stdout.write(await measureHere(executable, directory));
  else await alone();
  process.exit();
}

async function alone(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "rangesrv-memory-"));
  try {
    const built = join(directory, "rangesrv");
    await build(built);
    writeFile(join(directory, "file"), 16 * MIB);
    await measureMemory(built, { directory, scratch: directory });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * What every test of hostile input ends with: the executable that was attacked still
 * runs, answers an ordinary request at once, and takes no more memory than before.
 */

import { readdirSync, readFileSync } from "node:fs";
import { errorCode } from "../../os/error-code.ts";
import type { Running } from "../binary.ts";
import { ask } from "../wire.ts";

/** Milliseconds within which an ordinary request is answered. */
const AT_ONCE = 100;
/** Ordinary requests that are timed: the machine may be busy with other tests during some. */
const TRIES = 10;
/** MiB that processes may grow by: the garbage collector takes its time. */
const SLACK = 64;
/** MiB that a process takes which was started meanwhile, such as the one that hashes. */
const STARTED = 64;

/** What is seen of a server after an attack. Compare it with {@link UNHARMED}. */
export interface Seen {
  /** Whether the process that was started still runs. */
  readonly runs: boolean;
  /** Status of an ordinary request, and whether it was answered within 100 ms. */
  readonly status: number;
  readonly atOnce: boolean;
  /** MiB above what its processes took before the attack; 0 up to the slack. */
  readonly grown: number;
}

export const UNHARMED: Seen = { runs: true, status: 200, atOnce: true, grown: 0 };

/**
 * Attacks a server, which has a small file at `path` below its prefix, and looks at it
 * afterwards. `slack`: MiB that it may grow by.
 */
export async function withstand(
  running: Running,
  path: string,
  attack: () => Promise<void>,
  slack = SLACK,
): Promise<Seen> {
  // What is made once is made before it counts.
  const url = `${running.origin}/data/${path}`;
  for (let n = 0; n < TRIES; n++) await get(url);
  const before = residentMiB(running.process.pid);
  await attack();
  const { status, milliseconds } = await fastest(url);
  const { exitCode, signalCode } = running.process;
  const grown = growth(before, residentMiB(running.process.pid));
  return {
    runs: exitCode === null && signalCode === null,
    status,
    atOnce: milliseconds <= AT_ONCE,
    grown: grown <= slack ? 0 : Math.round(grown),
  };
}

/** Status of an answer on a connection of its own. */
async function get(url: string): Promise<number> {
  const { protocol, port, pathname, search } = new URL(url);
  if (protocol === "http:") return (await ask(Number(port), "GET", pathname + search)).status;
  const tls = { rejectUnauthorized: false };
  const { status } = await fetch(url, { tls, keepalive: false });
  return status;
}

async function fastest(url: string) {
  let best = { status: 0, milliseconds: Infinity };
  for (let n = 0; n < TRIES; n++) {
    const began = performance.now();
    const status = await get(url);
    const milliseconds = performance.now() - began;
    if (milliseconds < best.milliseconds) best = { status, milliseconds };
  }
  return best;
}

/** Of a process and those that it started; they may end meanwhile. */
export function processesOf(pid: number): number[] {
  const tasks = unlessGone(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const children = tasks.flatMap(
    (task) =>
      unlessGone(() => readFileSync(`/proc/${pid}/task/${task}/children`, "latin1"))?.split(" ") ??
      [],
  );
  const found = children.filter((child) => child !== "").map(Number);
  return [pid, ...found.flatMap(processesOf)];
}

/** Seconds of processor time that a process, without those that it started, has used. */
export function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const [, , , , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(user) + Number(system)) / 100;
}

/** Of a process and those that it started, by their numbers. */
function residentMiB(pid: number): Map<number, number> {
  const resident = processesOf(pid).map((one): [number, number] => {
    const statm = unlessGone(() => readFileSync(`/proc/${one}/statm`, "latin1"));
    return [one, (Number(statm?.split(" ")[1] ?? 0) * 4096) / 1024 ** 2];
  });
  return new Map(resident);
}

/** MiB by which processes have grown. */
function growth(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...after].reduce((sum, [pid, now]) => {
    const old = before.get(pid);
    return sum + (old === undefined ? Math.max(0, now - STARTED) : now - old);
  }, 0);
}

/** What is read of a process, unless it has ended. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

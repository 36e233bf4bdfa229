/**
 * Load on a running server, and what it leaves behind: downloads given up half-way,
 * readers that stall, requests for files that change. For soak.test.ts and
 * bench/soak.ts; reads /proc, so Linux only.
 */

import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { errorCode } from "../os/error-code.ts";
import { Changing, randomNumbers, versionBytes } from "./changing.ts";
import { writeSettled } from "./site.ts";
import { ask, Wire, type WireResponse } from "./wire.ts";

/** A server under load: its process, and the directory that it serves below /data/. */
export interface Loaded {
  readonly port: number;
  readonly pid: number;
  readonly directory: string;
}

/** How many times each thing was seen. */
export type Tally = Record<string, number>;

/** What one load did, and the server before it, at its heaviest and afterwards. */
export interface Phase {
  readonly answers: Tally;
  /** Open descriptors. */
  readonly descriptors: readonly [before: number, during: number, after: number];
  /** Resident memory, MiB; `peak` is the most it ever was meanwhile. */
  readonly memory: readonly [before: number, peak: number, after: number];
  /** Seconds: of the load, and until no descriptor was left of it. */
  readonly seconds: readonly [load: number, settling: number];
}

/** A load: does what it does and calls `look` once, when it weighs most. */
export type Load = (server: Loaded, look: () => void) => Promise<Tally>;

/** Bytes; far more than the sockets of a stalled reader hold. */
const LARGE = 32 * 1024 * 1024;
const CONTENT = versionBytes(1, 0, LARGE);
/** Bytes; the most that a server reads before it answers is one more. */
const SMALL = 256 * 1024 - 1;
/** Connections that one load keeps busy at the same time. */
const AT_ONCE = 16;
/** Milliseconds until a descriptor that is still open counts as lost; a file is remembered for up to 20 s. */
const LOST = 30_000;

/** One load after the other. */
export function inTurn(...loads: readonly Load[]): Load {
  return async (server, look) => {
    const answers: Tally = {};
    for (const load of loads) {
      for (const [seen, count] of Object.entries(await load(server, look)))
        add(answers, seen, count);
    }
    return answers;
  };
}

/** One request of each kind, so that whatever stays open for good is open. */
export async function prepare(server: Loaded): Promise<void> {
  await observe(server, inTurn(...KINDS.map((kind) => abortDownloads(1, kind))));
}

/** Runs one load and looks at the server. The large file is there meanwhile, and only then. */
export async function observe(server: Loaded, load: Load): Promise<Phase> {
  const { pid, port, directory } = server;
  const large = join(directory, "large");
  using wire = await Wire.connect(port);
  await askHead(wire);
  const [before, memoryBefore] = [openDescriptors(pid), memoryOf(pid, "VmRSS")];
  // Linux: the peak counts from here.
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  writeSettled(large, CONTENT);
  let during = before;
  const started = performance.now();
  const answers = await load(server, () => (during = openDescriptors(pid)));
  const ended = performance.now();
  unlinkSync(large);
  let after: number;
  do {
    // Asking for what is gone lets the server forget it.
    await askHead(wire);
    after = openDescriptors(pid);
  } while (after > before && performance.now() < ended + LOST);
  const memory = [memoryBefore, memoryOf(pid, "VmHWM"), memoryOf(pid, "VmRSS")] as const;
  const seconds = [(ended - started) / 1000, (performance.now() - ended) / 1000] as const;
  return { answers, descriptors: [before, during, after], memory, seconds };
}

async function askHead(wire: Wire): Promise<void> {
  wire.request("HEAD", "/data/large");
  await wire.response("HEAD");
}

/** But for the netlink socket, which the server opens when it first needs it, and keeps. */
function openDescriptors(pid: number): number {
  const rows = readFileSync(`/proc/${pid}/net/netlink`, "latin1").trim().split("\n").slice(1);
  const netlink = new Set(rows.map((row) => `socket:[${row.trim().split(/\s+/).at(-1)}]`));
  const directory = `/proc/${pid}/fd`;
  const links = readdirSync(directory).map((name) => linkOf(join(directory, name)));
  return links.filter((link) => link !== undefined && !netlink.has(link)).length;
}

/** Where a descriptor of another process leads; undefined when it was closed meanwhile. */
export function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024);
}

/** The three ways in which bytes are sent. */
export type Kind = "window" | "small windows" | "parts";

export const KINDS: readonly Kind[] = ["window", "small windows", "parts"];

const RANGES: Readonly<Record<Kind, string>> = {
  window: `bytes=16-${LARGE - 1}`,
  "small windows": `bytes=16-${SMALL + 15}`,
  parts: `bytes=16-${LARGE / 2 - 17},${LARGE / 2}-${LARGE - 1}`,
};

/** So many small windows are asked for at once that no socket holds them. */
const REQUESTS: Readonly<Record<Kind, number>> = { window: 1, "small windows": 8, parts: 1 };

/** Downloads of which each is given up after 4 MiB, or 1 MiB of small windows. */
export function abortDownloads(count: number, kind: Kind): Load {
  const bytes = kind === "small windows" ? 1024 * 1024 : 4 * 1024 * 1024;
  return async ({ port }, look) => {
    const answers: Tally = {};
    let left = count;
    async function lane(): Promise<void> {
      while (left-- > 0) {
        add(answers, await takeSome(port, kind, bytes));
        if (left === Math.floor(count / 2)) look();
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return answers;
  };
}

/** Asks for something large, takes some bytes of it and hangs up; answers the status. */
async function takeSome(port: number, kind: Kind, bytes: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = `GET /data/large HTTP/1.1\r\nHost: test\r\nRange: ${RANGES[kind]}\r\n\r\n`;
  let [taken, status] = [0, ""];
  await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(request.repeat(REQUESTS[kind])),
      data(socket, chunk) {
        if (taken === 0) status = Buffer.from(chunk.subarray(9, 12)).toString("latin1");
        taken += chunk.length;
        if (taken >= bytes) socket.terminate();
      },
      close: () => resolve(taken >= bytes ? status : `${status} cut`),
      error: () => resolve("failed"),
    },
  });
  return await promise;
}

/** Readers that all take the first bytes and stop. In the end one of them goes on and gets its all. */
export function stallReaders(count: number, kind: Kind): Load {
  return async ({ port }, look) => {
    const answers: Tally = {};
    const readers = await Promise.all(Array.from({ length: count }, () => Wire.connect(port)));
    try {
      await Promise.all(
        readers.map(async (reader) => {
          for (let i = 0; i < REQUESTS[kind]; i++)
            reader.request("GET", "/data/large", { Range: RANGES[kind] });
          await reader.waitFor(1);
          reader.pause();
        }),
      );
      look();
      const [patient] = readers;
      patient?.resume();
      for (let i = 0; i < REQUESTS[kind] && patient !== undefined; i++) {
        const answer = await patient.response();
        add(answers, kind === "parts" ? judgeParts(answer) : judgeWindow(answer));
      }
      add(answers, "stalled", count - 1);
    } finally {
      for (const reader of readers) reader[Symbol.dispose]();
    }
    return answers;
  };
}

function judgeWindow({ status, fields, body }: WireResponse): string {
  const [, first = "", last = ""] =
    /^bytes (\d+)-(\d+)\//.exec(fields["content-range"] ?? "") ?? [];
  const right = body.equals(CONTENT.subarray(Number(first), Number(last) + 1));
  return right ? `${status}` : `${status} wrong`;
}

/** Both parts have their bytes, wherever the lines between them end. */
function judgeParts({ status, body, complete }: WireResponse): string {
  const half = LARGE / 2;
  const first = body.indexOf("\r\n\r\n") + 4;
  const second = body.indexOf("\r\n\r\n", first + half - 32) + 4;
  const right =
    body.subarray(first, first + half - 32).equals(CONTENT.subarray(16, half - 16)) &&
    body.subarray(second, second + half).equals(CONTENT.subarray(half));
  return right && complete ? `${status}` : `${status} wrong`;
}

/**
 * Requests for changing files, each change and each request as soon as it can be.
 * In the end the files are deleted and asked for once more, or left as they are.
 */
export function requestChanging(count: number, end: "delete" | "leave"): Load {
  return async ({ port, directory }, look) => {
    const answers: Tally = {};
    const changing = new Changing(mkdtempSync(join(directory, "changing-")), randomNumbers(count));
    let left = count;
    async function lane(): Promise<void> {
      let wire = await Wire.connect(port);
      while (left-- > 0) {
        changing.change();
        const asked = changing.ask();
        wire.request("GET", asked.target, asked.fields);
        const answer = await wire.response();
        add(answers, changing.judge(asked, answer));
        if (left === Math.floor(count / 2)) look();
        if (answer.complete && !Number.isNaN(answer.status)) continue;
        wire[Symbol.dispose]();
        wire = await Wire.connect(port);
      }
      wire[Symbol.dispose]();
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    if (end === "leave") return answers;
    for (const target of changing.remove())
      add(answers, `${(await ask(port, "GET", target)).status} of deleted`);
    return answers;
  };
}

function add(tally: Tally, seen: string, count = 1): void {
  tally[seen] = (tally[seen] ?? 0) + count;
}

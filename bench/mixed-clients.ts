/**
 * The clients of bench/mixed.ts: each asks over TLS for whole files, windows, parts, headers
 * and what isn't there, gives up some answers half-way, checks every byte and counts what it
 * was answered. A connection that ends without an answer, or inside one, is counted apart,
 * and the client goes on with another connection.
 */

import { join } from "node:path";
import { Wire, type WireResponse } from "../test/wire.ts";
import { type File, FILES, type Tree } from "./mixed-tree.ts";

/** Requests on one connection. */
const ON_ONE = 40;

/** What all clients were answered. */
export class Counts {
  /** By `METHOD STATUS`. */
  readonly answers = new Map<string, number>();
  /** Bytes of bodies that came whole. */
  bytes = 0;
  /** Answers given up; their bytes that came, and those that were on offer. */
  givenUp = 0;
  givenUpBytes = 0;
  givenUpOwed = 0;
  /** Requests that got no status, and answers cut short, with their bytes that came. */
  unanswered = 0;
  cut = 0;
  cutBytes = 0;
  /** Requests without a status, or cut, when no worker was killed within a second. */
  unexplained = 0;
  readonly wrong: string[] = [];

  answered(method: string, status: number): void {
    const key = `${method} ${status}`;
    this.answers.set(key, (this.answers.get(key) ?? 0) + 1);
  }
}

/** What the clients share. */
export interface Load {
  readonly port: number;
  readonly tree: Tree;
  readonly counts: Counts;
  readonly random: () => number;
  /** Whether they are to stop. */
  readonly isOver: () => boolean;
  /** Whether a worker was killed a moment ago. */
  readonly isKilling: () => boolean;
}

interface Asked {
  readonly method: "GET" | "HEAD";
  readonly file: File | undefined;
  readonly fields: Record<string, string>;
  /** The share of the body after which the client hangs up; a small body is there as a whole by then. */
  readonly until: number | undefined;
}

/** One client at an address of its own, until it is over. */
export async function runClient(load: Load, from: string): Promise<void> {
  while (!load.isOver()) {
    // While a worker starts in the place of a killed one, nothing may listen.
    const wire = await Wire.connect(load.port, "127.0.0.1", from, true).catch(() => undefined);
    if (wire === undefined) await Bun.sleep(20);
    using _ = wire;
    for (let n = 0; wire !== undefined && n < ON_ONE && !load.isOver(); n++)
      if (!(await askOnce(load, wire, pick(load)))) break;
  }
}

function pick({ random, tree }: Load): Asked {
  const file = FILES[Math.floor(random() * FILES.length)]!;
  const size = tree.sizeOf(file);
  const first = Math.floor(random() * size * 0.9);
  const range = { Range: `bytes=${first}-${first + Math.floor(random() * size * 0.3)}` };
  const [kind, until] = [random(), 0.1 + 0.7 * random()];
  if (kind < 0.05) return { method: "HEAD", file, fields: {}, until: undefined };
  if (kind < 0.08) return { method: "GET", file: undefined, fields: {}, until: undefined };
  if (kind < 0.1)
    return { method: "GET", file, fields: { Range: `bytes=${2 ** 40}-` }, until: undefined };
  if (kind < 0.15)
    return { method: "GET", file, fields: { Range: "bytes=16-4000,8000-30000" }, until: undefined };
  if (kind < 0.25) return { method: "GET", file, fields: {}, until: undefined };
  if (kind < 0.35) return { method: "GET", file, fields: kind < 0.3 ? {} : range, until };
  return { method: "GET", file, fields: range, until: undefined };
}

/** Asks, checks and counts; answers whether the connection can be used again. */
async function askOnce(load: Load, wire: Wire, asked: Asked): Promise<boolean> {
  const { counts, tree } = load;
  const { method, file, fields, until } = asked;
  const least = file === undefined ? 0 : tree.latest(file);
  wire.request(method, `/data/${file?.name ?? "nowhere"}`, fields);
  const answer = await (until === undefined ? wire.response(method) : takeSome(wire, until));
  const { status, body, complete } = answer;
  if (Number.isNaN(status)) {
    counts.unanswered++;
    if (!load.isKilling()) counts.unexplained++;
    return false;
  }
  counts.answered(method, status);
  const isBytes = method === "GET" && (status === 200 || status === 206) && file !== undefined;
  const fault = isBytes ? tree.judge(file, answer, body, least) : undefined;
  if (fault !== undefined)
    counts.wrong.push(`${method} ${file?.name} ${fields["Range"]}: ${fault}`);
  const owed = Number(answer.fields["content-length"] ?? 0);
  if (complete) {
    counts.bytes += body.length;
    return until === undefined && answer.fields["connection"] !== "close";
  }
  if (until !== undefined && body.length >= Math.floor(until * owed)) {
    counts.givenUp++;
    counts.givenUpBytes += body.length;
    counts.givenUpOwed += owed;
    return false;
  }
  counts.cut++;
  counts.cutBytes += body.length;
  if (!load.isKilling()) counts.unexplained++;
  return false;
}

/** Reads a share of an answer's body and hangs up. */
async function takeSome(wire: Wire, share: number): Promise<WireResponse> {
  const head = await wire.readTo("\r\n\r\n");
  const status = Number(head.split(" ")[1]);
  const lines = head.split("\r\n").map((line) => line.split(/: (.*)/s));
  const fields = Object.fromEntries(
    lines.map(([name = "", value = ""]) => [name.toLowerCase(), value]),
  );
  const owed = Number(fields["content-length"] ?? 0);
  await wire.waitFor(Math.ceil(owed * share));
  wire[Symbol.dispose]();
  const body = await wire.untilClosed();
  return { status, fields, body, complete: head !== "" && body.length === owed };
}

/** curl, again and again: a window of a large file. */
export async function runCurl(load: Load, scratch: string): Promise<void> {
  const { counts, tree, random } = load;
  const file = FILES[3]!;
  const path = join(scratch, "curl");
  while (!load.isOver()) {
    const first = Math.floor(random() * file.largest * 0.9);
    const last = first + Math.floor(random() * 1e6);
    const range = `bytes ${first}-${Math.min(last, file.largest - 1)}/${file.largest}`;
    const url = `https://127.0.0.1:${load.port}/data/${file.name}`;
    const options = ["-sk", "-r", `${first}-${last}`, "-o", path, "-w", "%{http_code}"];
    const curl = Bun.spawn(["curl", ...options, url], { stdout: "pipe" });
    const [status, exitCode] = await Promise.all([curl.stdout.text(), curl.exited]);
    if (status === "000") counts.unanswered++;
    else counts.answered("GET", Number(status));
    if (exitCode !== 0 && !load.isKilling()) counts.unexplained++;
    if (status !== "206") continue;
    const body = Buffer.from(await Bun.file(path).arrayBuffer());
    if (exitCode === 0) counts.bytes += body.length;
    else {
      counts.cut++;
      counts.cutBytes += body.length;
    }
    const answer = { status: 206, fields: { "content-range": range }, body, complete: true };
    const fault = tree.judge(file, answer, body, 0);
    if (fault !== undefined) counts.wrong.push(`curl ${range}: ${fault}`);
    await Bun.sleep(500);
  }
}

/**
 * One race: programs on their hosts start together, and each finishes with its file.
 *
 * A runner waits for a line on its standard input, downloads, and prints the
 * SHA-256 of its file as the first word of a line. Its time ends there.
 */

import { closeSync, openSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { type Host, inHost, type Network } from "./network.ts";

export interface Runner {
  readonly host: Host;
  readonly command: readonly string[];
  /** It says "ready" before it waits; else it waits as soon as it runs. */
  readonly ready?: boolean;
}

/** Where a race is held, and by which rules. */
export interface Course {
  readonly network: Network;
  readonly programs: Programs;
  /** SHA-256 of the file, hexadecimal. */
  readonly digest: string;
  /** Milliseconds after which a race ends, whoever is missing. */
  readonly limit: number;
  /** Seconds to wait for the machine to be idle. */
  readonly patience: number;
  /** Where hosts write, empty at first; their programs' home. */
  readonly scratch: string;
}

/** What one race showed; times in milliseconds from the start, bytes as sent on the links. */
export interface Race {
  /** When each runner had the whole file, by time; fewer than runners when some never had it. */
  readonly finishes: readonly number[];
  readonly time: number;
  readonly originSent: number;
  /** Bytes that the origin had sent, every `SAMPLE` milliseconds. */
  readonly originSeries: readonly number[];
  /** Bytes that each other host has sent. */
  readonly sent: readonly number[];
  /** 0 to 1, of all processors: on average, and in the busiest second. */
  readonly processor: number;
  readonly processorMost: number;
}

/** Milliseconds. */
export const SAMPLE = 250;

/** The programs of one race. Its end also ends the programs that these have started. */
export class Programs implements Disposable {
  readonly #network: Network;
  readonly #log: number;

  /** Errors go to the file `log`. */
  constructor(network: Network, log: string) {
    this.#network = network;
    this.#log = openSync(log, "a");
  }

  /** A program that runs through the race. */
  start(host: Host, command: readonly string[], home: string): void {
    Bun.spawn(inHost(host, command), {
      stdio: ["ignore", this.#log, this.#log],
      env: { ...process.env, HOME: home },
    });
  }

  runner({ host, command }: Runner, home: string): Bun.Subprocess<"pipe", "pipe", number> {
    return Bun.spawn(inHost(host, command), {
      stdio: ["pipe", "pipe", this.#log],
      env: { ...process.env, HOME: home },
    });
  }

  [Symbol.dispose](): void {
    this.#network.quiet();
    closeSync(this.#log);
  }
}

/** A shell that waits for the start before it runs a command, and for its end before it checks. */
export function whenStarted(command: readonly string[], then = ""): string[] {
  return ["sh", "-c", `read -r line; "$@"${then}`, "sh", ...command];
}

/**
 * Runs a race to its end, or to its limit.
 *
 * @throws when a runner has a file of another digest
 */
export async function race(course: Course, runners: readonly Runner[]): Promise<Race> {
  const { network, programs, digest, limit, patience, scratch } = course;
  const running = runners.map((runner) => {
    const child = programs.runner(runner, scratch);
    return { runner, child, lines: linesOf(child.stdout) };
  });
  for (const { runner, lines } of running) if (runner.ready) await lines.next();
  // The shells have nothing to say; they have long begun when the machine is idle.
  await idle(patience);

  const before = network.count();
  const meter = new Meter(network);
  const began = performance.now();
  for (const { child } of running) {
    child.stdin.write("\n");
    child.stdin.flush();
  }
  const finishes: number[] = [];
  const all = running.map(async ({ lines }) => {
    const line = (await lines.next()).value;
    if (line === undefined) return;
    if (line.split(" ")[0] !== digest) throw new Error(`Not the file: "${line}"`);
    finishes.push(performance.now() - began);
  });
  await Promise.race([Promise.all(all), Bun.sleep(limit)]);
  const time = performance.now() - began;
  const metered = meter.end();
  const sent = network.count().map((now, n) => now.sent - (before[n]?.sent ?? 0));
  return {
    finishes: finishes.map(Math.round),
    time: Math.round(time),
    originSent: sent[0] ?? 0,
    sent: sent.slice(1, runners.length + 1),
    ...metered,
  };
}

/** Samples that are taken while a race runs. */
class Meter {
  readonly #network: Network;
  readonly #origin: number;
  readonly #series: number[] = [];
  readonly #ticks: Ticks[] = [readTicks()];
  readonly #timer: Timer;

  constructor(network: Network) {
    this.#network = network;
    this.#origin = network.count()[0]?.sent ?? 0;
    this.#timer = setInterval(() => this.#look(), SAMPLE);
  }

  end(): Pick<Race, "originSeries" | "processor" | "processorMost"> {
    clearInterval(this.#timer);
    this.#look();
    const [first] = this.#ticks;
    const last = this.#ticks.at(-1);
    const second = 1000 / SAMPLE;
    const seconds = this.#ticks.flatMap((from, n) => {
      const to = this.#ticks[n + second];
      return to === undefined ? [] : [use(from, to)];
    });
    const processor = first === undefined || last === undefined ? NaN : use(first, last);
    return {
      originSeries: this.#series,
      processor,
      processorMost: Math.max(processor, ...seconds),
    };
  }

  #look(): void {
    this.#series.push((this.#network.count()[0]?.sent ?? 0) - this.#origin);
    this.#ticks.push(readTicks());
  }
}

/** Until the machine has nothing else to do for half a second; for so many seconds at most. */
async function idle(patience: number): Promise<void> {
  for (let tries = 0; tries < 2 * patience; tries++) {
    const from = readTicks();
    await Bun.sleep(500);
    if (use(from, readTicks()) < 0.15) return;
  }
  console.log("The machine is busy with something else: this race may be slower for it");
}

/** Hundredths of a second, of all processors together. */
interface Ticks {
  readonly idle: number;
  readonly at: number;
}

function readTicks(): Ticks {
  const fields = readFileSync("/proc/stat", "latin1").split("\n")[0]?.split(/\s+/) ?? [];
  return { idle: Number(fields[4]) + Number(fields[5]), at: performance.now() };
}

function use(from: Ticks, to: Ticks): number {
  const idle = (to.idle - from.idle) * 10;
  return Math.max(0, 1 - idle / ((to.at - from.at) * cpus().length));
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

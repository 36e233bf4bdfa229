/**
 * The request log: a line on stdout for each request when it has ended. Lines are made some
 * at a time, and written every 100 ms or 64 KiB. The program never waits for the reader: while
 * stdout is a pipe that nobody reads, up to 1 MiB of lines waits, then lines are lost and
 * counted, and a line on stderr says how many when stdout takes some again. A full disk and a
 * closed pipe lose lines, too.
 */

import type { Transfer } from "../files/transfer.ts";
import type { TransferObserver, Transfers } from "../files/transfers.ts";
import { errorCode } from "../os/error-code.ts";
import { type Formatter, formatterOf, type LogFormat } from "./log-line.ts";
import { type Log, log } from "./log.ts";
import type { Options } from "./option-table.ts";

/** Milliseconds, and characters: when the lines so far are written. */
const WRITE_EVERY = 100;
const WRITE_AT = 64 * 1024;

/** Characters that wait at most. */
const MOST_WAITING = 1024 * 1024;

/** Bytes that a pipe takes whole (PIPE_BUF): lines of processes that share it don't mix. */
const WHOLE = 4096;

/**
 * Lines that are made in a row: after the first, what makes them is in the processor's caches.
 * More than these gain nothing, and keep more transfers alive.
 */
const IN_A_ROW = 32;

/** Why lines are lost. */
const UNREAD = "stdout was not read";

/** Milliseconds between two lines about lost lines. */
const TELL_EVERY = 10_000;

/** Milliseconds that the end of the process waits for a slow reader, and between two looks. */
const LAST_WRITES = 1_000;
const LOOK_EVERY = 5;

/** Takes a text, and calls `taken` once it is written, or with why it wasn't. */
export type Stream = (text: string, taken: (error?: Error | null) => void) => void;

export interface RequestLogOptions {
  readonly format: LogFormat;
  readonly stream: Stream;
  /** Whether other processes write to the same stream. */
  readonly shared: boolean;
  readonly log: Log;
}

export class RequestLog implements TransferObserver {
  readonly #options: RequestLogOptions;
  readonly #format: Formatter;
  /** Transfers that are to get lines. */
  #ended: Transfer[] = [];
  /** Lines since the last write, and those before that the stream is still to be given. */
  #text = "";
  #ready = "";
  /** Characters that the stream has been given, and not taken. */
  #given = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lost = 0;
  /** Of them, those that no line on stderr has told of, and when it may: in milliseconds. */
  #untold = 0;
  #tellAt = 0;
  #why = "";
  #closed = false;

  constructor(options: RequestLogOptions) {
    this.#options = options;
    this.#format = formatterOf(options.format, process.pid);
  }

  /** Lines that were lost so far. */
  get lost(): number {
    this.#makeLines();
    return this.#lost;
  }

  ended(transfer: Transfer): void {
    if (this.#isFull) return this.#lose(1, UNREAD);
    transfer.remember();
    this.#ended.push(transfer);
    if (this.#ended.length === IN_A_ROW) {
      this.#makeLines();
      if (this.#text.length >= WRITE_AT) this.#write();
    }
    this.#timer ??= setTimeout(() => this.#onTime(), WRITE_EVERY).unref();
  }

  get #isFull(): boolean {
    return this.#closed || this.#text.length + this.#ready.length >= MOST_WAITING;
  }

  #makeLines(): void {
    for (const transfer of this.#ended) {
      if (this.#isFull) this.#lose(1, UNREAD);
      else this.#text += this.#format(transfer);
    }
    this.#ended = [];
  }

  /** Resolves when all lines so far are written, or after a while: the process is about to end. */
  async written(): Promise<void> {
    const limit = performance.now() + LAST_WRITES;
    while (this.#isWaiting && performance.now() < limit) {
      this.#makeLines();
      this.#write();
      await Bun.sleep(LOOK_EVERY);
    }
  }

  get #isWaiting(): boolean {
    return this.#ended.length + this.#given + this.#ready.length + this.#text.length > 0;
  }

  /** Gives the stream all that waits, without waiting for it: the process is about to end. */
  flush(): void {
    this.#makeLines();
    while (this.#ready !== "" || this.#text !== "") this.#give();
  }

  #onTime(): void {
    this.#timer = undefined;
    this.#makeLines();
    this.#write();
  }

  #write(): void {
    if (this.#given === 0 && (this.#ready !== "" || this.#text !== "")) this.#give();
  }

  #give(): void {
    if (this.#ready === "") {
      this.#ready = this.#text;
      this.#text = "";
    }
    const text = wholeLines(this.#ready, this.#options.shared ? WHOLE : WRITE_AT);
    this.#ready = this.#ready.slice(text.length);
    this.#given += text.length;
    this.#options.stream(text, (error) => {
      this.#given -= text.length;
      if (error) this.#fail(text, error);
      else this.#tellLost();
      if (this.#ready !== "" || this.#text.length >= WRITE_AT) this.#write();
    });
  }

  #fail(text: string, error: Error): void {
    const code = errorCode(error) ?? error.message;
    this.#lose(text.split("\n").length - 1, `stdout: ${code}`);
    if (code !== "EPIPE" || this.#closed) return;
    this.#makeLines();
    this.#closed = true;
    this.#lose((this.#ready + this.#text).split("\n").length - 1, "stdout: EPIPE");
    this.#ready = "";
    this.#text = "";
    this.#options.log("stdout is closed: requests are no longer logged");
  }

  #lose(lines: number, why: string): void {
    this.#lost += lines;
    this.#untold += lines;
    this.#why = why;
  }

  #tellLost(): void {
    const now = performance.now();
    if (this.#untold === 0 || now < this.#tellAt) return;
    this.#options.log(`${this.#untold} lines of the request log were lost: ${this.#why}`);
    this.#untold = 0;
    this.#tellAt = now + TELL_EVERY;
  }
}

/** The first lines of `text`, as many as `longest` characters hold, and at least one. */
export function wholeLines(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const end = text.lastIndexOf("\n", longest - 1);
  return text.slice(0, (end === -1 ? text.indexOf("\n") : end) + 1);
}

/**
 * Logs the requests of this process on stdout, unless the operator doesn't want it. At the
 * end of the process, what still goes on ends, and all that waits is written.
 */
export function keepRequestLog(
  transfers: Transfers,
  { log: wanted, quiet }: Pick<Options, "log" | "quiet">,
  shared: boolean,
): RequestLog | undefined {
  const format = wanted ?? (quiet ? "off" : "combined");
  const requestLog =
    format === "off" ? undefined : new RequestLog({ format, stream: openStdout(), shared, log });
  if (requestLog !== undefined) transfers.observe(requestLog);
  process.on("exit", () => {
    transfers.endAll();
    requestLog?.flush();
  });
  return requestLog;
}

/**
 * The process's stdout. Opening it takes milliseconds and a descriptor, so that is done before there are
 * requests. Its errors are those that `taken` is called with.
 */
function openStdout(): Stream {
  const stdout = process.stdout.on("error", () => {});
  return (text, taken) => void stdout.write(text, taken);
}

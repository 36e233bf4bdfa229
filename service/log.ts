/**
 * Lines for the operator, on stderr. systemd and containers add the time. Lines hold names
 * from strangers and from the disk, so control and invisible characters are escaped. When
 * stderr is a full disk, a closed pipe or a pipe that nobody reads, lines are lost and the
 * program goes on.
 */

import { MISTAKE } from "../os/exit-code.ts";
import { reloads } from "./reload.ts";

export type Log = (line: string) => void;

/** Writes one line, also when `line` has line breaks in it. */
export const log: Log = (line) => print(`rangesrv: ${escapeUnprintable(line)}\n`);

/** Writes lines about normal events, unless `quiet`. SIGHUP can change that. */
export function logEvents(quiet: boolean): Log {
  let isQuiet = quiet;
  reloads.on((options) => () => (isQuiet = options.quiet));
  return (line) => {
    if (!isQuiet) log(line);
  };
}

/** Writes to stderr without escaping: the banner, and a progress bar that is redrawn on a terminal. */
export function print(text: string): void {
  stderr.write(text);
}

/** Writes to stdout what the operator asked for. Exit code 1 when that fails. */
export function printAnswer(text: string): void {
  process.stdout.on("error", () => (process.exitCode = 1));
  process.stdout.write(text);
}

/** Ends the program over an operator's mistake: one line, exit code 2. */
export function fail(reason: string): never {
  log(reason);
  process.exit(MISTAKE);
}

/** Control and format characters (escape sequences, writing directions), line separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** An escape character between `a` and `[` gives `a\x1b[`. */
export function escapeUnprintable(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => SHORT[character] ?? escaped(character));
}

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
}

/** Characters that wait at most for a pipe to be read. */
const MOST_WAITING = 256 * 1024;

/** Writes text to a stream that may be read slowly or never: beyond a bound, text is dropped and counted. */
export class Bounded {
  #waiting = 0;
  /** Lines that were lost, and those of them that no line has told of. */
  #lost = 0;
  #untold = 0;

  readonly #stream: (text: string, taken: () => void) => void;

  /** `stream` takes a text, and calls `taken` once it is written. */
  constructor(stream: (text: string, taken: () => void) => void) {
    this.#stream = stream;
  }

  /** Lines that were lost so far. */
  get lost(): number {
    return this.#lost;
  }

  write(text: string): void {
    if (this.#waiting + text.length > MOST_WAITING) {
      this.#lost += 1;
      this.#untold += 1;
      return;
    }
    if (this.#untold > 0) {
      const lost = `rangesrv: ${this.#untold} lines were lost: stderr was not read\n`;
      this.#untold = 0;
      this.#put(lost);
    }
    this.#put(text);
  }

  #put(text: string): void {
    this.#waiting += text.length;
    this.#stream(text, () => (this.#waiting -= text.length));
  }
}

/** Opened for the first line: it takes 2 ms, and with `--quiet` a start has no line. */
let opened: NodeJS.WriteStream | undefined;

export const stderr = new Bounded((text, taken) => {
  opened ??= process.stderr.on("error", () => {});
  opened.write(text, taken);
});

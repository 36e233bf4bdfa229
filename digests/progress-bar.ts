/** How far `rangesrv hash` is: a bar redrawn ten times a second on a terminal, else a line every ten seconds. */

import { formatLength } from "./format-length.ts";

export interface Progress {
  /** Bytes. */
  readonly done: number;
  /** Bytes; `done` exceeds it when files came or grew after they were counted. */
  readonly total: number;
  /** Since the beginning. */
  readonly seconds: number;
}

/** Milliseconds. */
const REDRAW_EVERY = 100;
const LINE_EVERY = 10_000;

/** Columns of the bar itself. */
const SHORTEST_BAR = 10;
const LONGEST_BAR = 40;

const CLEAR = "\r\x1b[K";

/** `1.0 GiB of 4.0 GiB, 25 %, 512 MB/s, 0:06 left` */
export function formatProgress({ done, total, seconds }: Progress): string {
  const rate = seconds > 0 ? done / seconds : 0;
  const percent = percentOf({ done, total });
  const left = rate > 0 ? `, ${formatTime(Math.max(0, total - done) / rate)} left` : "";
  const amount = `${formatLength(done)} of ${formatLength(Math.max(done, total))}`;
  return `${amount}, ${percent} %, ${(rate / 1e6).toFixed(0)} MB/s${left}`;
}

/** `[####....] ` and the text above, in less than `columns` columns. */
export function formatBar(progress: Progress, columns: number): string {
  const text = formatProgress(progress);
  const room = Math.min(LONGEST_BAR, columns - text.length - 4);
  if (room < SHORTEST_BAR) return text.slice(0, Math.max(0, columns - 1));
  const filled = Math.floor((room * percentOf(progress)) / 100);
  return `[${"#".repeat(filled)}${".".repeat(room - filled)}] ${text}`;
}

/** `1:02:03`, `2:03`; seconds are rounded up. */
export function formatTime(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function percentOf({ done, total }: Pick<Progress, "done" | "total">): number {
  return total > done ? Math.floor((100 * done) / total) : 100;
}

export class Meter {
  readonly #print: (text: string) => void;
  readonly #columns: number | undefined;
  /** Milliseconds; the time of the last bar or line. */
  #shown: number;
  #drawn = false;

  /** `columns` of the terminal; undefined: output goes elsewhere. `now` in milliseconds. */
  constructor(print: (text: string) => void, columns: number | undefined, now: number) {
    this.#print = print;
    this.#columns = columns;
    this.#shown = now;
  }

  /** `now` in milliseconds. */
  show(progress: Progress, now: number): void {
    if (now - this.#shown < (this.#columns === undefined ? LINE_EVERY : REDRAW_EVERY)) return;
    this.#shown = now;
    if (this.#columns === undefined) return this.#print(`${formatProgress(progress)}\n`);
    this.#drawn = true;
    this.#print(`${CLEAR}${formatBar(progress, this.#columns)}`);
  }

  /** Removes the bar, before a log line. */
  clear(): void {
    if (this.#drawn) this.#print(CLEAR);
    this.#drawn = false;
  }
}

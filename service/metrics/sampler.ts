/**
 * Figures that are read once a second, and before this process answers a scrape: sizes, and
 * counters that other rooms keep. A counter is added by its growth, so that a process that
 * takes over a slot goes on from there. And by how much this process is late.
 */

import { processFigures } from "../../os/process-figures.ts";
import { seriesAt } from "./registry.ts";
import { type MetricName, TABLE } from "./table.ts";

/** Numbers by metric; of one with labels by their values, in order, with a slash between. */
export type Figures = {
  readonly [Name in MetricName]?: number | Readonly<Record<string, number>>;
};

/** Milliseconds between two looks at the clock, and how many of them pass between two samples. */
const TICK = 250;
const TICKS = 4;
/** Samples for which the longest delay is shown. */
const SHOWN = 15;

export class Sampler implements Disposable {
  readonly #numbers: Float64Array;
  readonly #sources: (() => Figures)[];
  /** Of counters, as they were read last. */
  readonly #last = new Float64Array(TABLE.length);
  /** Seconds: the longest delay in each of the last samples, and since. */
  readonly #delays = new Float64Array(SHOWN);
  #samples = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `numbers`: of this process. */
  constructor(numbers: Float64Array, ...sources: readonly (() => Figures)[]) {
    this.#numbers = numbers;
    this.#sources = [() => this.#own(), ...sources];
  }

  add(source: () => Figures): void {
    this.#sources.push(source);
  }

  /** Samples until it is disposed of. `ticked` is called four times a second. */
  start(ticked: (isSample: boolean) => void): void {
    let [ticks, due] = [0, performance.now() + TICK];
    this.#timer = setInterval(() => {
      const now = performance.now();
      const delay = Math.max(0, now - due) / 1000;
      due = now + TICK;
      const at = this.#samples % SHOWN;
      this.#delays[at] = Math.max(this.#delays[at]!, delay);
      ticks += 1;
      const isSample = ticks % TICKS === 0;
      if (isSample) this.#next();
      ticked(isSample);
    }, TICK).unref();
    this.sample();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** Reads all figures now. */
  sample(): void {
    for (const source of this.#sources) {
      for (const [name, figure] of Object.entries(source()) as [MetricName, Figure][]) {
        this.#put(name, figure);
      }
    }
  }

  #next(): void {
    this.sample();
    this.#samples += 1;
    this.#delays[this.#samples % SHOWN] = 0;
  }

  #put(name: MetricName, figure: Figure): void {
    const metric = TABLE.metrics[name];
    const figures = typeof figure === "number" ? { "": figure } : figure;
    const sets = Object.values<readonly string[]>(metric.labels);
    for (const [values, number] of Object.entries(figures)) {
      const indices = values.split("/").map((value, n) => sets[n]?.indexOf(value) ?? 0);
      // A value that the table doesn't have: nothing is counted for it.
      if (sets.length > 0 && (indices.length !== sets.length || indices.includes(-1))) continue;
      const at = seriesAt(metric, ...(sets.length > 0 ? indices : []));
      if (metric.type === "gauge") {
        this.#numbers[at] = number;
        continue;
      }
      this.#numbers[at]! += Math.max(0, number - this.#last[at]!);
      this.#last[at] = number;
    }
  }

  #own(): Figures {
    return { ...processFigures(), lag: Math.max(...this.#delays) };
  }
}

type Figure = number | Readonly<Record<string, number>>;

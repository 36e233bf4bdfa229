/**
 * The numbers of all processes, in memory that they share: a slot for each. A process adds
 * to its own slot alone, so no addition is lost; whoever is scraped sums all slots.
 * A slot whose process has ended keeps its counters for good, and the next process to take
 * it goes on from there: no sum ever falls. Its gauges are set to 0.
 */

import { createMemoryFile, mapMemoryFile } from "../../os/memory-file.ts";
import type { Metric, Registry } from "./registry.ts";

/** Slots for each worker: one that serves, and some that drain after one restart or another. */
const SLOTS_OF_WORKER = 4;

/** The slots of a supervisor: 0 is its own. Workers inherit `descriptor`; undefined: there are none. */
export interface SharedSlots {
  readonly slots: Slots;
  readonly descriptor: number | undefined;
}

export class Slots {
  readonly #registry: Registry;
  readonly #numbers: Float64Array;

  /** `numbers` has place for one slot or more. */
  constructor(registry: Registry, numbers: Float64Array) {
    this.#registry = registry;
    this.#numbers = numbers;
  }

  /** For a process that serves alone. */
  static alone(registry: Registry): Slots {
    return new Slots(registry, new Float64Array(registry.length));
  }

  /** For a supervisor of so many workers. */
  static shared(registry: Registry, workers: number): SharedSlots {
    const count = 1 + SLOTS_OF_WORKER * workers;
    const length = 8 * count * registry.length;
    const descriptor = createMemoryFile(new Uint8Array(length))?.descriptor;
    const slots = descriptor === undefined ? undefined : Slots.inherited(registry, descriptor);
    if (slots === undefined) return { slots: Slots.alone(registry), descriptor: undefined };
    return { slots, descriptor };
  }

  /** For a worker that inherited this descriptor. Undefined: the memory can't be had. */
  static inherited(registry: Registry, descriptor: number): Slots | undefined {
    const bytes = mapMemoryFile(descriptor);
    return bytes && Slots.#over(registry, bytes);
  }

  static #over(registry: Registry, { buffer, byteOffset, byteLength }: Uint8Array): Slots {
    return new Slots(registry, new Float64Array(buffer, byteOffset, byteLength / 8));
  }

  get count(): number {
    return Math.floor(this.#numbers.length / this.#registry.length);
  }

  /** The numbers of one process. */
  at(slot: number): Float64Array {
    const { length } = this.#registry;
    return this.#numbers.subarray(slot * length, (slot + 1) * length);
  }

  /** The numbers of all processes together. */
  sum(): Float64Array {
    const sum = this.at(0).slice();
    const largest = Object.values(this.#registry.metrics).filter(({ across }) => across === "max");
    for (let slot = 1; slot < this.count; slot++) {
      const own = this.at(slot);
      for (let n = 0; n < own.length; n++) sum[n]! += own[n]!;
    }
    for (const { at, length } of largest) {
      for (let n = at; n < at + length; n++) sum[n] = this.#largest(n);
    }
    return sum;
  }

  #largest(n: number): number {
    let largest = 0;
    for (let slot = 0; slot < this.count; slot++) largest = Math.max(largest, this.at(slot)[n]!);
    return largest;
  }

  /** Sets the gauges of a process that has ended to 0. */
  clearGauges(slot: number): void {
    const isGauge = ({ type }: Metric) => type === "gauge";
    const own = this.at(slot);
    for (const { at, length } of Object.values(this.#registry.metrics).filter(isGauge)) {
      own.fill(0, at, at + length);
    }
  }
}

/** Which slots are taken. Slot 0 always is: by the supervisor. */
export class SlotList {
  readonly #taken: boolean[];

  constructor(count: number) {
    this.#taken = Array.from({ length: count }, (_, slot) => slot === 0);
  }

  /** The lowest free one; undefined when there is none: that process is not counted. */
  take(): number | undefined {
    const slot = this.#taken.indexOf(false);
    if (slot === -1) return undefined;
    this.#taken[slot] = true;
    return slot;
  }

  release(slot: number): void {
    if (slot > 0) this.#taken[slot] = false;
  }
}

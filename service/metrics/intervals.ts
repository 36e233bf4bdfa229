/**
 * The union of half-open intervals of numbers, in ascending order and apart from each
 * other: which bytes of a file a client has. At most {@link MOST_INTERVALS} are kept;
 * beyond that the shorter half is given up, so that a download may count as unfinished and
 * never as finished when it isn't.
 */

/** Intervals of one union: a client with hundreds of connections has some hundred at a time. */
export const MOST_INTERVALS = 1024;

export class Intervals {
  /** Start, end, start, end… in an array that has room for more: adding moves what is behind. */
  #bounds = new Float64Array(8);
  #size = 0;
  readonly #most: number;
  #covered = 0;

  constructor(most = MOST_INTERVALS) {
    this.#most = most;
  }

  /** How many there are. */
  get size(): number {
    return this.#size;
  }

  /** The sum of their lengths. */
  get covered(): number {
    return this.#covered;
  }

  /** As pairs of start and end. */
  toArray(): [number, number][] {
    return Array.from({ length: this.#size }, (_, n) => [
      this.#bounds[2 * n] ?? 0,
      this.#bounds[2 * n + 1] ?? 0,
    ]);
  }

  /** The first number from `at` on that is in one; undefined when there is none. */
  nextFrom(at: number): number | undefined {
    const found = this.#find(at + 1);
    return found === this.#size ? undefined : Math.max(this.#bounds[2 * found]!, at);
  }

  /** Adds `[start, end)`; an empty one changes nothing. */
  add(start: number, end: number): void {
    if (!(start < end)) return;
    const bounds = this.#bounds;
    // Those from `first` up to `last` touch the new one, and become one with it.
    const first = this.#find(start);
    let last = first;
    let [from, to, replaced] = [start, end, 0];
    for (; last < this.#size && bounds[2 * last]! <= end; last++) {
      from = Math.min(from, bounds[2 * last]!);
      to = Math.max(to, bounds[2 * last + 1]!);
      replaced += bounds[2 * last + 1]! - bounds[2 * last]!;
    }
    this.#replace(first, last, from, to);
    this.#covered += to - from - replaced;
    if (this.#size > this.#most) this.#giveUpShorter();
  }

  /** Puts one in the place of those from `first` up to `last`. */
  #replace(first: number, last: number, from: number, to: number): void {
    const size = this.#size + 1 - (last - first);
    if (2 * size > this.#bounds.length) {
      const larger = new Float64Array(2 * this.#bounds.length);
      larger.set(this.#bounds);
      this.#bounds = larger;
    }
    this.#bounds.copyWithin(2 * first + 2, 2 * last, 2 * this.#size);
    this.#bounds[2 * first] = from;
    this.#bounds[2 * first + 1] = to;
    this.#size = size;
  }

  /** The index of the first whose end isn't below `start`. */
  #find(start: number): number {
    const bounds = this.#bounds;
    let [low, high] = [0, this.#size];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bounds[2 * middle + 1]! < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Half at once: looking for the shortest takes long. */
  #giveUpShorter(): void {
    const longer = this.toArray()
      .sort(([a, b], [c, d]) => d - c - (b - a))
      .slice(0, this.#most >> 1)
      .sort(([a], [b]) => a - b);
    this.#bounds.set(longer.flat());
    this.#size = longer.length;
    this.#covered = longer.reduce((sum, [start, end]) => sum + end - start, 0);
  }
}

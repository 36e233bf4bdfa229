/**
 * Numbered slots for records in typed arrays: which slots are free, which share a hash,
 * and which was touched longest ago. This takes 20 bytes a slot besides the record.
 */

/** No slot: the end of a chain. */
export const NONE = -1;

export class Slots {
  /** Slots in use. */
  size = 0;
  /** Slots that there is room for without growing. */
  capacity = 0;
  /** The slot touched longest ago; NONE when all are free. */
  oldest = NONE;

  #newest = NONE;
  #firstFree = NONE;
  #hash = new Uint32Array(0);
  /** By hash modulo capacity: the first slot of a chain. */
  #chains = new Int32Array(0);
  /** The next slot of the same chain, or the next free one. */
  #next = new Int32Array(0);
  #older = new Int32Array(0);
  #newer = new Int32Array(0);
  readonly #grow: (capacity: number) => void;

  /** `grow` makes room for the records of so many slots. */
  constructor(grow: (capacity: number) => void) {
    this.#grow = grow;
  }

  /** The first slot of the chain in which slots of `hash` are, or NONE. */
  first(hash: number): number {
    return this.capacity === 0 ? NONE : (this.#chains[hash % this.capacity] ?? NONE);
  }

  /** The slot after `slot` in its chain, or NONE. */
  next(slot: number): number {
    return this.#next[slot] ?? NONE;
  }

  /** Slots in use, the one touched last first. */
  *recent(): Iterable<number> {
    for (let slot = this.#newest; slot !== NONE; slot = this.#older[slot] ?? NONE) yield slot;
  }

  /** The hash of a slot in use. */
  hashOf(slot: number): number {
    return this.#hash[slot] ?? 0;
  }

  /** Takes a free slot, which is the newest then. */
  take(hash: number): number {
    if (this.#firstFree === NONE) this.#double();
    const slot = this.#firstFree;
    this.#firstFree = this.#next[slot] ?? NONE;
    this.#hash[slot] = hash;
    this.#chainUp(slot);
    this.#append(slot);
    this.size++;
    return slot;
  }

  /** Frees a slot in use. */
  release(slot: number): void {
    this.#unchain(slot);
    this.#detach(slot);
    this.#next[slot] = this.#firstFree;
    this.#firstFree = slot;
    this.size--;
  }

  /** Makes a slot in use the newest. */
  touch(slot: number): void {
    this.#detach(slot);
    this.#append(slot);
  }

  #append(slot: number): void {
    this.#older[slot] = this.#newest;
    this.#newer[slot] = NONE;
    if (this.#newest === NONE) this.oldest = slot;
    else this.#newer[this.#newest] = slot;
    this.#newest = slot;
  }

  #detach(slot: number): void {
    const older = this.#older[slot] ?? NONE;
    const newer = this.#newer[slot] ?? NONE;
    if (older === NONE) this.oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #chainUp(slot: number): void {
    const chain = (this.#hash[slot] ?? 0) % this.capacity;
    this.#next[slot] = this.#chains[chain] ?? NONE;
    this.#chains[chain] = slot;
  }

  #unchain(slot: number): void {
    const chain = (this.#hash[slot] ?? 0) % this.capacity;
    const next = this.#next[slot] ?? NONE;
    let before = this.#chains[chain] ?? NONE;
    if (before === slot) {
      this.#chains[chain] = next;
      return;
    }
    while (this.#next[before] !== slot) before = this.#next[before] ?? NONE;
    this.#next[before] = next;
  }

  #double(): void {
    const used = this.capacity;
    this.capacity = Math.max(64, 2 * used);
    this.#hash = enlarge(this.#hash, new Uint32Array(this.capacity));
    this.#next = enlarge(this.#next, new Int32Array(this.capacity));
    this.#older = enlarge(this.#older, new Int32Array(this.capacity));
    this.#newer = enlarge(this.#newer, new Int32Array(this.capacity));
    this.#chains = new Int32Array(this.capacity).fill(NONE);
    // All slots are in use when there is no free one.
    for (let slot = 0; slot < used; slot++) this.#chainUp(slot);
    for (let slot = this.capacity - 1; slot >= used; slot--) {
      this.#next[slot] = this.#firstFree;
      this.#firstFree = slot;
    }
    this.#grow(this.capacity);
  }
}

/** `larger` with the numbers of `smaller` at its start. */
export function enlarge<Numbers extends ArrayLike<number> & { set(from: ArrayLike<number>): void }>(
  smaller: Numbers,
  larger: Numbers,
): Numbers {
  larger.set(smaller);
  return larger;
}

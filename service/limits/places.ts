/**
 * So many places for each key, such as a client and a file. Who comes when all are taken
 * waits for one, first come, first served: a download client that is refused tries again by
 * rules of its own, and one that waits doesn't. Who waits too long, or comes when too many
 * wait, is refused.
 */

/** Milliseconds. Clients time out after 10 s and later. */
const LONGEST_WAIT = 5_000;
/** Who may wait for the places of one key, and for all together. */
const MOST_WAITING = 64;
const MOST_WAITING_IN_ALL = 1024;

interface Places {
  taken: number;
  readonly waiting: Set<() => void>;
}

export class PlaceKeeper {
  readonly #most: () => number;
  readonly #wait: number;
  readonly #byKey = new Map<string, Places>();
  #waiting = 0;

  /** `most`: places of each key; it may change. `wait` in milliseconds. */
  constructor(most: () => number, wait = LONGEST_WAIT) {
    this.#most = most;
    this.#wait = wait;
  }

  /** Keys with places that are taken. */
  get size(): number {
    return this.#byKey.size;
  }

  /** True: a place is taken, until `signal` aborts. False: refused, or `signal` has aborted. */
  take(key: string, signal: AbortSignal): boolean | Promise<boolean> {
    if (signal.aborted) return false;
    const places = this.#byKey.get(key) ?? { taken: 0, waiting: new Set() };
    if (places.taken < this.#most()) {
      this.#byKey.set(key, places);
      this.#occupy(key, places, signal);
      return true;
    }
    const isFull = places.waiting.size >= MOST_WAITING || this.#waiting >= MOST_WAITING_IN_ALL;
    return isFull ? false : this.#queue(key, places, signal);
  }

  #occupy(key: string, places: Places, signal: AbortSignal): void {
    places.taken += 1;
    signal.addEventListener("abort", () => this.#leave(key, places), { once: true });
  }

  #leave(key: string, places: Places): void {
    places.taken -= 1;
    const [next] = places.waiting;
    if (next !== undefined && places.taken < this.#most()) next();
    else if (places.taken === 0) this.#byKey.delete(key);
  }

  #queue(key: string, places: Places, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = (granted: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", refuse);
      places.waiting.delete(grant);
      this.#waiting -= 1;
      if (granted) this.#occupy(key, places, signal);
      resolve(granted);
    };
    const grant = () => end(true);
    const refuse = () => end(false);
    const timer = setTimeout(refuse, this.#wait);
    signal.addEventListener("abort", refuse);
    places.waiting.add(grant);
    this.#waiting += 1;
    return promise;
  }
}

/**
 * Which job the hasher reads next. Urgent jobs, which a client waits for, go before all
 * others. Of these, three slices in four go to the job with the least left to read, so
 * that long files don't delay a short one. Every fourth goes to the job whose last slice
 * is longest ago, so that short files don't hold up a long one for ever.
 */

/** What the order depends on. */
export interface Waiting {
  /** Bytes to read. */
  readonly left: number;
  /** Whether a client waits for it. */
  readonly urgent: boolean;
  /** Number of the turn when it came or had its last slice. */
  readonly served: number;
}

/** One turn in this many goes to the job that has waited longest. */
const EVERY = 4;

export function nextTurn<W extends Waiting>(waiting: Iterable<W>, turn: number): W | undefined {
  const isBefore = turn % EVERY === EVERY - 1 ? waitsLonger : hasLessLeft;
  let next: W | undefined;
  for (const one of waiting) {
    if (next === undefined || precedes(one, next, isBefore)) next = one;
  }
  return next;
}

/** Bytes that the hasher likely reads until `job` is done; `all` are the urgent jobs, with it. */
export function bytesUntilDone<W extends Pick<Waiting, "left">>(job: W, all: Iterable<W>): number {
  let [sooner, later] = [0, 0];
  let isFirst = true;
  for (const one of all) {
    if (one === job) isFirst = false;
    const goesBefore = one.left < job.left || (one.left === job.left && isFirst);
    if (one === job || goesBefore) sooner += one.left;
    else later += one.left;
  }
  return sooner + Math.min(later, sooner / (EVERY - 1));
}

function precedes(a: Waiting, b: Waiting, isBefore: typeof waitsLonger): boolean {
  return a.urgent === b.urgent ? isBefore(a, b) : a.urgent;
}

function waitsLonger(a: Waiting, b: Waiting): boolean {
  return a.served < b.served;
}

function hasLessLeft(a: Waiting, b: Waiting): boolean {
  return a.left < b.left;
}

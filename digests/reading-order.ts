/**
 * Who is read next. What somebody waits for goes before what nobody does. Of those most
 * slices go to the job with the least left to read, and every fourth to the one that has
 * had none for longest: a short file isn't kept waiting by long ones, nor a long one for
 * ever by many short ones.
 */

/** One job as far as its turn goes. */
export interface Waiting {
  /** Bytes that aren't read yet. */
  readonly left: number;
  /** Whether somebody waits for it. */
  readonly urgent: boolean;
  /** Number of the turn when it came, or had a slice last. */
  readonly served: number;
}

/** Every turn of so many is of the one that has waited longest. */
const EVERY = 4;

export function nextTurn<W extends Waiting>(waiting: Iterable<W>, turn: number): W | undefined {
  const isBefore = turn % EVERY === EVERY - 1 ? waitsLonger : hasLessLeft;
  let next: W | undefined;
  for (const one of waiting) {
    if (next === undefined || precedes(one, next, isBefore)) next = one;
  }
  return next;
}

/** Bytes that are likely read until `job` is done, which is one of `all` that are urgent. */
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

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

/** Bytes that are likely read until a job is done that has `left`, beside others that are urgent too. */
export function bytesUntilDone(left: number, others: Iterable<number>): number {
  let [sooner, later] = [left, 0];
  for (const other of others) {
    if (other <= left) sooner += other;
    else later += other;
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

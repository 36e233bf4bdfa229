/**
 * Work for a request that takes long on the one thread that serves all: it is done in
 * short turns, few pieces of it at a time, and once for all who wait for the same.
 */

import { Crowded } from "./failure.ts";

/** Milliseconds of one turn: what an ordinary request waits for it, at most. */
const TURN = 2;
/** Pieces of work that take turns. */
const AT_ONCE = 4;
/** Pieces that wait. What each keeps open is one descriptor. */
const MOST_WAITING = 64;

/** The turn of one piece of work. */
export class Turn {
  #end = performance.now() + TURN;

  /** Whether it is time for the others. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets the others have theirs. */
  async pass(): Promise<void> {
    await new Promise(setImmediate);
    this.#end = performance.now() + TURN;
  }
}

interface Waiting<Subject, Result> extends PromiseWithResolvers<Result> {
  subject: Subject;
}

/** What is made of one subject at a time for each key. */
export class Queue<Subject extends Disposable, Result> {
  readonly #make: (subject: Subject) => Promise<Result>;
  readonly #waiting = new Map<string, Waiting<Subject, Result>>();
  readonly #running = new Set<string>();

  constructor(make: (subject: Subject) => Promise<Result>) {
    this.#make = make;
  }

  /**
   * What is made of `subject`, which is disposed of, or of a later one with the same key:
   * never of what was looked at before this was asked. Throws Crowded when too many wait.
   */
  ask(key: string, subject: Subject): Promise<Result> {
    const known = this.#waiting.get(key);
    if (known !== undefined) {
      known.subject[Symbol.dispose]();
      known.subject = subject;
      return known.promise;
    }
    if (this.#waiting.size >= MOST_WAITING) {
      subject[Symbol.dispose]();
      throw new Crowded();
    }
    const waiting = { subject, ...Promise.withResolvers<Result>() };
    this.#waiting.set(key, waiting);
    this.#begin();
    return waiting.promise;
  }

  #begin(): void {
    for (const [key, waiting] of this.#waiting) {
      if (this.#running.size >= AT_ONCE) return;
      if (this.#running.has(key)) continue;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#run(key, waiting);
    }
  }

  async #run(key: string, { subject, resolve, reject }: Waiting<Subject, Result>): Promise<void> {
    try {
      using made = subject;
      resolve(await this.#make(made));
    } catch (error) {
      reject(error);
    }
    this.#running.delete(key);
    this.#begin();
  }
}

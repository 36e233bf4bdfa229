/**
 * Work for requests that takes long, on the one thread that serves all of them: it is done
 * in short turns, a few jobs at a time, and once for all requests with the same key.
 */

import { Crowded } from "./failure.ts";

/** Milliseconds of one turn: the longest that an ordinary request waits for it. */
const TURN = 2;
/** Jobs that take turns. */
const AT_ONCE = 4;
/** Jobs that wait at most. Each keeps one descriptor open. */
const MOST_WAITING = 64;

/** The turn of one job. */
export class Turn {
  #end = performance.now() + TURN;

  /** Whether to let the others work. */
  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets the others work, and begins the next turn. */
  async pass(): Promise<void> {
    await new Promise(setImmediate);
    this.#end = performance.now() + TURN;
  }
}

interface Waiting<Subject, Result> extends PromiseWithResolvers<Result> {
  subject: Subject;
}

/** Makes a result of a subject: one at a time for each key. */
export class Queue<Subject extends Disposable, Result> {
  readonly #make: (subject: Subject) => Promise<Result>;
  readonly #waiting = new Map<string, Waiting<Subject, Result>>();
  readonly #running = new Set<string>();

  constructor(make: (subject: Subject) => Promise<Result>) {
    this.#make = make;
  }

  /**
   * The result for `subject`, or for a later subject with the same key; never one for which
   * work had begun before this call. Disposes of the subject. Throws Crowded when too many wait.
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

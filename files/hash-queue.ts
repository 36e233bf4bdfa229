/**
 * The hasher's side of the digests: what is kept is answered at once, the rest is
 * hashed one job at a time. Jobs that somebody waits for go first, and a long one
 * in the background stands still meanwhile.
 */
import type { Job, Outcome } from "./digest-job.ts";
import type { DigestStore } from "./digest-store.ts";
import { hashJob } from "./hashing.ts";

export type ToHasher =
  | { readonly kind: "ask"; readonly id: number; readonly job: Job; readonly urgent: boolean }
  /** Somebody waits now for what was asked for in the background. */
  | { readonly kind: "hurry"; readonly id: number }
  | { readonly kind: "find"; readonly id: number; readonly infoHash: Uint8Array };

export type FromHasher =
  /** The one answer to an `ask`. */
  | { readonly kind: "outcome"; readonly id: number; readonly outcome: Outcome }
  /** The job in hand, and the bytes of it that were read. */
  | { readonly kind: "progress"; readonly id: number; readonly done: number }
  /** The one answer to a `find`. */
  | { readonly kind: "found"; readonly id: number; readonly job: Job | undefined };

/** Milliseconds between two tellings of progress. */
const TELL_EVERY = 250;

interface Asked {
  readonly id: number;
  readonly job: Job;
  urgent: boolean;
}

export class HashQueue {
  /** In the order in which they were asked for. */
  readonly #waiting = new Map<number, Asked>();
  #inHand: Asked | undefined;
  #running = false;
  #told = 0;

  constructor(
    readonly store: DigestStore,
    readonly tell: (message: FromHasher) => void,
    /** Lets other messages in; called after each chunk that was read. */
    readonly rest: () => Promise<void> = () => new Promise(setImmediate),
  ) {}

  receive(message: ToHasher): void {
    const { id } = message;
    switch (message.kind) {
      case "find":
        this.tell({ kind: "found", id, job: this.store.findInfoHash(message.infoHash) });
        return;
      case "hurry":
        for (const asked of [this.#waiting.get(id), this.#inHand]) {
          if (asked?.id === id) asked.urgent = true;
        }
        return;
      case "ask": {
        const { job, urgent } = message;
        if (this.#answerFromStore({ id, job, urgent })) return;
        this.#waiting.set(id, { id, job, urgent });
        void this.#run();
      }
    }
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#take(false); next !== undefined; next = this.#take(false)) {
      await this.#hash(next);
    }
    this.#running = false;
  }

  /** The next in turn. */
  #take(urgentOnly: boolean): Asked | undefined {
    const waiting = this.#waiting.values();
    const urgent = waiting.find((asked) => asked.urgent);
    const next = urgent ?? (urgentOnly ? undefined : this.#waiting.values().next().value);
    if (next !== undefined) this.#waiting.delete(next.id);
    return next;
  }

  async #hash(asked: Asked): Promise<void> {
    // Another process may have hashed it while it waited here.
    if (this.#answerFromStore(asked)) return;
    const { id, job } = asked;
    const outer = this.#inHand;
    this.#inHand = asked;
    const outcome = await hashJob(job, async (done) => {
      if (performance.now() - this.#told > TELL_EVERY) {
        this.#told = performance.now();
        this.tell({ kind: "progress", id, done });
      }
      await this.rest();
      while (!asked.urgent) {
        const urgent = this.#take(true);
        if (urgent === undefined) return;
        await this.#hash(urgent);
      }
    });
    this.#inHand = outer;
    if (outcome.kind === "digested") this.store.keep(job, outcome.digested);
    this.tell({ kind: "outcome", id, outcome });
  }

  #answerFromStore({ id, job }: Asked): boolean {
    const digested = this.store.find(job);
    if (digested === undefined) return false;
    this.tell({ kind: "outcome", id, outcome: { kind: "digested", digested } });
    return true;
  }
}

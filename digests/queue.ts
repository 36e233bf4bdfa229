import { hashJob } from "./hashing.ts";
/**
 * The hasher's side of the digests: what is kept is answered at once, the rest is
 * hashed one job at a time. Jobs that somebody waits for go first, and a long one
 * in the background stands still meanwhile.
 */
import { type Job, keyOf, type Outcome } from "./job.ts";
import type { DigestStore } from "./store.ts";

export type ToHasher =
  | { readonly kind: "ask"; readonly id: number; readonly job: Job; readonly urgent: boolean }
  /** Somebody waits now for what was asked for in the background. */
  | { readonly kind: "hurry"; readonly id: number }
  | { readonly kind: "find"; readonly id: number; readonly infoHash: Uint8Array };

export type FromHasher =
  /** The one answer to an `ask`. */
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer }
  /** The job in hand, and the bytes of it that were read. */
  | { readonly kind: "progress"; readonly id: number; readonly done: number }
  /** The one answer to a `find`. */
  | { readonly kind: "found"; readonly id: number; readonly job: Job | undefined };

/** How a job ended, or that it was lost with whoever was asked. */
export type Answer = Outcome | { readonly kind: "lost" };

/** Milliseconds between two tellings of progress. */
const TELL_EVERY = 250;

/** A job, and all questions about it: it is read once for them. */
interface Asked {
  readonly key: string;
  readonly ids: number[];
  readonly job: Job;
  urgent: boolean;
}

export class HashQueue {
  /** By key; those begun, and then in the order in which they were asked for. */
  readonly #asked = new Map<string, Asked>();
  /** Those of them that were begun. */
  readonly #begun = new Set<Asked>();
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
        for (const asked of this.#asked.values()) if (asked.ids.includes(id)) asked.urgent = true;
        return;
      case "ask":
        this.#ask(id, message.job, message.urgent);
    }
  }

  #ask(id: number, job: Job, urgent: boolean): void {
    const key = Buffer.from(keyOf(job)).toString("latin1");
    const same = this.#asked.get(key);
    if (same !== undefined) {
      same.ids.push(id);
      same.urgent ||= urgent;
      return;
    }
    const asked = { key, ids: [id], job, urgent };
    if (this.#answerFromStore(asked)) return;
    this.#asked.set(key, asked);
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let next = this.#next(false); next !== undefined; next = this.#next(false)) {
      await this.#hash(next);
    }
    this.#running = false;
  }

  #next(urgentOnly: boolean): Asked | undefined {
    let first: Asked | undefined;
    for (const asked of this.#asked.values()) {
      if (this.#begun.has(asked)) continue;
      if (asked.urgent) return asked;
      first ??= asked;
    }
    return urgentOnly ? undefined : first;
  }

  async #hash(asked: Asked): Promise<void> {
    // Another process may have hashed it while it waited here.
    if (this.#answerFromStore(asked)) return;
    this.#begun.add(asked);
    const outcome = await hashJob(asked.job, async (done) => {
      this.#tellProgress(asked, done);
      await this.rest();
      while (!asked.urgent) {
        const urgent = this.#next(true);
        if (urgent === undefined) return;
        await this.#hash(urgent);
      }
    });
    if (outcome.kind === "digested") this.store.keep(asked.job, outcome.digested);
    this.#answer(asked, outcome);
  }

  #tellProgress({ ids }: Asked, done: number): void {
    if (performance.now() - this.#told < TELL_EVERY) return;
    this.#told = performance.now();
    for (const id of ids) this.tell({ kind: "progress", id, done });
  }

  #answerFromStore(asked: Asked): boolean {
    const digested = this.store.find(asked.job);
    if (digested !== undefined) this.#answer(asked, { kind: "digested", digested });
    return digested !== undefined;
  }

  #answer(asked: Asked, answer: Answer): void {
    this.#asked.delete(asked.key);
    this.#begun.delete(asked);
    for (const id of asked.ids) this.tell({ kind: "answer", id, answer });
  }
}

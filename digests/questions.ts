/** Questions to a hasher and their answers, whatever carries them. */
import type { Job } from "./job.ts";
import type { Answer, FromHasher, ToHasher } from "./queue.ts";

/** Somebody who hashes, or knows who does. */
export interface Hasher extends Disposable {
  /** Milliseconds until a question can be put; 0 is now. */
  readonly wait: number;
  /**
   * Asks for a job; `question` is told of its progress and, once, how it ended. What
   * is returned makes it urgent later on.
   */
  ask(job: Job, urgent: boolean, question: Question): () => void;
  /** The job that a swarm knows by `infoHash` (20 bytes). */
  find(infoHash: Uint8Array): Promise<Found>;
}

/** What is kept by an info hash, or that the hasher was lost before it could say. */
export type Found =
  | { readonly kind: "job"; readonly job: Job }
  | { readonly kind: "none" }
  | { readonly kind: "lost" };

export interface Question {
  readonly answer: (answer: Answer) => void;
  /** Bytes read so far. */
  readonly progress: (done: number) => void;
}

/** What was asked and isn't answered yet. */
export class Questions {
  readonly #asks = new Map<number, Question>();
  readonly #finds = new Map<number, (found: Found) => void>();
  #id = 0;

  constructor(readonly send: (message: ToHasher) => void) {}

  get size(): number {
    return this.#asks.size + this.#finds.size;
  }

  ask(job: Job, urgent: boolean, question: Question): () => void {
    const id = ++this.#id;
    this.#asks.set(id, question);
    this.send({ kind: "ask", id, job, urgent });
    return () => {
      if (this.#asks.has(id)) this.send({ kind: "hurry", id });
    };
  }

  find(infoHash: Uint8Array): Promise<Found> {
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<Found>();
    this.#finds.set(id, resolve);
    this.send({ kind: "find", id, infoHash });
    return promise;
  }

  /** An answer came; those to nothing that was asked are ignored. */
  hear(message: FromHasher): void {
    const { id } = message;
    switch (message.kind) {
      case "progress":
        this.#asks.get(id)?.progress(message.done);
        return;
      case "answer": {
        const ask = this.#asks.get(id);
        this.#asks.delete(id);
        ask?.answer(message.answer);
        return;
      }
      case "found": {
        const find = this.#finds.get(id);
        this.#finds.delete(id);
        find?.(message.job === undefined ? { kind: "none" } : { kind: "job", job: message.job });
      }
    }
  }

  /** There will be no answers. */
  lose(): void {
    const asks = [...this.#asks.values()];
    const finds = [...this.#finds.values()];
    this.#asks.clear();
    this.#finds.clear();
    for (const { answer } of asks) answer({ kind: "lost" });
    for (const found of finds) found({ kind: "lost" });
  }
}

/**
 * Questions from one process to another, and the answers back, over a channel that
 * carries messages. A question has one answer; any number of progress messages may come
 * before it. The asker may withdraw a question. Every question is settled: by its answer,
 * or by {@link NoAnswer} when the other end is gone, takes too long or has too much to do.
 *
 *     asker → answerer   ask, withdraw
 *     answerer → asker   progress, then answer or no-answer
 */

import { errorCode } from "./error-code.ts";

/** The questions of a line by name, with the types of question, answer and progress for both ends. */
export type Topics = Readonly<Record<string, Topic>>;

interface Topic {
  readonly question: unknown;
  readonly answer: unknown;
  readonly progress?: unknown;
}

export type ToAnswerer =
  | {
      readonly kind: "ask";
      readonly id: number;
      readonly topic: string;
      readonly question: unknown;
    }
  /** The asker stopped waiting. An answer is sent all the same: the asker counts open questions by it. */
  | { readonly kind: "withdraw"; readonly id: number };

export type ToAsker =
  | { readonly kind: "progress"; readonly id: number; readonly progress: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | {
      readonly kind: "no-answer";
      readonly id: number;
      readonly reason: string;
      /** Of the failure, such as EMFILE. */
      readonly code: string | undefined;
    };

/** The other process gave no answer. Asking again later may succeed. */
export class NoAnswer extends Error {}

export interface AskOptions<Progress> {
  readonly progress?: (progress: Progress) => void;
  /** Aborting it withdraws the question. */
  readonly signal?: AbortSignal;
  /** Milliseconds to wait for the answer. */
  readonly limit?: number;
}

interface Waiting {
  readonly settle: (settle: () => void) => void;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: ((progress: never) => void) | undefined;
}

/** Open questions; with this many, a further one is not sent. */
const MOST = 4_096;

/** The end that asks. */
export class Asker<T extends Topics> {
  readonly #send: (message: ToAnswerer) => void;
  readonly #most: number;
  /** Open questions by id; undefined for a withdrawn one, which the other end hasn't answered yet. */
  readonly #waiting = new Map<number, Waiting | undefined>();
  #asked = 0;

  /** `send` throws when the other end is gone. */
  constructor(send: (message: ToAnswerer) => void, most = MOST) {
    this.#send = send;
    this.#most = most;
  }

  /** Questions that were sent and have no answer yet, withdrawn ones included. */
  get size(): number {
    return this.#waiting.size;
  }

  ask<Name extends keyof T & string>(
    topic: Name,
    question: T[Name]["question"],
    options: AskOptions<T[Name]["progress"]> = {},
  ): Promise<T[Name]["answer"]> {
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    if (this.#waiting.size >= this.#most) {
      return Promise.reject(new NoAnswer("Too many questions wait for an answer"));
    }
    const id = (this.#asked += 1);
    const promise = this.#wait(id, options);
    try {
      this.#send({ kind: "ask", id, topic, question });
    } catch (error) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      waiting?.settle(() => waiting.reject(error));
    }
    return promise;
  }

  /** Takes a message of the other end. One about a question that isn't open is ignored. */
  hear(message: ToAsker): void {
    const waiting = this.#waiting.get(message.id);
    switch (message.kind) {
      case "progress":
        waiting?.progress?.(message.progress as never);
        return;
      case "answer":
        this.#waiting.delete(message.id);
        waiting?.settle(() => waiting.resolve(message.answer));
        return;
      case "no-answer": {
        this.#waiting.delete(message.id);
        const { reason, code } = message;
        const error = new Error(reason);
        waiting?.settle(() => waiting.reject(code ? Object.assign(error, { code }) : error));
      }
    }
  }

  /** The other end is gone: every open question fails. */
  close(reason: string): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const waiting of all) waiting?.settle(() => waiting.reject(new NoAnswer(reason)));
  }

  #wait(id: number, { progress, signal, limit }: AskOptions<never>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const giveUp = (error: unknown) => {
      this.#waiting.set(id, undefined);
      settle(() => reject(error));
      this.#withdraw(id);
    };
    const aborted = () => giveUp(signal?.reason);
    const late = () => giveUp(new NoAnswer(`There was no answer for ${limit} ms`));
    const timer = limit === undefined ? undefined : setTimeout(late, limit);
    function settle(act: () => void): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", aborted);
      act();
    }
    signal?.addEventListener("abort", aborted);
    this.#waiting.set(id, { settle, resolve, reject, progress });
    return promise;
  }

  #withdraw(id: number): void {
    try {
      this.#send({ kind: "withdraw", id });
    } catch (error) {
      // The other end has just gone: close() comes next.
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** What the answerer of one question is given besides the question. */
export interface AnswerContext<Progress> {
  /** Sends a progress message to the asker. */
  readonly progress: (progress: Progress) => void;
  /** Aborted when the asker withdraws the question, or is gone. */
  readonly signal: AbortSignal;
}

/** A function for every topic. */
export type Answers<T extends Topics> = {
  readonly [Name in keyof T]: (
    question: T[Name]["question"],
    context: AnswerContext<T[Name]["progress"]>,
  ) => T[Name]["answer"] | Promise<T[Name]["answer"]>;
};

/** The end that answers. */
export class Answerer<T extends Topics> {
  readonly #answers: Answers<T>;
  readonly #send: (message: ToAsker) => void;
  readonly #open = new Map<number, AbortController>();

  /** `send` throws when the asker is gone, or when a message can't be serialized. */
  constructor(answers: Answers<T>, send: (message: ToAsker) => void) {
    this.#answers = answers;
    this.#send = send;
  }

  hear(message: ToAnswerer): void {
    switch (message.kind) {
      case "ask":
        return void this.#answer(message.id, message.topic, message.question);
      case "withdraw":
        this.#open.get(message.id)?.abort();
    }
  }

  /** The asker is gone: all its questions are withdrawn. */
  close(): void {
    for (const controller of this.#open.values()) controller.abort();
  }

  async #answer(id: number, topic: string, question: unknown): Promise<void> {
    const controller = new AbortController();
    this.#open.set(id, controller);
    const progress = (told: unknown) => void this.#tell({ kind: "progress", id, progress: told });
    try {
      if (!Object.hasOwn(this.#answers, topic)) throw new Error(`Nobody here answers "${topic}"`);
      const answer = this.#answers[topic];
      const context = { progress, signal: controller.signal };
      this.#send({ kind: "answer", id, answer: await answer?.(question, context) });
    } catch (error) {
      // Answering failed, or the answer can't be serialized. This message can.
      const reason = error instanceof Error ? error.message : String(error);
      this.#tell({ kind: "no-answer", id, reason, code: errorCode(error) });
    } finally {
      this.#open.delete(id);
    }
  }

  #tell(message: ToAsker): void {
    try {
      this.#send(message);
    } catch (error) {
      // The asker is gone, and close() comes next.
      if (!(error instanceof Error)) throw error;
    }
  }
}

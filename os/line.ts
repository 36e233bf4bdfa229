/**
 * Questions from a worker to its supervisor, which alone knows what must be one for
 * all of them, and the answers back, over the channel between the two processes.
 */

/** What a worker sends. */
export interface Asked<Question> {
  readonly kind: "ask";
  readonly id: number;
  readonly question: Question;
}

/** What comes back: exactly one for each that was asked. */
export type Answered<Answer> =
  | { readonly kind: "answer"; readonly id: number; readonly answer: Answer }
  | { readonly kind: "no-answer"; readonly id: number; readonly reason: string };

/** A worker's end. */
export class Line<Question, Answer> {
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #asked = 0;

  /** `send` throws or returns when nobody is there to hear. */
  constructor(readonly send: (message: Asked<Question>) => void) {}

  /** Rejects when the supervisor has no answer, or is gone. */
  ask(question: Question): Promise<Answer> {
    const id = (this.#asked += 1);
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.set(id, waiting);
    try {
      this.send({ kind: "ask", id, question });
    } catch (error) {
      this.#waiting.delete(id);
      waiting.reject(error);
    }
    return waiting.promise;
  }

  hear(message: Answered<Answer>): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === "answer") waiting?.resolve(message.answer);
    else waiting?.reject(new Error(message.reason));
  }

  /** The supervisor is gone: nobody answers any more. */
  close(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error("the supervisor is gone"));
    this.#waiting.clear();
  }
}

/** A supervisor's end: answers one question, whatever happens. */
export async function reply<Question, Answer>(
  { id, question }: Asked<Question>,
  answer: (question: Question) => Promise<Answer>,
  send: (message: Answered<Answer>) => void,
): Promise<void> {
  let answered: Answered<Answer>;
  try {
    answered = { kind: "answer", id, answer: await answer(question) };
  } catch (error) {
    answered = { kind: "no-answer", id, reason: String(error) };
  }
  send(answered);
}

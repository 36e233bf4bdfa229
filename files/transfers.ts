/**
 * Which transfers go on, and who is told of their beginning and end. Nothing else counts:
 * an answer is one transfer, whatever repeats and errors led to it. Errors that the runtime
 * answers on its own (400 to what is no HTTP, 408, 413, 431, a body that it can't begin)
 * are not seen here.
 */

import type { Outcome, Transfer } from "./transfer.ts";

/**
 * Told of transfers. An answer that was handed over whole has no `began`. It may keep
 * some of those for a moment, with all that they hold, and must not throw.
 */
export interface TransferObserver {
  /** A streamed answer begins: its plan, owed bytes and file are known. */
  began?(transfer: Transfer): void;
  /** All is known, and stays as it is. */
  ended(transfer: Transfer): void;
}

/** Iterates over the streamed transfers that go on, with what was acknowledged at the last look. */
export class Transfers implements Iterable<Transfer> {
  readonly #running = new Set<Transfer>();
  readonly #observers: TransferObserver[] = [];
  readonly #ofStreamed: TransferObserver[] = [];

  /** Whether anybody wants to know of answers that are handed over whole. */
  get observed(): boolean {
    return this.#observers.length > 0;
  }

  /** How many go on. */
  get size(): number {
    return this.#running.size;
  }

  [Symbol.iterator](): IterableIterator<Transfer> {
    return this.#running.values();
  }

  observe(observer: TransferObserver): void {
    this.#observers.push(observer);
  }

  /** For an observer of streamed answers alone: the others don't pay for it. */
  observeStreamed(observer: TransferObserver): void {
    this.#ofStreamed.push(observer);
  }

  /** The answer of `transfer` is handed over. Unless it is streamed, that is its end. */
  handedOver(transfer: Transfer): void {
    transfer.firstByte = performance.now() - transfer.began;
    if (transfer.streamed) return;
    transfer.duration = transfer.firstByte;
    transfer.outcome ??= "complete";
    transfer.acknowledged = transfer.outcome === "complete" ? transfer.owed : 0;
    for (const observer of this.#observers) observer.ended(transfer);
  }

  /** A streamed answer is about to begin. */
  begin(transfer: Transfer): void {
    transfer.streamed = true;
    this.#running.add(transfer);
    for (const observer of this.#observers) observer.began?.(transfer);
    for (const observer of this.#ofStreamed) observer.began?.(transfer);
  }

  /** It ended so at `now`, by `performance.now()`. Does nothing when it has ended before. */
  end(transfer: Transfer, outcome: Outcome, now = performance.now()): void {
    if (!this.#running.delete(transfer)) return;
    transfer.outcome = outcome;
    transfer.duration = Math.max(transfer.firstByte, now - transfer.began);
    transfer.acknowledged = outcome === "complete" ? transfer.owed : (transfer.acknowledged ?? 0);
    for (const observer of this.#observers) observer.ended(transfer);
    for (const observer of this.#ofStreamed) observer.ended(transfer);
  }

  /** The process is about to end, and with it what still goes on. */
  endAll(): void {
    for (const transfer of this.#running) this.end(transfer, "aborted");
  }
}

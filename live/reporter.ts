/**
 * What one process tells of its downloads: those that go on, the last that ended, and the
 * bytes of both. Only answers that are streamed count, which are those of more than 256 KiB:
 * an answer that is handed over whole has no progress, and pays for nothing here.
 */

import { KEPT_SECONDS, Sampler, secondOf } from "./throughput.ts";

/** What is read of a transfer. */
export interface StreamedTransfer {
  readonly client: string;
  readonly method: string;
  /** Path and query, without secrets. */
  readonly target: string;
  readonly kind: string;
  readonly status: number;
  /** The Range field as it was sent. */
  readonly range: string | null;
  /** Bytes of the body, and those that the client has acknowledged, if that is known. */
  readonly owed: number;
  readonly acknowledged: number | undefined;
  /** When it began, in milliseconds since 1970. */
  readonly now: number;
  readonly outcome: string | undefined;
}

/** A download as it is shown. */
export interface Download {
  /** Of this download, in all processes of the server. */
  readonly id: string;
  readonly client: string;
  readonly method: string;
  /** Percent-encoded, without the query; a long one is cut. */
  readonly path: string;
  readonly kind: string;
  readonly status: number;
  readonly range: string | null;
  readonly owed: number;
  readonly acknowledged: number;
  readonly seconds: number;
  /** Absent while it goes on. */
  readonly outcome?: string;
}

export interface ProcessReport {
  readonly running: number;
  /** Some of those that go on. */
  readonly transfers: readonly Download[];
  /** The last that ended, with milliseconds since 1970. */
  readonly ended: readonly (Download & { readonly at: number })[];
  /** Bytes that were acknowledged since the start. */
  readonly sent: number;
  /** Bytes a second until `second`, the oldest first; without the leading zeros. */
  readonly throughput: readonly number[];
  readonly second: number;
}

export const MOST_RUNNING = 64;
export const MOST_ENDED = 50;
const LONGEST_PATH = 512;
const LONGEST_RANGE = 64;

export class Reporter {
  readonly #running: Iterable<StreamedTransfer> & { readonly size: number };
  readonly #ids = new WeakMap<StreamedTransfer, string>();
  readonly #ended: (Download & { readonly at: number })[] = [];
  readonly #sampler: Sampler;
  #lastId = 0;
  /** Bytes of those that ended. */
  #sent = 0;

  constructor(running: Iterable<StreamedTransfer> & { readonly size: number }) {
    this.#running = running;
    this.#sampler = new Sampler(
      () => this.#total(),
      () => running.size > 0,
    );
  }

  /** Told of streamed transfers alone. */
  began(): void {
    this.#sampler.wake();
  }

  ended(transfer: StreamedTransfer): void {
    this.#sent += transfer.acknowledged ?? 0;
    const at = Date.now();
    this.#ended.unshift({ ...this.#describe(transfer, at), at });
    if (this.#ended.length > MOST_ENDED) this.#ended.pop();
  }

  /** `now` in milliseconds since 1970. */
  report(now: number): ProcessReport {
    const transfers: Download[] = [];
    for (const transfer of this.#running) {
      if (transfers.length >= MOST_RUNNING) break;
      transfers.push(this.#describe(transfer, now));
    }
    const second = secondOf(now);
    const all = this.#sampler.throughput.until(second);
    const first = all.findIndex((bytes) => bytes > 0);
    return {
      running: this.#running.size,
      transfers,
      ended: this.#ended,
      sent: this.#total(),
      throughput: all.slice(first === -1 ? KEPT_SECONDS : first),
      second,
    };
  }

  #total(): number {
    let total = this.#sent;
    for (const { acknowledged } of this.#running) total += acknowledged ?? 0;
    return total;
  }

  #describe(transfer: StreamedTransfer, now: number): Download {
    const { client, method, kind, status, range, owed, acknowledged, outcome } = transfer;
    const [path = ""] = transfer.target.split("?", 1);
    return {
      ...{ id: this.#idOf(transfer), client, method, path: cut(path, LONGEST_PATH), kind, status },
      range: range === null ? null : cut(range, LONGEST_RANGE),
      ...{ owed, acknowledged: acknowledged ?? 0, seconds: Math.max(0, now - transfer.now) / 1000 },
      ...(outcome === undefined ? {} : { outcome }),
    };
  }

  #idOf(transfer: StreamedTransfer): string {
    const id = this.#ids.get(transfer) ?? `${process.pid}-${(this.#lastId += 1)}`;
    this.#ids.set(transfer, id);
    return id;
  }
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}

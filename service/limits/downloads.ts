/**
 * `--max-downloads-client`: how many transfers of one file one client has at a time, over
 * all processes. A download is an answer that is streamed: a body of more than 256 KiB. HEAD
 * and smaller answers aren't counted. Beyond the limit a request waits up to 5 s, and is
 * then told 503 with Retry-After.
 */

import { READ_AT_ONCE } from "../../files/respond.ts";
import { owedBy, type Transfer } from "../../files/transfer.ts";
import type { TransferObserver, Transfers } from "../../files/transfers.ts";
import { type Plan, refuse } from "../../http/plan.ts";
import { clientNetwork } from "../../os/client-network.ts";
import { type Answers, type Asker, NoAnswer } from "../../os/line.ts";
import { PlaceKeeper } from "./places.ts";

/** What a worker asks its supervisor. The question stays open as long as the download goes on. */
export type DownloadTopics = {
  readonly download: {
    readonly question: { readonly key: string };
    /** There was no place, or it was given back. */
    readonly answer: undefined;
    readonly progress: "begin";
  };
};

/** Takes a place for `key` until `signal` aborts, as {@link PlaceKeeper} does. */
export type TakePlace = (key: string, signal: AbortSignal) => boolean | Promise<boolean>;

const REFUSAL: Plan = {
  ...refuse(503, "You have as many downloads of this file as one client may have", {
    "retry-after": "5",
  }),
  refusedBy: "downloads",
};

export class DownloadLimit implements TransferObserver {
  readonly #most: () => number | undefined;
  readonly #take: TakePlace;
  readonly #places = new Map<Transfer, AbortController>();
  readonly #transfers: Transfers;
  #isWatching = false;

  constructor(most: () => number | undefined, take: TakePlace, transfers: Transfers) {
    this.#most = most;
    this.#take = take;
    this.#transfers = transfers;
    if (most() !== undefined) this.#observe();
  }

  /**
   * Before an answer about the file at `path` is made: undefined when it may begin, else it
   * waits; the promise gives the answer in its place, or undefined.
   */
  wait(transfer: Transfer, plan: Plan, path: string): Promise<Plan | undefined> | undefined {
    if (this.#most() === undefined || owedBy(transfer.method, plan) <= READ_AT_ONCE)
      return undefined;
    if (this.#places.has(transfer)) return undefined;
    this.#observe();
    const controller = new AbortController();
    const leave = () => controller.abort();
    transfer.request.signal.addEventListener("abort", leave);
    this.#places.set(transfer, controller);
    const key = `${clientNetwork(transfer.client)} ${path}`;
    const taken = this.#take(key, controller.signal);
    if (taken === true) return undefined;
    return Promise.resolve(taken).then((granted) => (granted ? undefined : REFUSAL));
  }

  #observe(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#transfers.observe(this);
  }

  ended(transfer: Transfer): void {
    this.#places.get(transfer)?.abort();
    this.#places.delete(transfer);
  }
}

/** The places of all processes: in the supervisor, or the only process. */
export class DownloadPlaces {
  readonly #keeper: PlaceKeeper;

  constructor(most: () => number | undefined) {
    this.#keeper = new PlaceKeeper(() => most() ?? Infinity);
  }

  readonly take: TakePlace = (key, signal) => this.#keeper.take(key, signal);

  get answers(): Answers<DownloadTopics> {
    return {
      download: async ({ key }, { progress, signal }) => {
        if (!(await this.#keeper.take(key, signal))) return undefined;
        progress("begin");
        await over(signal);
        return undefined;
      },
    };
  }
}

/** A worker's way to the places. When its supervisor doesn't answer, the download begins. */
export function takeFrom(line: Asker<DownloadTopics>): TakePlace {
  return (key, signal) =>
    new Promise((resolve) => {
      const progress = () => resolve(true);
      line.ask("download", { key }, { signal, progress }).then(
        () => resolve(false),
        (error) => resolve(error instanceof NoAnswer),
      );
    });
}

async function over(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve());
  await promise;
}

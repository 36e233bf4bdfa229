/**
 * `--rate`, `--rate-client` and `--rate-connection` in this process: the pacer of its
 * connections, and the ledger of all processes or the way to it. Without a rate nothing is
 * watched.
 */

import type { Transfer } from "../../files/transfer.ts";
import type { TransferObserver, Transfers } from "../../files/transfers.ts";
import { ConnectionTable } from "../../os/connection-table.ts";
import type { Answers, Asker } from "../../os/line.ts";
import type { Options } from "../option-table.ts";
import { reloads } from "../reload.ts";
import { Ledger, type Shares, type Usage } from "./ledger.ts";
import { Pacer, type Settle } from "./pacer.ts";
import type { Rates, Scope } from "./shares.ts";

/** What a worker asks its supervisor. */
export type RateTopics = {
  readonly rates: {
    readonly question: { readonly process: number; readonly usage: readonly Usage[] };
    readonly answer: Shares;
  };
};

export type RateOptions = Pick<Options, "rate" | "rateClient" | "rateConnection">;

function ratesOf({ rate, rateClient, rateConnection }: RateOptions): Rates {
  return {
    total: rate ?? Infinity,
    client: rateClient ?? Infinity,
    connection: rateConnection ?? Infinity,
  };
}

/** The rates of this process, which change at SIGHUP. */
export function controlRates(options: RateOptions, settle?: Settle): RateControl {
  const control = new RateControl(options, settle);
  reloads.on((changed) => () => control.change(changed));
  return control;
}

/** Those of a worker: its supervisor has the ledger. */
export function rateControlOfWorker(options: RateOptions, line: Asker<RateTopics>): RateControl {
  const settle: Settle = (usage) =>
    line.ask("rates", { process: process.pid, usage }, { limit: LATE });
  return controlRates(options, settle);
}

/** Milliseconds that a worker waits for its shares. The last ones stay meanwhile. */
const LATE = 1_000;

export class RateControl implements TransferObserver {
  #rates: Rates;
  readonly #ledger: Ledger;
  readonly #pacer: Pacer;
  #port = () => 0;
  #transfers: Transfers | undefined;
  #isWatching = false;

  /** `settle` asks the process that has the ledger; without it, this process has it. */
  constructor(options: RateOptions, settle?: Settle) {
    this.#rates = ratesOf(options);
    this.#ledger = new Ledger(() => this.#rates);
    this.#pacer = new Pacer({
      rates: () => this.#rates,
      connections: new ConnectionTable(() => this.#port()),
      settle: settle ?? ((usage) => this.settle({ process: process.pid, usage })),
    });
  }

  get isOn(): boolean {
    return Object.values(this.#rates).some((rate) => rate !== Infinity);
  }

  /** Seconds for which connections were held back, over all of them, by what held them back. */
  get throttled(): Readonly<Record<Scope, number>> {
    return this.#pacer.throttled;
  }

  /** The transfers of the server at `port` are held to the rates. */
  watch(transfers: Transfers, port: () => number): void {
    this.#transfers = transfers;
    this.#port = port;
    this.#observe();
  }

  /** From now on, in the middle of responses as well. Peers that are connected stay as they are. */
  change(options: RateOptions): void {
    this.#rates = ratesOf(options);
    this.#observe();
  }

  #observe(): void {
    if (!this.isOn || this.#isWatching || this.#transfers === undefined) return;
    this.#isWatching = true;
    this.#transfers.observe(this);
  }

  began(transfer: Transfer): void {
    const { peer, owed, client } = transfer;
    if (peer !== null) this.#pacer.begin(peer, owed, client, transfer);
  }

  /** An answer that is handed over whole is about to be sent. */
  ended(transfer: Transfer): void {
    if (transfer.streamed || transfer.owed === 0) return;
    const { peer, owed, client } = transfer;
    if (peer !== null) this.#pacer.begin(peer, owed, client);
  }

  /** A peer of the seeder is connected at `descriptor`. */
  readonly joined = (descriptor: number, address: string): void => {
    if (this.isOn) this.#pacer.join(descriptor, address);
  };

  /** The supervisor's end. */
  get answers(): Answers<RateTopics> {
    return { rates: (report) => this.settle(report) };
  }

  /** Takes the report of a process, and answers with the shares of its clients. */
  settle({ process, usage }: RateTopics["rates"]["question"]): Shares {
    return this.#ledger.settle(process, usage, performance.now() / 1000);
  }
}

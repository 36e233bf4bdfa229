/**
 * The metrics of a process that answers requests: it observes their transfers, reads
 * figures, reports downloads to the hub, and answers /-/metrics for all processes.
 */

import type { Transfers } from "../../files/transfers.ts";
import type { Plan } from "../../http/plan.ts";
import { DownloadReports } from "./download-reports.ts";
import { type Figures, Sampler } from "./sampler.ts";
import type { Seat } from "./seat.ts";
import type { Slots } from "./slots.ts";
import { TABLE } from "./table.ts";
import { MEDIA_TYPE, renderMetrics } from "./text.ts";
import { TransferMetrics } from "./transfer-metrics.ts";

/** Addresses that a report has at most. */
const MOST_CLIENTS = 10_000;
/** Making the text takes at most one part in this many of the process's time. */
const SHARE = 20;

export class Metrics implements Disposable {
  readonly #slots: Slots;
  readonly #transfers: Transfers;
  readonly #reports: DownloadReports;
  readonly #sampler: Sampler;
  #plan: Plan | undefined;
  /** Milliseconds: when the text may be made again. */
  #next = 0;
  #hadClients = false;

  /** `own`: what this process knows of its serving. */
  constructor({ slots, slot, report, sources }: Seat, transfers: Transfers, own: () => Figures) {
    const numbers = slots.at(slot);
    this.#slots = slots;
    this.#transfers = transfers;
    this.#reports = new DownloadReports(slot, report);
    this.#sampler = new Sampler(numbers, ...sources, own);
    transfers.observe(new TransferMetrics(numbers, this.#reports));
  }

  /** Samples these, too. */
  add(source: () => Figures): void {
    this.#sampler.add(source);
  }

  start(): void {
    this.#sampler.start((isSample) => void this.#report(isSample));
  }

  [Symbol.dispose](): void {
    this.#sampler[Symbol.dispose]();
  }

  /** Reports what hasn't been, before the process ends. Never rejects. */
  async flush(): Promise<void> {
    await this.#report(true);
    this.#sampler.sample();
  }

  readonly routes = { "/-/metrics": () => this.plan() };

  /** The answer to /-/metrics. */
  plan(): Plan {
    const began = performance.now();
    if (this.#plan !== undefined && began < this.#next) return this.#plan;
    this.#sampler.sample();
    this.#plan = planText(renderMetrics(TABLE, this.#slots.sum()));
    const ended = performance.now();
    this.#next = ended + SHARE * (ended - began);
    return this.#plan;
  }

  async #report(isSample: boolean): Promise<void> {
    await this.#reports.send(isSample ? this.#clients() : undefined);
  }

  /** Those of streamed answers; undefined when there are none, as before. */
  #clients(): string[] | undefined {
    const clients = new Set<string>();
    for (const { client } of this.#transfers) {
      if (client !== "" && clients.size < MOST_CLIENTS) clients.add(client);
    }
    const isNews = clients.size > 0 || this.#hadClients;
    this.#hadClients = clients.size > 0;
    return isNews ? [...clients] : undefined;
  }
}

function planText(text: string): Plan {
  return {
    status: 200,
    fields: { "content-type": MEDIA_TYPE, "cache-control": "no-store" },
    content: { kind: "text", text },
  };
}

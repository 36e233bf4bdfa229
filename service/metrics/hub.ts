/**
 * What one process knows for all: the supervisor, or the only one. It joins the reports of
 * all processes: which downloads are complete, how many clients there are, and how much
 * goes to peers of the tracker by HTTP.
 */

import { type DownloadReport, takeReport } from "./download-reports.ts";
import { Downloads } from "./downloads.ts";
import { observe } from "./registry.ts";
import type { Figures } from "./sampler.ts";
import { DOWNLOADS, TABLE } from "./table.ts";

const { started, completed, downloadTimes, swarmBytes } = TABLE.metrics;

/** Milliseconds after which a process that tells nothing has no clients any more. */
const SILENT = 5_000;

export interface HubOptions {
  /** Of this process. */
  readonly numbers: Float64Array;
  /** What clients count by: an IPv4 address or an IPv6 network of 64 bits. */
  readonly sourceOf: (client: string) => string | undefined;
  /** Whether a peer of the tracker has this address. */
  readonly isPeer: (client: string) => boolean;
  /** Milliseconds. */
  readonly now?: () => number;
}

export class Hub {
  readonly #options: HubOptions;
  readonly #downloads: Downloads;
  readonly #now: () => number;
  /** By process. */
  readonly #clients = new Map<number, { readonly addresses: readonly string[]; told: number }>();

  constructor(options: HubOptions) {
    const { numbers } = options;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#downloads = new Downloads({
      started: () => void numbers[started.at]!++,
      completed: (milliseconds) => {
        numbers[completed.at]!++;
        observe(numbers, downloadTimes.at, DOWNLOADS, milliseconds / 1000);
      },
    });
  }

  take(report: DownloadReport): void {
    const { from, clients } = report;
    const { numbers, isPeer, sourceOf } = this.#options;
    if (clients !== undefined) this.#clients.set(from, { addresses: clients, told: this.#now() });
    takeReport(this.#downloads, report, sourceOf, (client, bytes) => {
      if (isPeer(client)) numbers[swarmBytes.at]! += bytes;
    });
  }

  readonly figures = (): Figures => {
    const addresses = new Set<string>();
    for (const [from, { addresses: some, told }] of this.#clients) {
      if (this.#now() - told > SILENT) this.#clients.delete(from);
      else for (const address of some) addresses.add(address);
    }
    return { clients: addresses.size };
  };
}

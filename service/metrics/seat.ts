/**
 * Where a process counts. One that serves alone has all numbers to itself. A supervisor has
 * the hub, and shares its memory with its workers, each of which reports to it.
 */

import { startedAs } from "../../os/child-process.ts";
import { version } from "../../package.json" with { type: "json" };
import type { DownloadReport } from "./download-reports.ts";
import { Hub } from "./hub.ts";
import { figuresOf, type OriginFigures } from "./origin-figures.ts";
import { type Figures, Sampler } from "./sampler.ts";
import { SlotList, Slots } from "./slots.ts";
import { TABLE } from "./table.ts";

/** What the hub needs of the process that has tracker, seeder and digests. */
export interface HubOrigin {
  readonly figures: OriginFigures;
  sourceOf(client: string): string | undefined;
  isPeer(client: string): boolean;
}

/** A process's place among those that count. */
export interface Seat {
  readonly slots: Slots;
  /** Of this process. */
  readonly slot: number;
  /** Gives a report to the hub. */
  readonly report: (report: DownloadReport) => Promise<unknown> | void;
  /** What else this process knows. */
  readonly sources: readonly (() => Figures)[];
}

/** The questions of a worker about metrics: there is one, and it is no question. */
export type ReportTopics = {
  readonly downloads: { readonly question: DownloadReport; readonly answer: undefined };
};

/** For a process that serves alone. */
export function seatAlone(origin: HubOrigin): Seat {
  const slots = Slots.alone(TABLE);
  const hub = hubOf(slots, origin);
  const alone = (): Figures => ({ workers: { listening: 1 } });
  const sources = [...hubSources(hub, origin), alone];
  return { slots, slot: 0, report: (report) => hub.take(report), sources };
}

/** The environment variable of a worker that is counted; its value is the number of its slot. */
const SLOT = "RANGESRV_SLOT";
/** The number that the descriptor of the memory has there. */
const INHERITED = 3;

/** For a worker; `report` reaches the supervisor. Undefined: it isn't counted. */
export function seatOfWorker(report: Seat["report"]): Seat | undefined {
  const slot = startedAs(SLOT);
  const slots = slot === undefined ? undefined : Slots.inherited(TABLE, INHERITED);
  return slots && { slots, slot: Number(slot), report, sources: [] };
}

/** What a worker is started with in order to be counted. */
export interface WorkerSeat {
  readonly environment: Readonly<Record<string, string>>;
  /** They follow stdin, stdout and stderr. */
  readonly descriptors: readonly number[];
  /** The worker has ended, or wasn't started. */
  release(): void;
}

/** Why a worker was replaced. */
export type Reason = "ended" | "hung" | "reload";

/** The supervisor's side. */
export class SupervisorMetrics {
  readonly #slots: Slots;
  readonly #list: SlotList;
  readonly #hub: Hub;
  readonly #sources: readonly (() => Figures)[];
  readonly #restarts: Record<Reason, number> = { ended: 0, hung: 0, reload: 0 };
  /** Of the memory; undefined where the system has none that can be shared. */
  readonly #descriptor: number | undefined;

  constructor(origin: HubOrigin, workers: number) {
    const { slots, descriptor } = Slots.shared(TABLE, workers);
    this.#slots = slots;
    this.#descriptor = descriptor;
    this.#list = new SlotList(slots.count);
    this.#hub = hubOf(slots, origin);
    this.#sources = hubSources(this.#hub, origin);
  }

  /** `own`: what this process knows besides. */
  start(own: () => Figures): void {
    const restarts = () => ({ restarts: this.#restarts });
    new Sampler(this.#slots.at(0), ...this.#sources, restarts, own).start(() => {});
  }

  take(report: DownloadReport): void {
    this.#hub.take(report);
  }

  /** For a worker that is about to start; undefined: it isn't counted. */
  takeSeat(): WorkerSeat | undefined {
    const slot = this.#descriptor === undefined ? undefined : this.#list.take();
    if (this.#descriptor === undefined || slot === undefined) return undefined;
    return {
      environment: { [SLOT]: String(slot) },
      descriptors: [this.#descriptor],
      release: () => {
        this.#slots.clearGauges(slot);
        this.#list.release(slot);
      },
    };
  }

  restarted(reason: Reason): void {
    this.#restarts[reason] += 1;
  }
}

function hubOf(slots: Slots, origin: HubOrigin): Hub {
  const sourceOf = (client: string) => origin.sourceOf(client);
  return new Hub({ numbers: slots.at(0), sourceOf, isPeer: (client) => origin.isPeer(client) });
}

function hubSources(hub: Hub, origin: HubOrigin): readonly (() => Figures)[] {
  const start = (Date.now() - performance.now()) / 1000;
  const build = { [`${version}/${Bun.version}`]: 1 };
  return [hub.figures, () => figuresOf(origin.figures), () => ({ start, build })];
}

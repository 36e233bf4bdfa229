/**
 * SIGHUP: the options are read again. What can change while the program runs is handed to
 * those who wait for it (reload.ts). With workers, successors start with the new options
 * (supervisor.ts). One line says what can't change without a restart; it keeps its value.
 * A mistake in the options changes nothing.
 */

import type { Log } from "./log.ts";
import type { Settings } from "./option-sources.ts";
import { type Field, ROWS, TABLE } from "./option-table.ts";
import { Mistake } from "./option-values.ts";
import { type CommandLine, handOver, optionsOf } from "./options.ts";
import { type Reloads, reloads } from "./reload.ts";

/** Options that were read again and that everybody can use. */
export interface Reload {
  readonly settings: Settings;
  /** Puts them in force in this process; called at most once. */
  readonly apply: () => void;
}

export interface ReloaderOptions {
  /** What runs. */
  readonly settings: Settings;
  /** Reads the arguments, the variables and the file again. */
  readonly read: () => CommandLine;
  /** Whether new workers take the place of the old. */
  readonly withWorkers: boolean;
  readonly log: Log;
  readonly tell: Log;
  /** In tests another than the program's. */
  readonly reloads?: Reloads;
}

export class Reloader {
  readonly #options: ReloaderOptions;
  #settings: Settings;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#settings = options.settings;
  }

  /** Reads the options again. Undefined when what runs is kept; a line says why. */
  next(): Reload | undefined {
    try {
      return this.#read();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#options.log(`SIGHUP: kept what runs: ${error.message}`);
      return undefined;
    }
  }

  /** {@link next}, with what a worker that shares `port` is started with. */
  nextFor(port: number): (Reload & { readonly handed: string }) | undefined {
    const next = this.next();
    return next && { ...next, handed: handOver(next.settings, port) };
  }

  #read(): Reload {
    const { read, withWorkers, log, tell, reloads: own = reloads } = this.#options;
    const commandLine = read();
    if (commandLine.kind === "mistake") throw new Mistake(commandLine.reason);
    if (commandLine.kind !== "serve") throw new Mistake("the arguments have another meaning now");
    const changes = changesBetween(this.#settings, commandLine.settings, withWorkers);
    const { settings, taken, kept } = changes;
    const apply = own.prepare(optionsOf(settings));
    if (kept.length > 0) log(`SIGHUP: ${explainKept(this.#settings, kept)}`);
    if (taken.length > 0) tell(`SIGHUP: changes ${namesOf(taken)}`);
    else if (kept.length === 0 && !withWorkers) tell("SIGHUP: no option changed");
    return {
      settings,
      apply: () => {
        this.#settings = settings;
        apply();
      },
    };
  }
}

/** What of `after` can take the place of `before`, and which fields can't. */
export function changesBetween(before: Settings, after: Settings, withWorkers: boolean) {
  const changed = ROWS.map(([field]) => field).filter(
    (field) => !Bun.deepEquals(before[field].texts, after[field].texts),
  );
  const taken = changed.filter((field) => canChange(field, withWorkers));
  const kept = changed.filter((field) => !canChange(field, withWorkers));
  const settings = { ...after, ...Object.fromEntries(kept.map((field) => [field, before[field]])) };
  return { settings: settings as Settings, taken, kept };
}

function canChange(field: Field, withWorkers: boolean): boolean {
  const when: "now" | "workers" | undefined = ROWS.find(([one]) => one === field)?.[1].reload;
  return when === "now" || (when === "workers" && withWorkers);
}

function explainKept(settings: Settings, kept: readonly Field[]): string {
  const values = kept.map((field) => settings[field].texts.join(" ") || "none");
  return `${namesOf(kept)} can't change without a restart; kept ${values.join(", ")}`;
}

function namesOf(fields: readonly Field[]): string {
  return fields.map((field) => TABLE[field].name).join(", ");
}

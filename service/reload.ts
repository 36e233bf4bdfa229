/**
 * Who is told of new options at SIGHUP (reloader.ts). All check them first, then all apply
 * them, so a mistake changes nothing.
 *
 *     reloads.on(({ tlsKey }) => {
 *       const key = readKey(tlsKey);           // may throw one line for the operator
 *       return () => server.use(key);          // must not throw
 *     });
 */

import type { Options } from "./option-table.ts";

/**
 * Checks the new options, and reads again the files that they name, which may have changed
 * under the same name. Throws an error whose message is one line for the operator, or
 * returns what applies them.
 */
export type Prepare = (options: Options) => (() => void) | void;

export class Reloads {
  readonly #all: Prepare[] = [];

  on(prepare: Prepare): void {
    this.#all.push(prepare);
  }

  /** What applies the options for all. Throws when one of them can't use them. */
  prepare(options: Options): () => void {
    const applications = this.#all.map((prepare) => prepare(options));
    return () => {
      for (const apply of applications) apply?.();
    };
  }
}

/** Those of this process. In a worker they are never told: it is replaced by another. */
export const reloads = new Reloads();

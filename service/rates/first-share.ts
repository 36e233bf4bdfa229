/**
 * What a new connection gets before the next report is answered: as if all others wanted as
 * much as they may have. Pure.
 */

import { LEAST_PACE } from "./demand.ts";
import type { ClientShare } from "./ledger.ts";
import type { Rates } from "./shares.ts";

export class FirstShare {
  #told: ReadonlyMap<string, Pick<ClientShare, "connections">> = new Map();
  #clients = 0;
  /** Connections that began since the last report, by client. */
  readonly #arrived = new Map<string, number>();
  /** Those of these clients that had none. */
  #newcomers = 0;

  /** An answer came: the shares of the clients here, and how many clients there are at all processes. */
  tell(told: ReadonlyMap<string, Pick<ClientShare, "connections">>, clients: number): void {
    this.#told = told;
    this.#clients = clients;
  }

  /** A report is made: who arrived is in it. */
  report(): void {
    this.#arrived.clear();
    this.#newcomers = 0;
  }

  arrive(client: string): void {
    if (this.#connectionsOf(client) === 0) this.#newcomers += 1;
    this.#arrived.set(client, (this.#arrived.get(client) ?? 0) + 1);
  }

  /** Bytes a second for one more connection of a client. */
  of(client: string, { total, client: each, connection }: Rates): number {
    const others = this.#connectionsOf(client);
    const even = total / (this.#clients + this.#newcomers + (others > 0 ? 0 : 1));
    return Math.max(LEAST_PACE, Math.min(connection, Math.min(each, even) / (others + 1)));
  }

  #connectionsOf(client: string): number {
    return (this.#told.get(client)?.connections ?? 0) + (this.#arrived.get(client) ?? 0);
  }
}

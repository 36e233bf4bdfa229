/** What each client takes and wants, added up over its connections at this process. Pure. */

import type { Demand } from "./demand.ts";
import type { Usage } from "./ledger.ts";

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

export class UsageSheet {
  readonly #clients = new Map<string, Mutable<Usage>>();

  get all(): readonly Usage[] {
    return [...this.#clients.values()];
  }

  /** Bytes to a client that nothing held back. */
  count(client: string, bytes: number): void {
    this.#of(client).sent += bytes;
  }

  /** A connection that sends, or did a moment ago. */
  add(client: string, { hungry, taken }: Pick<Demand, "hungry" | "taken">): void {
    const usage = this.#of(client);
    usage.connections += 1;
    if (hungry) usage.hungry += 1;
    else usage.taken += taken;
  }

  #of(client: string): Mutable<Usage> {
    let usage = this.#clients.get(client);
    if (usage === undefined) {
      usage = { client, sent: 0, taken: 0, hungry: 0, connections: 0 };
      this.#clients.set(client, usage);
    }
    return usage;
  }
}

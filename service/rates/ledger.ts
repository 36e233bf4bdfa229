/**
 * What all processes send to all clients, and the shares that follow: the supervisor has
 * it, or the only process. Pure; times are seconds.
 *
 * Some bytes are beyond the kernel's pacing: small answers, which wait for nobody, and the
 * first packets of each connection. They are counted, and who went over a rate gets less
 * until that is made up for. Who stayed below it gets no credit.
 */

import { type Rates, type Share, shareOut } from "./shares.ts";

/** What one process sends to one client. */
export interface Usage {
  /** The client's network (os/client-network.ts). */
  readonly client: string;
  /** Bytes since the last report. */
  readonly sent: number;
  /** As in Wanted, of shares.ts. */
  readonly taken: number;
  readonly hungry: number;
  readonly connections: number;
}

export interface ClientShare extends Share {
  readonly client: string;
  /** Its connections at all processes. */
  readonly connections: number;
  /** Whether it went so far over its rate that its small answers are held back, too. */
  readonly overdrawn: boolean;
}

export interface Shares {
  /** Those of the clients in the report. */
  readonly shares: readonly ClientShare[];
  /** Clients with connections that send, at all processes. */
  readonly clients: number;
}

/** Seconds in which an excess is made up for. */
const MADE_UP_IN = 1;
/** Of a rate at least this part goes on meanwhile. */
const LEAST_PART = 0.5;
/** Seconds of a rate: reports of several processes come one after the other. */
const JITTER = 0.25;
/** Seconds of a rate that a client's small answers may go over it. */
const OVERDRAFT = 0.5;
/** Seconds after which a process that reports nothing counts as gone. */
const GONE_AFTER = 1;

export class Ledger {
  readonly #rates: Rates;
  readonly #reports = new Map<number, { readonly at: number; readonly usage: readonly Usage[] }>();
  readonly #total: Account;
  readonly #clients = new Map<string, Account>();

  constructor(rates: Rates) {
    this.#rates = rates;
    this.#total = new Account(rates.total);
  }

  /** Takes the report of a process in place of its last, and answers with the shares of its clients. */
  settle(process: number, usage: readonly Usage[], now: number): Shares {
    this.#reports.set(process, { at: now, usage });
    this.#book(usage, now);
    const all = this.#merge(now);
    for (const [client, account] of this.#clients) {
      if (!all.has(client) && account.isSettled(now)) this.#clients.delete(client);
    }
    const { connection } = this.#rates;
    const total = this.#total.left();
    const wanted = [...all].map(([client, one]) => ({ ...one, limit: this.#limitOf(client) }));
    const shares = shareOut({ total, connection }, wanted);
    const byClient = new Map([...all.keys()].map((client, at) => [client, shares[at]]));
    const told = usage.map(({ client }) => {
      const share = byClient.get(client) ?? { level: 0, assured: 0, scope: undefined };
      const overdrawn = this.#clients.get(client)?.isOver(OVERDRAFT) ?? false;
      return { ...share, client, connections: all.get(client)?.connections ?? 0, overdrawn };
    });
    return { shares: told, clients: all.size };
  }

  #limitOf(client: string): number {
    const { client: rate } = this.#rates;
    return rate === Infinity ? rate : (this.#clients.get(client)?.left() ?? rate);
  }

  #book(usage: readonly Usage[], now: number): void {
    let sum = 0;
    // Also where there is no rate for each client: none may take more than all together.
    const rate = Math.min(this.#rates.client, this.#rates.total);
    for (const { client, sent } of usage) {
      sum += sent;
      let account = this.#clients.get(client);
      if (account === undefined) this.#clients.set(client, (account = new Account(rate)));
      account.book(sent, now);
    }
    this.#total.book(sum, now);
  }

  /** The clients of all processes, each once. */
  #merge(now: number): Map<string, Omit<Usage, "client" | "sent">> {
    const all = new Map<string, Omit<Usage, "client" | "sent">>();
    for (const [process, { at, usage }] of this.#reports) {
      if (now - at > GONE_AFTER || usage.length === 0) {
        this.#reports.delete(process);
        continue;
      }
      for (const { client, taken, hungry, connections } of usage) {
        if (connections === 0) continue;
        const other = all.get(client);
        all.set(client, {
          taken: taken + (other?.taken ?? 0),
          hungry: hungry + (other?.hungry ?? 0),
          connections: connections + (other?.connections ?? 0),
        });
      }
    }
    return all;
  }
}

/** What was sent above a rate and isn't made up for. */
class Account {
  readonly #rate: number;
  #excess = 0;
  #at: number | undefined;

  constructor(rate: number) {
    this.#rate = rate;
  }

  book(sent: number, now: number): void {
    if (this.#rate === Infinity) return;
    const elapsed = this.#at === undefined ? JITTER : now - this.#at;
    this.#at = now;
    const excess = this.#excess + sent - this.#rate * elapsed;
    const [least, most] = [-JITTER * this.#rate, MADE_UP_IN * this.#rate];
    this.#excess = Math.min(most, Math.max(least, excess));
  }

  /** The rate until the next look. */
  left(): number {
    if (this.#rate === Infinity) return Infinity;
    const less = Math.max(0, this.#excess) / MADE_UP_IN;
    return Math.max(LEAST_PART * this.#rate, this.#rate - less);
  }

  isOver(seconds: number): boolean {
    return this.#rate !== Infinity && this.#excess > seconds * this.#rate;
  }

  /** Whether it may be forgotten. */
  isSettled(now: number): boolean {
    if (this.#rate === Infinity || this.#at === undefined) return true;
    return this.#excess - this.#rate * (now - this.#at) <= -JITTER * this.#rate;
  }
}

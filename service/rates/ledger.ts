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

type Sum = Omit<Usage, "client" | "sent">;

/** Seconds in which an excess is made up for. */
const MADE_UP_IN = 1;
/** Of a rate at least this part goes on meanwhile. */
const LEAST_PART = 0.5;
/** Seconds of a rate: reports of several processes come one after the other. */
const JITTER = 0.25;
/** Bytes: what the kernel sends at once on a connection is no excess. Over short round trips it is more. */
const BURST = 16 * 1024;
/** Seconds of a rate that a client's small answers may go over it. */
const OVERDRAFT = 0.5;
/** Seconds after which a process that reports nothing counts as gone. */
const GONE_AFTER = 1;

export class Ledger {
  readonly #rates: () => Rates;
  readonly #reports = new Map<number, { readonly at: number; readonly usage: readonly Usage[] }>();
  readonly #total = new Account();
  readonly #clients = new Map<string, Account>();

  /** The rates may change. */
  constructor(rates: () => Rates) {
    this.#rates = rates;
  }

  /** Takes the report of a process in place of its last, and answers with the shares of its clients. */
  settle(process: number, usage: readonly Usage[], now: number): Shares {
    this.#reports.set(process, { at: now, usage });
    const all = this.#merge(now);
    this.#book(usage, all, now);
    const { total: most, client: each, connection } = this.#rates();
    const rate = Math.min(each, most);
    for (const [client, account] of this.#clients) {
      if (!all.has(client) && account.isSettled(rate, now)) this.#clients.delete(client);
    }
    const total = this.#total.left(most);
    const wanted = [...all].map(([client, one]) => {
      return { ...one, limit: this.#clients.get(client)?.left(each) ?? each };
    });
    const shares = shareOut({ total, connection }, wanted);
    const byClient = new Map([...all.keys()].map((client, at) => [client, shares[at]]));
    const told = usage.map(({ client }) => {
      const share = byClient.get(client) ?? { level: 0, assured: 0, scope: undefined };
      const overdrawn = this.#clients.get(client)?.isOver(rate, OVERDRAFT) ?? false;
      return { ...share, client, connections: all.get(client)?.connections ?? 0, overdrawn };
    });
    return { shares: told, clients: all.size };
  }

  #book(usage: readonly Usage[], all: ReadonlyMap<string, Sum>, now: number): void {
    let [sent, connections] = [0, 0];
    for (const one of all.values()) connections += one.connections;
    // Also where there is no rate for each client: none may take more than all together.
    const { total, client: each } = this.#rates();
    const rate = Math.min(each, total);
    for (const one of usage) {
      sent += one.sent;
      let account = this.#clients.get(one.client);
      if (account === undefined) this.#clients.set(one.client, (account = new Account()));
      account.book(rate, one.sent, all.get(one.client)?.connections ?? 0, now);
    }
    this.#total.book(total, sent, connections, now);
  }

  /** The clients of all processes, each once. */
  #merge(now: number): Map<string, Sum> {
    const all = new Map<string, Sum>();
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
  #excess = 0;
  #at: number | undefined;

  book(rate: number, sent: number, connections: number, now: number): void {
    const elapsed = this.#at === undefined ? JITTER : now - this.#at;
    this.#at = now;
    if (rate === Infinity) return void (this.#excess = 0);
    const excess = this.#excess + sent - rate * elapsed;
    const least = -JITTER * rate - BURST * connections;
    this.#excess = Math.min(MADE_UP_IN * rate, Math.max(least, excess));
  }

  /** What is left of the rate until the next look. */
  left(rate: number): number {
    if (rate === Infinity) return rate;
    return Math.max(LEAST_PART * rate, rate - Math.max(0, this.#excess) / MADE_UP_IN);
  }

  isOver(rate: number, seconds: number): boolean {
    return this.#excess > seconds * rate;
  }

  /** Whether it may be forgotten. */
  isSettled(rate: number, now: number): boolean {
    if (rate === Infinity || this.#at === undefined) return true;
    return this.#excess - rate * (now - this.#at) <= -JITTER * rate;
  }
}

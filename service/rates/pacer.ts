/**
 * Holds the connections of this process to their shares. While bodies are sent, it looks at
 * them every {@link EVERY} milliseconds, reports what each client takes and wants, and has
 * the kernel hold each connection to the share that comes back. When no body is sent it
 * does nothing.
 *
 * | answer                   | what happens                                              |
 * | ------------------------ | --------------------------------------------------------- |
 * | up to {@link FREE} bytes | sent at once and counted; not of a client that overdraws   |
 * | larger                   | its connection has a share before the first byte is sent   |
 */

import { clientNetwork } from "../../os/client-network.ts";
import type { ConnectionTable } from "../../os/connection-table.ts";
import { identify, type Peer, peerKey } from "../../os/connections.ts";
import { LEAST_PACE } from "./demand.ts";
import type { ClientShare, Shares, Usage } from "./ledger.ts";
import { Paced } from "./paced.ts";
import type { Rates, Scope } from "./shares.ts";

/** Milliseconds between two looks: shares settle in three. */
const EVERY = 80;
/** Milliseconds between a look and one for an arrival, and longer when looking takes long. */
const SOON = 10;
const SHARE_OF_TIME = 10;
/** Bytes of an answer that isn't held back. */
export const FREE = 64 * 1024;
/** Milliseconds for which a connection is searched. */
const SEARCHED = 1_000;

/** Where reports go: the ledger, or the process that has it. */
export type Settle = (usage: readonly Usage[]) => Shares | Promise<Shares>;

export interface PacerOptions {
  readonly rates: Rates;
  /** The connections that requests come on. */
  readonly connections: ConnectionTable;
  readonly settle: Settle;
}

/** A client whose connection isn't found yet. */
interface Unfound {
  readonly client: string;
  owed: number;
  readonly since: number;
}

export class Pacer {
  readonly #options: PacerOptions;
  /** By {@link peerKey}. */
  readonly #paced = new Map<string, Paced[]>();
  /** The seeder's, by descriptor. */
  readonly #peers = new Map<number, Paced>();
  readonly #unfound = new Map<string, Unfound>();
  /** Bytes of small answers by client since the last report. */
  readonly #small = new Map<string, number>();
  #shares = new Map<string, ClientShare>();
  #clients = 0;
  #settledAt = 0;
  #gap = SOON;
  /** Connections that began since the last report, by client. */
  readonly #arrived = new Map<string, number>();
  /** Those of these clients that had none. */
  #newcomers = 0;
  #isSettling = false;
  /** Whether something began while a report waited for its answer. */
  #isDue = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isSoon = false;
  /** Seconds for which connections were held back, by what held them back. */
  readonly throttled: Record<Scope, number> = { total: 0, client: 0, connection: 0 };

  constructor(options: PacerOptions) {
    this.#options = options;
  }

  /** Connections that are held to a rate now. */
  get size(): number {
    return this.#paced.size + this.#peers.size;
  }

  /**
   * A body of `owed` bytes is about to be sent on the connection of `peer`, for a client at
   * `address`. Call it before the first byte is sent.
   */
  begin(peer: Peer, owed: number, address = peer.address): void {
    const client = clientNetwork(address);
    const key = peerKey(peer);
    if (owed <= FREE && !this.#shares.get(client)?.overdrawn) {
      if (this.#paced.has(key)) return;
      this.#small.set(client, (this.#small.get(client) ?? 0) + owed);
      return this.#lookIn(EVERY, false);
    }
    if (!this.#beginOn(key, client, owed)) {
      const unfound = this.#unfound.get(key);
      if (unfound === undefined) this.#unfound.set(key, { client, owed, since: performance.now() });
      else unfound.owed += owed;
    }
    this.#arrive();
  }

  /** A peer of the seeder connected: its connection is held to a share until it is closed. */
  join(descriptor: number, address: string): void {
    const connection = identify(descriptor);
    if (connection === undefined) return;
    const paced = new Paced(connection, clientNetwork(address), performance.now());
    this.#peers.set(descriptor, this.#take(paced));
    this.#lookIn(EVERY, false);
  }

  /** Seconds for which the connections of `peer` have been held back. */
  throttledFor(peer: Peer): number {
    const all = this.#paced.get(peerKey(peer)) ?? [];
    return all.reduce((sum, one) => sum + one.throttled, 0);
  }

  /** False: its connection isn't found. */
  #beginOn(key: string, client: string, owed: number): boolean {
    const now = performance.now();
    const connections = this.#options.connections.find(key);
    if (connections.length === 0) return false;
    const known = this.#paced.get(key) ?? [];
    const all = connections.map((connection) => {
      const same = known.find((one) => one.connection.cookie === connection.cookie);
      if (same !== undefined) return same;
      return this.#take(new Paced(connection, client, now));
    });
    for (const paced of all) {
      paced.client = client;
      paced.begin(owed, now);
    }
    this.#paced.set(key, all);
    return true;
  }

  /** Holds a new connection to a share before any is told. */
  #take(paced: Paced): Paced {
    const { client } = paced;
    paced.holdTo(this.#assuredFor(client));
    const arrived = this.#arrived.get(client) ?? 0;
    if (arrived === 0 && !this.#shares.get(client)?.connections) this.#newcomers += 1;
    this.#arrived.set(client, arrived + 1);
    return paced;
  }

  /** What a connection gets before the next report is answered: as if all others wanted as much. */
  #assuredFor(client: string): number {
    const { total, client: each, connection } = this.#options.rates;
    const known = this.#shares.get(client)?.connections ?? 0;
    const arrived = this.#arrived.get(client) ?? 0;
    const even = total / (this.#clients + this.#newcomers + (known + arrived > 0 ? 0 : 1));
    return Math.max(LEAST_PACE, Math.min(connection, Math.min(each, even) / (known + arrived + 1)));
  }

  /** Reports at once, unless the last report was a moment ago. */
  #arrive(): void {
    const left = this.#settledAt + this.#gap - performance.now();
    if (left > 0 || this.#isSettling) return this.#lookIn(Math.max(1, left), true);
    this.#look();
  }

  #lookIn(milliseconds: number, soon: boolean): void {
    if (this.#timer !== undefined) {
      if (!soon || this.#isSoon) return;
      clearTimeout(this.#timer);
    }
    this.#isSoon = soon;
    this.#timer = setTimeout(() => this.#look(), milliseconds).unref();
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // The answer to the last report looks again.
    this.#isDue = this.#isSettling;
    if (this.#isSettling) return;
    const now = performance.now();
    this.#findAll(now);
    const usage = this.#examine(now);
    this.#small.clear();
    this.#arrived.clear();
    this.#newcomers = 0;
    const answer = this.#options.settle(usage);
    if (!(answer instanceof Promise)) return this.#apply(answer, now);
    this.#isSettling = true;
    void answer
      // Without an answer, the last shares stay.
      .then(
        (shares) => this.#apply(shares, now),
        () => this.#apply(undefined, now),
      )
      .finally(() => (this.#isSettling = false));
  }

  #findAll(now: number): void {
    for (const [key, { client, owed, since }] of this.#unfound) {
      if (this.#beginOn(key, client, owed) || now - since > SEARCHED) this.#unfound.delete(key);
    }
  }

  /** What each client takes and wants. Those that are gone or idle are let go. */
  #examine(now: number): Usage[] {
    const clients = new Map<string, Mutable<Usage>>();
    const usageOf = (client: string) => {
      let usage = clients.get(client);
      if (usage === undefined) {
        usage = { client, sent: 0, taken: 0, hungry: 0, connections: 0 };
        clients.set(client, usage);
      }
      return usage;
    };
    for (const [client, bytes] of this.#small) usageOf(client).sent += bytes;
    for (const [key, all] of this.#paced) {
      const left = all.filter((paced) => {
        const seen = paced.look(now);
        add(usageOf(paced.client), paced, seen === "sending" || seen === "idle");
        if (seen === "over") paced.holdTo(Infinity);
        return seen === "sending" || seen === "idle";
      });
      if (left.length === 0) this.#paced.delete(key);
      else if (left.length < all.length) this.#paced.set(key, left);
    }
    for (const [descriptor, paced] of this.#peers) {
      const seen = paced.look(now);
      // A peer that wants nothing now isn't counted, and stays.
      if (seen !== "over") add(usageOf(paced.client), paced, seen !== "gone");
      if (seen === "gone") this.#peers.delete(descriptor);
    }
    return [...clients.values()];
  }

  #apply(shares: Shares | undefined, began: number): void {
    if (shares !== undefined) {
      this.#shares = new Map(shares.shares.map((share) => [share.client, share]));
      this.#clients = shares.clients;
    }
    for (const all of this.#paced.values()) for (const paced of all) this.#hold(paced);
    for (const paced of this.#peers.values()) this.#hold(paced);
    const now = performance.now();
    this.#settledAt = now;
    this.#gap = Math.max(SOON, SHARE_OF_TIME * (now - began));
    const isBusy = this.size + this.#unfound.size + this.#small.size + this.#shares.size > 0;
    if (isBusy) this.#lookIn(this.#isDue ? this.#gap : Math.max(EVERY, this.#gap), this.#isDue);
  }

  #hold(paced: Paced): void {
    const share = this.#shares.get(paced.client);
    if (share === undefined || share.connections === 0) {
      return paced.holdTo(this.#assuredFor(paced.client));
    }
    paced.hold(share);
    if (!paced.demand.hungry || share.scope === undefined) return;
    paced.throttled += paced.elapsed;
    this.throttled[share.scope] += paced.elapsed;
  }
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

function add(usage: Mutable<Usage>, { sent, demand }: Paced, isOpen: boolean): void {
  usage.sent += sent;
  if (!isOpen) return;
  usage.connections += 1;
  if (demand.hungry) usage.hungry += 1;
  else usage.taken += demand.taken;
}

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
import { FirstShare } from "./first-share.ts";
import type { ClientShare, Shares, Usage } from "./ledger.ts";
import { Paced, type Throttled } from "./paced.ts";
import type { Rates, Scope } from "./shares.ts";
import { UsageSheet } from "./usage.ts";

/** Milliseconds between two looks: shares settle in three. */
const EVERY = 80;
/** Milliseconds between a look and one for an arrival, and longer when looking takes long. */
const SOON = 10;
const SHARE_OF_TIME = 10;
/** Bytes of an answer that isn't held back. */
export const FREE = 64 * 1024;
/** Milliseconds for which a connection is searched. */
const SEARCHED = 250;
/** Bytes that one which wasn't found counts for. */
const MOST_MISSED = 1024 * 1024;

/** Where reports go: the ledger, or the process that has it. */
export type Settle = (usage: readonly Usage[]) => Shares | Promise<Shares>;

export interface PacerOptions {
  /** They may change. */
  readonly rates: () => Rates;
  /** The connections that requests come on. */
  readonly connections: ConnectionTable;
  readonly settle: Settle;
}

/** A client whose connection isn't found yet. */
interface Unfound {
  readonly client: string;
  readonly address: string;
  readonly owed: number;
  readonly told: Throttled | undefined;
  readonly since: number;
}

export class Pacer {
  readonly #options: PacerOptions;
  /** By {@link peerKey}. */
  readonly #paced = new Map<string, Paced[]>();
  /** The seeder's, by descriptor. */
  readonly #peers = new Map<number, Paced>();
  readonly #unfound = new Map<string, Unfound>();
  /** Bytes that nothing held back, by the client's address, since the last report. */
  readonly #unpaced = new Map<string, number>();
  #shares = new Map<string, ClientShare>();
  readonly #first = new FirstShare();
  #settledAt = 0;
  #gap = SOON;
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
   * A body of `owed` bytes is about to be sent on the connection of `peer`, to the client at
   * `address`. `told`, if it goes on, is told for how long it is held back. Call it before
   * the first byte is sent.
   */
  begin(peer: Peer, owed: number, address: string, told?: Throttled): void {
    // The usual case costs little: nobody overdraws, and no connection is held.
    if (owed <= FREE && this.#shares.size === 0 && this.#paced.size === 0) {
      return this.#count(address, owed);
    }
    const client = clientNetwork(address);
    const key = peerKey(peer);
    if (owed <= FREE && !this.#shares.get(client)?.overdrawn) {
      if (!this.#paced.has(key)) this.#count(address, owed);
      return;
    }
    if (!this.#beginOn(key, client, owed, told)) {
      const since = this.#unfound.get(key)?.since ?? performance.now();
      this.#unfound.set(key, { client, address, owed, told, since });
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

  /** False: its connection isn't found. */
  #beginOn(key: string, client: string, owed: number, told: Throttled | undefined): boolean {
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
      paced.begin(owed, now, told);
    }
    this.#paced.set(key, all);
    return true;
  }

  /** Holds a new connection to a share before any is told. */
  #take(paced: Paced): Paced {
    paced.holdTo(this.#first.of(paced.client, this.#options.rates()));
    this.#first.arrive(paced.client);
    return paced;
  }

  #count(address: string, bytes: number): void {
    this.#unpaced.set(address, (this.#unpaced.get(address) ?? 0) + bytes);
    if (this.#timer === undefined) this.#lookIn(EVERY, false);
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
    this.#unpaced.clear();
    this.#first.report();
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
    for (const [key, { client, address, owed, told, since }] of this.#unfound) {
      const isFound = this.#beginOn(key, client, owed, told);
      if (!isFound && now - since <= SEARCHED) continue;
      this.#unfound.delete(key);
      // Nothing held it back, and it is over: it has taken all, or some.
      if (!isFound) this.#count(address, Math.min(owed, MOST_MISSED));
    }
  }

  /** What each client takes and wants. Those that are gone or idle are let go. */
  #examine(now: number): readonly Usage[] {
    const sheet = new UsageSheet();
    const look = (paced: Paced) => {
      const seen = paced.look(now);
      sheet.count(paced.client, paced.sent);
      if (seen === "open") sheet.add(paced.client, paced.demand);
      return seen;
    };
    for (const [address, bytes] of this.#unpaced) sheet.count(clientNetwork(address), bytes);
    // Until it has made up for it.
    for (const [client, { overdrawn }] of this.#shares) if (overdrawn) sheet.count(client, 0);
    for (const [key, all] of this.#paced) {
      const left = all.filter((paced) => {
        const seen = look(paced);
        if (seen === "over") paced.holdTo(Infinity);
        return seen === "open";
      });
      if (left.length === 0) this.#paced.delete(key);
      else if (left.length < all.length) this.#paced.set(key, left);
    }
    // A peer that wants nothing now stays.
    for (const [at, paced] of this.#peers) if (look(paced) === "gone") this.#peers.delete(at);
    return sheet.all;
  }

  #apply(shares: Shares | undefined, began: number): void {
    if (shares !== undefined) {
      // Who has no connection and doesn't overdraw is as one that isn't known.
      const known = shares.shares.filter((one) => one.connections > 0 || one.overdrawn);
      this.#shares = new Map(known.map((share) => [share.client, share]));
      this.#first.tell(this.#shares, shares.clients);
    }
    for (const all of this.#paced.values()) for (const paced of all) this.#hold(paced);
    for (const paced of this.#peers.values()) this.#hold(paced);
    const now = performance.now();
    this.#settledAt = now;
    this.#gap = Math.max(SOON, SHARE_OF_TIME * (now - began));
    const isBusy = this.size + this.#unfound.size + this.#unpaced.size + this.#shares.size > 0;
    if (isBusy) this.#lookIn(this.#isDue ? this.#gap : Math.max(EVERY, this.#gap), this.#isDue);
  }

  #hold(paced: Paced): void {
    const share = this.#shares.get(paced.client);
    if (share === undefined || share.connections === 0) {
      return paced.holdTo(this.#first.of(paced.client, this.#options.rates()));
    }
    paced.hold(share);
    if (!paced.demand.hungry || share.scope === undefined) return;
    paced.tell();
    this.throttled[share.scope] += paced.elapsed;
  }
}

/**
 * The connections to one port of this process by the address and port of their client, so
 * that the one of a request is found without a look at all descriptors. The runtime tells
 * nothing of a connection before its first request. So a client that isn't in the table is
 * searched for:
 *
 * 1. at the descriptors that no connection is known at, since a new one gets the lowest free
 *    number, and at those that were entered last, since a client that closes its connection
 *    for each request leaves its number to the next;
 * 2. then at all others: their connections may have been closed, and their numbers given away.
 *
 * Every search enters all the new connections that it meets.
 */

import { clientNetwork } from "./client-network.ts";
import { type Connection, identify, isStill } from "./connections.ts";
import { countDescriptors, listDescriptors } from "./descriptors.ts";
import { peerAt } from "./peer.ts";

/** Searches take at most one part in this many of the process's time. */
const SHARE = 4;
/** How many that were entered last are looked at first. */
const LATEST = 64;

interface Entry {
  readonly connection: Connection;
  readonly peer: string;
  /** The network of its client. */
  readonly client: string;
}

export class ConnectionTable {
  readonly #port: () => number;
  readonly #byDescriptor = new Map<number, Entry>();
  readonly #byPeer = new Map<string, Set<Entry>>();
  readonly #byClient = new Map<string, Set<Entry>>();
  readonly #latest: Connection[] = [];
  /** The greatest number at which a connection was found. */
  #highest = 0;
  /** Milliseconds: when a search is allowed again. */
  #nextSearch = 0;

  constructor(port: () => number) {
    this.#port = port;
  }

  get size(): number {
    return this.#byDescriptor.size;
  }

  /**
   * The connections of a client, by its {@link peerKey}: more than one when it connects from
   * one port of its own to several addresses of this machine. Empty when there is none, or
   * when it is too early for another search.
   */
  find(peer: string): readonly Connection[] {
    const known = this.#verified(this.#byPeer.get(peer));
    if (known.length > 0) return known;
    const began = performance.now();
    if (began < this.#nextSearch) return known;
    for (const connection of this.#latest.splice(0)) this.#keepIfOpen(connection);
    this.#searchFree();
    let found = this.#verified(this.#byPeer.get(peer));
    if (found.length === 0) {
      this.#searchAll();
      found = this.#verified(this.#byPeer.get(peer));
    }
    const ended = performance.now();
    this.#nextSearch = ended + (SHARE - 1) * (ended - began);
    return found;
  }

  /** The connections of a client's network that were found, in the order in which they were. */
  of(client: string): readonly Connection[] {
    return this.#verified(this.#byClient.get(client));
  }

  /** This process has closed it. */
  forget(connection: Connection): void {
    this.#remove(connection);
  }

  #verified(entries: Iterable<Entry> = []): Connection[] {
    const connections = Array.from(entries, ({ connection }) => connection);
    return connections.filter((one) => this.#isOpen(one));
  }

  #isOpen(connection: Connection): boolean {
    if (isStill(connection)) return true;
    this.#remove(connection);
    return false;
  }

  #keepIfOpen(connection: Connection): void {
    if (this.#isOpen(connection)) this.#latest.push(connection);
  }

  #searchFree(): void {
    const most = countDescriptors() ?? 0;
    for (let at = 0; at <= Math.max(most, this.#highest + 1); at++) {
      if (!this.#byDescriptor.has(at)) this.#enter(at);
    }
  }

  #searchAll(): void {
    for (const { connection } of this.#byDescriptor.values()) this.#isOpen(connection);
    for (const at of listDescriptors() ?? []) if (!this.#byDescriptor.has(at)) this.#enter(at);
  }

  #enter(descriptor: number): void {
    const connection = identify(descriptor);
    const peer = connection && peerAt(descriptor, this.#port());
    if (connection === undefined || peer === undefined) return;
    const client = clientNetwork(peer.slice(0, peer.lastIndexOf(":")).replace(/[[\]]/g, ""));
    const entry = { connection, peer, client };
    this.#byDescriptor.set(descriptor, entry);
    this.#latest.push(connection);
    if (this.#latest.length > LATEST) this.#latest.shift();
    this.#highest = Math.max(this.#highest, descriptor);
    add(this.#byPeer, peer, entry);
    add(this.#byClient, client, entry);
  }

  #remove({ descriptor, cookie }: Connection): void {
    const entry = this.#byDescriptor.get(descriptor);
    if (entry?.connection.cookie !== cookie) return;
    this.#byDescriptor.delete(descriptor);
    drop(this.#byPeer, entry.peer, entry);
    drop(this.#byClient, entry.client, entry);
  }
}

function add(all: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const others = all.get(key);
  if (others === undefined) all.set(key, new Set([entry]));
  else others.add(entry);
}

function drop(all: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const others = all.get(key);
  others?.delete(entry);
  if (others?.size === 0) all.delete(key);
}

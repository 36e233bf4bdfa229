/**
 * The connections to one port of this process by the address and port of their client, so
 * that the one of a request is found without a look at all descriptors. The runtime tells
 * nothing of a connection before its first request. So a client that isn't in the table is
 * searched for:
 *
 * 1. at the descriptors that no connection is known at: a new one gets the lowest free number;
 * 2. then at those whose connection is known: it may have been closed, and its number given away.
 *
 * Every search enters all the new connections that it meets.
 */

import { type Connection, identify, isStill, peerAt } from "./connections.ts";
import { countDescriptors, listDescriptors } from "./descriptors.ts";

/** Searches take at most one part in this many of the process's time. */
const SHARE = 8;

interface Entry {
  readonly connection: Connection;
  readonly peer: string;
}

export class ConnectionTable {
  readonly #port: () => number;
  readonly #byDescriptor = new Map<number, Entry>();
  readonly #byPeer = new Map<string, Set<Entry>>();
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
    const known = this.#verified(peer);
    if (known.length > 0) return known;
    const began = performance.now();
    if (began < this.#nextSearch) return known;
    this.#searchFree();
    let found = this.#verified(peer);
    if (found.length === 0) {
      this.#searchAll();
      found = this.#verified(peer);
    }
    const ended = performance.now();
    this.#nextSearch = ended + (SHARE - 1) * (ended - began);
    return found;
  }

  /** Every connection, by the {@link peerKey} of its client. */
  *all(): Iterable<readonly [peer: string, connection: Connection]> {
    this.#searchAll();
    for (const { peer, connection } of this.#byDescriptor.values()) yield [peer, connection];
  }

  #verified(peer: string): Connection[] {
    const entries = [...(this.#byPeer.get(peer) ?? [])];
    return entries.map(({ connection }) => connection).filter((one) => this.#isOpen(one));
  }

  #isOpen(connection: Connection): boolean {
    if (isStill(connection)) return true;
    this.#remove(connection.descriptor);
    return false;
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
    const entry = { connection, peer };
    this.#byDescriptor.set(descriptor, entry);
    this.#highest = Math.max(this.#highest, descriptor);
    const others = this.#byPeer.get(peer);
    if (others === undefined) this.#byPeer.set(peer, new Set([entry]));
    else others.add(entry);
  }

  #remove(descriptor: number): void {
    const entry = this.#byDescriptor.get(descriptor);
    if (entry === undefined) return;
    this.#byDescriptor.delete(descriptor);
    const others = this.#byPeer.get(entry.peer);
    others?.delete(entry);
    if (others?.size === 0) this.#byPeer.delete(entry.peer);
  }
}

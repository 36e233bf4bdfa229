/**
 * Sums over the peers of all swarms, kept as peers come, change and go: how many there
 * are, and how much they have downloaded, which is what they say.
 */

import { type Address, isIPv4 } from "../bittorrent/address.ts";
import { enlarge } from "./slots.ts";

/** How many peers there are by family: IPv4, IPv6. */
export interface Population {
  readonly leechers: readonly [number, number];
  readonly seeders: readonly [number, number];
}

/** Bytes a second, 10 Gbit: what a peer says it has downloaded faster is not believed. */
const FASTEST = 1.25e9;

export class Census {
  readonly #population = { leechers: [0, 0], seeders: [0, 0] } as {
    leechers: [number, number];
    seeders: [number, number];
  };
  #reported = 0;
  /** By slot, what a peer said last; NaN for one that has said nothing yet. */
  #downloaded = new Float64Array(0);

  /** Peers that need pieces, and peers that don't. */
  get population(): Population {
    return this.#population;
  }

  /** Bytes that peers have downloaded, each since it announced first. */
  get reported(): number {
    return this.#reported;
  }

  /** Another peer has this slot. */
  begin(slot: number): void {
    this.#downloaded[slot] = NaN;
  }

  /** A peer says that it has downloaded so many bytes, so many seconds after it said so last. */
  report(slot: number, downloaded: number, seconds: number): void {
    const growth = downloaded - (this.#downloaded[slot] ?? NaN);
    if (growth > 0) this.#reported += Math.min(growth, FASTEST * (1 + Math.max(0, seconds)));
    this.#downloaded[slot] = downloaded;
  }

  join(as: keyof Population, address: Address): void {
    this.#population[as][familyOf(address)]++;
  }

  leave(as: keyof Population, address: Address): void {
    this.#population[as][familyOf(address)]--;
  }

  grow(capacity: number): void {
    this.#downloaded = enlarge(this.#downloaded, new Float64Array(capacity));
  }
}

function familyOf(address: Address): 0 | 1 {
  return isIPv4(address) ? 0 : 1;
}

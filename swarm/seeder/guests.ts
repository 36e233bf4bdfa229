/**
 * The peers that the seeder serves where not everybody may read: for each swarm, those
 * whose announces had a key for it of late. They are known by address, since a peer
 * connects from another port than it announces.
 */

import { sourceName } from "../bittorrent/address.ts";

/** Milliseconds after an announce: two of the longest intervals between announces. */
const WELCOME_FOR = 60 * 60_000;
/** Peers and swarms, some 150 bytes each. */
const MOST = 65_536;

export class Guests {
  /** Until when each is welcome, in milliseconds since 1970; the one that announced longest ago first. */
  readonly #until = new Map<string, number>();
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** Notes an announce with a key. `now`: milliseconds since 1970. */
  welcome(infoHash: Uint8Array, address: string, now: number): void {
    const key = keyOf(infoHash, address);
    this.#until.delete(key);
    this.#until.set(key, now + WELCOME_FOR);
    for (const oldest of this.#until.keys()) {
      if (this.#until.size <= this.#most) return;
      this.#until.delete(oldest);
    }
  }

  has(infoHash: Uint8Array, address: string, now: number): boolean {
    return (this.#until.get(keyOf(infoHash, address)) ?? -Infinity) >= now;
  }
}

function keyOf(infoHash: Uint8Array, address: string): string {
  return `${Buffer.from(infoHash).toString("hex")} ${sourceName(address) ?? address}`;
}

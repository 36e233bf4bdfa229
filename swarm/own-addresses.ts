/** The addresses of this machine, read from the system at most every five seconds. */

import { networkInterfaces } from "node:os";
import { errorCode } from "../os/error-code.ts";
import {
  type Address,
  type Interfaces,
  parseAddress,
  seederAddress,
} from "./bittorrent/address.ts";

/** Milliseconds. Reading them takes longer than the rest of an announce. */
const READ_EVERY = 5_000;

export class OwnAddresses {
  #interfaces: Interfaces = {};
  #readAt = -Infinity;

  /** All of them. */
  all(): Address[] {
    const listed = Object.values(this.#read()).flatMap((list) => list ?? []);
    return listed.flatMap(({ address }) => parseAddress(address) ?? []);
  }

  /** The one at which a client reaches this machine; `host` is the Host field of its request. */
  towards(client: Address, host: string | undefined): Address | undefined {
    return seederAddress(client, host, this.#read());
  }

  #read(): Interfaces {
    const now = performance.now();
    if (now - this.#readAt > READ_EVERY) {
      this.#readAt = now;
      this.#interfaces = readInterfaces();
    }
    return this.#interfaces;
  }
}

/** Empty where the system refuses to list them. */
function readInterfaces(): Interfaces {
  try {
    return networkInterfaces();
  } catch (error) {
    if (errorCode(error) !== undefined) return {};
    throw error;
  }
}

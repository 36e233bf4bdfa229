/** Which connection a client has, where it was found to have only one: bounded, and by its address and port. */

import { bytesWritten, type Connection } from "../os/connections.ts";

/** Clients that are remembered; the one found longest ago makes room. */
const MOST = 1024;

export class KnownConnections {
  readonly #byKey = new Map<string, Connection>();

  set(key: string, connection: Connection): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, connection);
    if (this.#byKey.size <= MOST) return;
    const [oldest = ""] = this.#byKey.keys();
    this.#byKey.delete(oldest);
  }

  /** Bytes that this process has written to it. Undefined when it isn't known, or is gone. */
  written(key: string): number | undefined {
    const known = this.#byKey.get(key);
    if (known === undefined) return undefined;
    const written = bytesWritten(known);
    if (written === undefined) this.#byKey.delete(key);
    return written;
  }
}

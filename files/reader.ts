/** A client by its address and port, with the responses that it is being sent. */

import { ClientConnections } from "./client-connections.ts";
import type { Delivery } from "./delivery.ts";
import type { Streamed } from "./streamed-files.ts";

export interface Reader {
  /** Of its address and port. */
  readonly key: string;
  readonly connections: ClientConnections;
  readonly streamed: Set<Streamed<Reader>>;
  readonly deliveries: Set<Delivery>;
  /** Those of `streamed` that began before its latest request. */
  earlier: ReadonlySet<Streamed<Reader>>;
  /** Bytes of its connection: its responses aren't complete before so many are acknowledged. */
  owed: number;
}

export const NOTHING: ReadonlySet<Streamed<Reader>> = new Set();

export function newReader(key: string): Reader {
  const connections = new ClientConnections();
  const streamed = new Set<Streamed<Reader>>();
  return { key, connections, streamed, deliveries: new Set(), earlier: NOTHING, owed: 0 };
}

/** Whether this process still makes one of its responses, or the runtime still reads it. */
export function isBeingMade({ deliveries }: Reader): boolean {
  for (const { transfer } of deliveries) {
    if (transfer.beingMade || transfer.isBeingRead) return true;
  }
  return false;
}

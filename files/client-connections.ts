/**
 * The connections of one client, by its address and port, as the kernel sees them: whether
 * all that they were sent has arrived, and whether the client has asked again on one.
 */

import { bytesRead, type Connection, endConnection, progressOf } from "../os/connections.ts";

export class ClientConnections {
  /** Undefined until they are looked for, after each request of the client. */
  #found: readonly Connection[] | undefined;
  /** Bytes that had been read from them when they were found. */
  #read = 0;
  /** Bytes acknowledged on them; undefined while more were on their way at the last look. */
  #acknowledged: number | undefined;

  /** How many were found; undefined: they are still to be looked for. */
  get count(): number | undefined {
    return this.#found?.length;
  }

  set(found: readonly Connection[]): void {
    this.#found = found;
    this.#read = sum(found.map((one) => bytesRead(one) ?? 0));
  }

  /** The client has asked again, or closed one: they are to be looked for again. */
  forget(): void {
    this.#found = undefined;
    this.#acknowledged = undefined;
  }

  /** Whether more was read from them since they were found. One that is gone counts as such. */
  wereReadFrom(): boolean {
    return sum((this.#found ?? []).map((one) => bytesRead(one) ?? Infinity)) > this.#read;
  }

  /**
   * Whether everything was acknowledged at two looks, at least `owed` bytes, and nothing was
   * sent between them. The runtime sends what it has left as soon as the kernel takes it, and
   * so at least once between two looks.
   */
  haveAll(owed: number): boolean {
    if (this.#found === undefined) return false;
    const open = this.#found.map(progressOf).filter((progress) => progress !== undefined);
    if (open.length === 0) return true;
    const before = this.#acknowledged;
    const acknowledged = sum(open.map((progress) => progress.acknowledged));
    const isSending = open.some(({ sending }) => sending);
    this.#acknowledged = isSending ? undefined : acknowledged;
    return !isSending && acknowledged === before && acknowledged >= owed;
  }

  end(): void {
    for (const connection of this.#found ?? []) endConnection(connection);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/**
 * The connections of one client, by its address and port, as the kernel sees them: whether
 * all that they were sent has arrived, and whether the client has asked again on one.
 */

import { bytesLeft, type Question, questionAbout } from "../os/closed-connections.ts";
import {
  bytesRead,
  bytesWritten,
  type Connection,
  endConnection,
  progressOf,
} from "../os/connections.ts";

/** What the last look saw. */
interface Sight {
  /** Bytes acknowledged on all of them since they were made. */
  readonly acknowledged: number;
  /** Milliseconds from the last acknowledgement to the look. */
  readonly age: number;
}

export class ClientConnections {
  /** Undefined until they are looked for, after each request of the client. */
  #found: readonly Connection[] | undefined;
  #read = 0;
  /** Bytes acknowledged on them; undefined while more were on their way at the last look. */
  #acknowledged: number | undefined;
  #sight: Sight | undefined;
  #gone = false;
  /** To be asked when the only one is closed. */
  #question: Question | undefined;

  /** How many were found; undefined: they are still to be looked for. */
  get count(): number | undefined {
    return this.#found?.length;
  }

  /** Undefined before the first look since they were found, and when they are gone. */
  get sight(): Sight | undefined {
    return this.#sight;
  }

  /** Whether the last look found none of them. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Bytes that had been read from them when they were found. */
  get read(): number {
    return this.#read;
  }

  /** Bytes that this process has written to the only one; undefined when there are others, or none. */
  get written(): number | undefined {
    const [only, ...others] = this.#found ?? [];
    return only === undefined || others.length > 0 ? undefined : bytesWritten(only);
  }

  /** Of the only one, when it is closed: see {@link bytesLeft}. */
  get left(): number | undefined {
    return this.#question === undefined ? undefined : bytesLeft(this.#question);
  }

  set(found: readonly Connection[]): void {
    this.#found = found;
    const [only] = found;
    // What is gone can't be asked about any more.
    if (only !== undefined) this.#question = found.length > 1 ? undefined : questionAbout(only);
    this.#read = sum(found.map((one) => bytesRead(one) ?? 0));
  }

  /** The client has asked again, or closed one: they are to be looked for again. */
  forget(): void {
    this.#found = undefined;
    this.#acknowledged = undefined;
    this.#sight = undefined;
    this.#gone = false;
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
    this.#gone = open.length === 0;
    if (this.#gone) {
      this.#sight = undefined;
      return true;
    }
    const before = this.#acknowledged;
    const acknowledged = sum(open.map((progress) => progress.acknowledged));
    const age = Math.min(...open.map(({ sinceAcknowledged }) => sinceAcknowledged));
    this.#sight = { acknowledged, age };
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

/**
 * Server-sent events (HTML Living Standard §9.2): the clients of this process that watch.
 * All of them get the same bytes. One that reads too slowly is dropped: it comes again after
 * `retry` and gets the newest state. Without a client nothing is watched.
 */

import type { LiveDesk } from "./live.ts";

/** Clients that may watch in one process. */
export const MOST_LISTENERS = 64;
/** Bytes that may wait for a client. */
const MOST_UNSENT = 256 * 1024;
/** Milliseconds: the longest silence, so that proxies don't end the connection. */
const HEARTBEAT = 15_000;
const CHECK_EVERY = 1_000;

const ENCODER = new TextEncoder();
/** Milliseconds until a client that was dropped comes again. */
const OPENING = ENCODER.encode("retry: 3000\n\n");
const ALIVE = ENCODER.encode(":\n\n");

type Listener = ReadableStreamDefaultController<Uint8Array>;

/** The clients that may see the same. */
class Audience {
  readonly listeners = new Set<Listener>();
  #stop: (() => void) | undefined;
  heardAt = 0;

  constructor(
    readonly addresses: boolean,
    readonly desk: LiveDesk,
  ) {}

  add(listener: Listener): void {
    this.listeners.add(listener);
    this.#stop ??= this.desk.watch(this.addresses, (json) => this.send(encode(json)));
  }

  remove(listener: Listener): void {
    if (!this.listeners.delete(listener) || this.listeners.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  send(bytes: Uint8Array): void {
    this.heardAt = performance.now();
    for (const listener of this.listeners) {
      if ((listener.desiredSize ?? 0) > 0) listener.enqueue(bytes);
      else this.end(listener);
    }
  }

  end(listener: Listener): void {
    this.remove(listener);
    listener.close();
  }
}

export class Events {
  readonly #desk: LiveDesk;
  readonly #isLeaving: () => boolean;
  readonly #audiences: readonly Audience[];
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `isLeaving`: whether this process is about to end. */
  constructor(desk: LiveDesk, isLeaving: () => boolean) {
    this.#desk = desk;
    this.#isLeaving = isLeaving;
    this.#audiences = [false, true].map((addresses) => new Audience(addresses, desk));
  }

  /** How many watch. */
  get size(): number {
    return this.#audiences.reduce((sum, { listeners }) => sum + listeners.size, 0);
  }

  /** A stream of events for one more client; undefined when there are too many. */
  open(addresses: boolean): ReadableStream<Uint8Array> | undefined {
    const audience = this.#audiences[addresses ? 1 : 0];
    if (audience === undefined || this.size >= MOST_LISTENERS || this.#isLeaving())
      return undefined;
    let own: Listener | undefined;
    const strategy = new ByteLengthQueuingStrategy({ highWaterMark: MOST_UNSENT });
    const start = (listener: Listener) => {
      own = listener;
      listener.enqueue(OPENING);
      audience.add(listener);
      void this.#sendFirst(audience, listener);
    };
    const cancel = () => {
      if (own !== undefined) audience.remove(own);
    };
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY);
    return new ReadableStream<Uint8Array>({ start, cancel }, strategy);
  }

  /** What is known now: the next update may be a second away. */
  async #sendFirst(audience: Audience, listener: Listener): Promise<void> {
    const json = await this.#desk.status(audience.addresses).catch(() => undefined);
    if (json !== undefined && audience.listeners.has(listener)) listener.enqueue(encode(json));
  }

  #check(): void {
    const isLeaving = this.#isLeaving();
    for (const audience of this.#audiences) {
      if (isLeaving) for (const listener of [...audience.listeners]) audience.end(listener);
      else if (performance.now() - audience.heardAt > HEARTBEAT) audience.send(ALIVE);
    }
    if (this.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function encode(json: string): Uint8Array {
  return ENCODER.encode(`data: ${json}\n\n`);
}

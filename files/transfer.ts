/**
 * One request and its answer: the record that log, metrics, limits, live view and drain
 * read. It is made for every request, so what only some readers want is worked out when
 * they ask.
 *
 * An answer that is handed over whole ends at once: with up to 256 KiB the kernel takes
 * it, or the runtime keeps the rest. A streamed one ends when the kernel says that the
 * client has acknowledged everything, or when the connection is gone (in-flight.ts).
 */

import type { Network } from "../http/address.ts";
import { type Approach, clientOf } from "../http/client.ts";
import { type Fields, TakenFields } from "../http/conditional.ts";
import type { Pass } from "../http/pass.ts";
import { contentLength, type Plan, windowOf } from "../http/plan.ts";
import { redact } from "../http/redact.ts";
import type { Peer } from "../os/connections.ts";
import type { Window } from "../range.ts";
import type { ClientConnections } from "./client-connections.ts";
import type { OpenFile } from "./open-file.ts";
import type { Made } from "./parts.ts";

export type Kind =
  "full" | "range" | "multipart" | "head" | "listing" | "document" | "tracker" | "other";

/**
 * complete: the client's kernel has everything; an answer handed over whole counts as such.
 * aborted: the client went away, or this process ended. changed: the file became another
 * version, and the connection was ended. timed out: the client took nothing for
 * {@link LONGEST_PAUSE} seconds.
 */
export type Outcome = "complete" | "aborted" | "changed" | "timed out";

/** Seconds that a client may pause within a body: the most that the runtime allows. */
export const LONGEST_PAUSE = 255;

/** Watches streamed answers until they are over. */
export interface Watcher {
  /**
   * A response is about to be sent, whose plan and owed bytes are known. `file` is what the
   * runtime sends. Undefined: the body is no file of the disk, or is checked where it is made.
   */
  watch(transfer: Transfer, file?: OpenFile): void;
  /** This process has made the body of `transfer`, or gave up. */
  made(transfer: Transfer, how: Made): void;
}

/** Before an IPv4 address on an IPv6 socket. */
const MAPPED = "::ffff:";

/** Nothing has been answered yet. */
const NOTHING: Plan = { status: 0, fields: {}, content: { kind: "none" } };

const NO_PROXIES: readonly Network[] = [];

export class Transfer implements Approach {
  readonly method: string;
  #fields: Fields | undefined;
  #peer: Peer | null | undefined;
  #client: string | undefined;
  /** What is answered. */
  plan: Plan = NOTHING;
  /** How the request was admitted; undefined where anyone is. */
  pass: Pass | undefined;
  /** The file that the answer is about. It may be closed when the transfer has ended; its facts stay. */
  file: OpenFile | undefined;
  /** Bytes of the body. */
  owed = 0;
  /** Whether the runtime sends the body on its own after the answer was handed over. */
  streamed = false;
  /** Whether this process still makes pieces of a streamed body. */
  beingMade = false;
  /**
   * Bytes of the body that the client's kernel has acknowledged, as of the last look, and at
   * most `owed`. Of a transfer that didn't complete: at least so many. Undefined while it goes
   * on and isn't known, since there was no look yet or several answers share the connection.
   */
  acknowledged: number | undefined;
  /** Where a streamed transfer goes, once the kernel was asked. */
  connections: ClientConnections | undefined;
  /** Milliseconds from the request to the hand-over of header and first bytes; 0 before. */
  firstByte = 0;
  /** Milliseconds from the request to the end; 0 while it goes on. */
  duration = 0;
  /** Milliseconds for which a rate held it back. */
  throttled = 0;
  /** Undefined while it goes on. */
  outcome: Outcome | undefined;

  constructor(
    readonly request: Request,
    readonly server: Pick<Bun.Server<undefined>, "requestIP" | "timeout">,
    readonly watcher: Watcher,
    /** When the request arrived, in milliseconds since 1970. */
    readonly now: number,
    /** The same by `performance.now()`; 0 when nobody observes. */
    readonly began: number,
    /** The operator's proxies. */
    readonly trusted: readonly Network[] = NO_PROXIES,
  ) {
    this.method = request.method;
  }

  /**
   * Whether the runtime still reads what it sends. It forgets the connection of a request
   * when it has handed the last byte to the kernel, or over TLS has encrypted it.
   */
  get isBeingRead(): boolean {
    return this.server.requestIP(this.request) !== null;
  }

  /**
   * Asks for what the runtime tells only until the answer is sent, and keeps what it has told:
   * for those who read the record later.
   */
  remember(): void {
    this.#client ??= clientOf(this);
    this.#fields ??= new TakenFields(this.request.headers);
    void this.request.url;
  }

  /** The fields of the request. */
  get fields(): Fields {
    return (this.#fields ??= new TakenFields(this.request.headers));
  }

  /** The other end of the connection; null when it is gone. Asking costs a system call, and so is done once. */
  get peer(): Peer | null {
    if (this.#peer === undefined) this.#peer = this.server.requestIP(this.request);
    return this.#peer;
  }

  /**
   * The address that the connection comes from: for IPv4 with dots, also on an IPv6 socket.
   * Empty when it was gone before anybody asked.
   */
  get connection(): string {
    const address = this.peer?.address ?? "";
    return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address;
  }

  /** The client's address: that of the connection, or what a trusted proxy says, whose fields are read once. */
  get client(): string {
    return (this.#client ??= clientOf(this));
  }

  /**
   * Path and query as the runtime has them (it resolves dot segments), without secrets.
   * Control characters may be in it.
   */
  get target(): string {
    return redact(targetOf(this.request.url));
  }

  get status(): number {
    return this.plan.status;
  }

  get kind(): Kind {
    return kindOf(this.request.method, this.plan);
  }

  /** The Range field as it was sent. */
  get range(): string | null {
    return this.fields.get("range");
  }

  /** The windows of the file that are sent, in order; none when the body is of no file. */
  get windows(): readonly Window[] {
    const { status, content } = this.plan;
    if (this.request.method === "HEAD" || (status !== 200 && status !== 206)) return [];
    if (content.kind === "parts") return content.multipart.parts.map(({ window }) => window);
    const window = windowOf(content);
    return window === undefined ? [] : [window];
  }
}

/** `http://host/a?b` gives `/a?b`. Without a usable Host, the runtime gives the bare path. */
export function targetOf(url: string): string {
  if (url.startsWith("/")) return url;
  const start = url.indexOf("/", url.indexOf("//") + 2);
  return start === -1 ? "/" : url.slice(start);
}

export function kindOf(method: string, { status, about, content }: Plan): Kind {
  if (method === "HEAD") return "head";
  if (about !== undefined) return about;
  if (status === 206) return content.kind === "parts" ? "multipart" : "range";
  return status === 200 && content.kind === "whole" ? "full" : "other";
}

/** Bytes of the body of a plan as it is sent. */
export function owedBy(method: string, { content }: Plan): number {
  return method === "HEAD" ? 0 : (contentLength(content) ?? 0);
}

/** The most that the runtime writes besides the fields of a plan: status line, Date, length, connection. */
const OTHER_LINES = 160;

/** The most bytes that the header of an answer with this plan has. */
export function longestHeader({ fields, own }: Plan): number {
  let length = OTHER_LINES;
  for (const all of [fields, own]) {
    for (const name in all) length += name.length + (all[name] ?? "").length + ": \r\n".length;
  }
  return length;
}

/**
 * Who looks, and what they are told. It is in the process of the swarms (the supervisor, or
 * the only process); the others ask it (topics.ts). While nobody looks nothing is computed.
 * All that look share one snapshot a second, and one text of it: with the addresses of
 * clients for those who may see them, with made-up names for the others.
 */

import type { ProcessReport, Reporter } from "./reporter.ts";
import { makeSnapshot, renameClients, type SharedFile, type Snapshot } from "./snapshot.ts";
import { Sampler, secondOf } from "./throughput.ts";

/** What a process that serves asks. */
export interface LiveDesk {
  /** JSON of a {@link Snapshot} that is at most a second old. `addresses`: whether it has those of clients. */
  status(addresses: boolean): Promise<string>;
  /** Calls `tell` with such a text each second, until the returned function is called. */
  watch(addresses: boolean, tell: (json: string) => void): () => void;
}

/** A process with downloads. Its promise must not reject; undefined: it is gone. */
export type Source = () => Promise<ProcessReport | undefined>;

export interface LiveOptions {
  readonly files: () => readonly Omit<SharedFile, "originShare">[];
  /** Bytes that the seeder has sent. */
  readonly seeded: () => number;
  /** Takes lines about failures. */
  readonly log: (line: string) => void;
}

/** Milliseconds between two snapshots. */
const EVERY = 1_000;
/** Milliseconds that a process has to report: a snapshot doesn't wait for one that hangs. */
const PATIENCE = 500;

interface Texts {
  readonly at: number;
  readonly snapshot: Snapshot;
  readonly byAddresses: Map<boolean, string>;
}

export class Live implements LiveDesk {
  readonly #options: LiveOptions;
  readonly #started = Date.now();
  readonly #sources = new Set<Source>();
  readonly #watchers = new Map<(json: string) => void, boolean>();
  readonly #seeder: Sampler;
  /** Names are stable as long as this process runs, and tell nothing. */
  readonly #key = crypto.getRandomValues(new Uint8Array(32));
  #timer: ReturnType<typeof setInterval> | undefined;
  #texts: Promise<Texts> | undefined;
  #madeAt = -Infinity;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#seeder = new Sampler(options.seeded, () => true);
    this.#seeder.wake();
  }

  /** How many watch. */
  get size(): number {
    return this.#watchers.size;
  }

  /** For the process of the swarms, when it serves too. */
  join(reporter: Reporter): LiveDesk {
    this.addSource(() => Promise.resolve(reporter.report(Date.now())));
    return this;
  }

  /** Returns what removes it. */
  addSource(source: Source): () => void {
    this.#sources.add(source);
    return () => void this.#sources.delete(source);
  }

  async status(addresses: boolean): Promise<string> {
    return this.#text(await this.#fresh(), addresses);
  }

  watch(addresses: boolean, tell: (json: string) => void): () => void {
    this.#watchers.set(tell, addresses);
    const failed = (error: unknown) => this.#options.log(`Cannot show what goes on: ${error}`);
    this.#timer ??= setInterval(() => this.#tick().catch(failed), EVERY);
    return () => {
      this.#watchers.delete(tell);
      if (this.#watchers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#texts = undefined;
      this.#madeAt = -Infinity;
    };
  }

  async #tick(): Promise<void> {
    const texts = await this.#fresh();
    for (const [tell, addresses] of this.#watchers) tell(this.#text(texts, addresses));
  }

  /** A snapshot of less than a second ago, for however many ask. */
  #fresh(): Promise<Texts> {
    const now = Date.now();
    // A timer may be a little early.
    if (this.#texts === undefined || now - this.#madeAt >= EVERY - 50 || now < this.#madeAt) {
      this.#madeAt = now;
      this.#texts = this.#gather();
    }
    return this.#texts;
  }

  async #gather(): Promise<Texts> {
    const answers = await Promise.all([...this.#sources].map((source) => withPatience(source())));
    const reports = answers.filter((report) => report !== undefined);
    const now = Date.now();
    const snapshot = makeSnapshot({
      ...{ now, started: this.#started, reports, files: this.#options.files() },
      seeded: this.#options.seeded(),
      seederThroughput: this.#seeder.throughput.until(secondOf(now)),
    });
    return { at: now, snapshot, byAddresses: new Map() };
  }

  #text({ snapshot, byAddresses }: Texts, addresses: boolean): string {
    const known = byAddresses.get(addresses);
    if (known !== undefined) return known;
    const shown = addresses ? snapshot : renameClients(snapshot, (client) => this.#nameOf(client));
    const text = JSON.stringify(shown);
    byAddresses.set(addresses, text);
    return text;
  }

  /** A short name for an address. */
  #nameOf(client: string): string {
    const digest = new Bun.CryptoHasher("sha256", this.#key).update(client).digest("hex");
    return `client-${digest.slice(0, 6)}`;
  }
}

async function withPatience<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, PATIENCE, undefined);
  return await Promise.race([answer, over]).finally(() => clearTimeout(timer));
}

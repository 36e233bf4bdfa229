/**
 * Announces our seeder at another tracker (BEP 3, over HTTP), again and again for a day
 * after a torrent was last asked for. The tracker is a stranger: its answer is bounded in
 * time and in bytes, and its redirects are not followed.
 */

import type { Endpoint } from "./peer-list.ts";
import {
  LONGEST,
  LONGEST_ANSWER,
  LONGEST_REASON,
  MOST_PEERS,
  readAnswer,
  type TrackerAnswer,
} from "./tracker-answer.ts";

export interface AnnouncerOptions {
  /** URL of the tracker: http or https. */
  readonly tracker: string;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** The port that the seeder listens at. */
  readonly port: number;
  readonly log: (line: string) => void;
  /** Called for each peer that the tracker names. */
  readonly meet: (infoHash: Uint8Array, peer: Endpoint) => void;
  /** Milliseconds that the tracker may take. */
  readonly patience?: number;
}

/** Torrents that are announced; the one asked for longest ago makes room. */
const MOST = 1_000;
/** Announces at a time: each may hold an answer in memory. */
const MOST_AT_A_TIME = 4;
/** Milliseconds after which a torrent that nobody asks for is no longer announced. */
const FORGET_AFTER = 24 * 3_600_000;
/** Seconds until one that failed is tried again; doubled each time that it fails again. */
const RETRY = 30;
/** Milliseconds. */
const PATIENCE = 10_000;

interface Announced {
  readonly infoHash: Uint8Array;
  asked: number;
  started: boolean;
  /** Announces that failed, one after the other. */
  failures: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Announcer implements Disposable {
  readonly #options: AnnouncerOptions;
  /** By info hash in hexadecimal, the one asked for longest ago first. */
  readonly #announced = new Map<string, Announced>();
  readonly #disposed = new AbortController();
  /** Announces under way, and those that wait for one to end. */
  #asking = 0;
  readonly #waiting: (() => void)[] = [];
  #failed = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Whether a tracker can be announced to from here. */
  static reaches(tracker: string): boolean {
    return /^https?:/i.test(tracker);
  }

  /** Announces a torrent from now on; it was asked for at `now` (milliseconds). */
  keep(infoHash: Uint8Array, now: number): void {
    const key = infoHash.toHex();
    const known = this.#announced.get(key);
    if (known !== undefined) this.#announced.delete(key);
    const announced: Announced = known ?? {
      ...{ infoHash, asked: now, started: false, failures: 0, timer: undefined },
    };
    announced.asked = now;
    this.#announced.set(key, announced);
    if (known === undefined) void this.#announce(announced);
    for (const [oldest, { timer }] of this.#announced) {
      if (this.#announced.size <= MOST) break;
      clearTimeout(timer);
      this.#announced.delete(oldest);
    }
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#announced.values()) clearTimeout(timer);
    this.#announced.clear();
    this.#disposed.abort();
  }

  /** Never rejects. */
  async #announce(announced: Announced): Promise<void> {
    if (this.#asking >= MOST_AT_A_TIME) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    this.#asking++;
    const seconds = this.#isKept(announced) ? await this.#ask(announced) : 0;
    this.#asking--;
    this.#waiting.shift()?.();
    if (!this.#isKept(announced)) return;
    if (Date.now() - announced.asked > FORGET_AFTER) {
      this.#announced.delete(announced.infoHash.toHex());
      return;
    }
    announced.timer = setTimeout(() => void this.#announce(announced), seconds * 1000);
    announced.timer.unref();
  }

  #isKept(announced: Announced): boolean {
    return this.#announced.get(announced.infoHash.toHex()) === announced;
  }

  /** Announces once. Resolves to the seconds until the next time. */
  async #ask(announced: Announced): Promise<number> {
    const { tracker, log, meet, patience = PATIENCE } = this.#options;
    try {
      const signals = [AbortSignal.timeout(patience), this.#disposed.signal];
      const answer = await fetchAnswer(this.#url(announced), signals);
      announced.started = true;
      announced.failures = 0;
      this.#failed = false;
      for (const peer of answer.peers) meet(announced.infoHash, peer);
      return answer.interval;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // Logged once until an announce succeeds.
      if (!this.#failed && !this.#disposed.signal.aborted) {
        log(`Cannot announce to ${tracker}: ${reason.slice(0, LONGEST_REASON)}`);
      }
      this.#failed = true;
      return Math.min(LONGEST, RETRY * 2 ** announced.failures++);
    }
  }

  #url({ infoHash, started }: Announced): string {
    const { tracker, peerId, port } = this.#options;
    const said = [
      `info_hash=${escapeBytes(infoHash)}`,
      `peer_id=${escapeBytes(peerId)}`,
      `port=${port}&uploaded=0&downloaded=0&left=0&compact=1&numwant=${MOST_PEERS}`,
      ...(started ? [] : ["event=started"]),
    ];
    return tracker + (tracker.includes("?") ? "&" : "?") + said.join("&");
  }
}

/** Fetches an answer, from this URL alone. The connection ends with it, whatever the tracker sends. */
async function fetchAnswer(url: string, signals: AbortSignal[]): Promise<TrackerAnswer> {
  const enough = new AbortController();
  try {
    const response = await fetch(url, {
      redirect: "manual",
      // With a content coding few bytes could become many.
      headers: { "accept-encoding": "identity", connection: "close" },
      decompress: false,
      signal: AbortSignal.any([...signals, enough.signal]),
    });
    if (response.status >= 300 && response.status < 400) {
      throw new Error(`the tracker answers ${response.status}, and redirects are not followed`);
    }
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      if (length > LONGEST_ANSWER) {
        throw new Error(`the tracker's answer is longer than ${LONGEST_ANSWER} bytes`);
      }
      chunks.push(chunk);
    }
    return readAnswer(Buffer.concat(chunks));
  } finally {
    enough.abort();
  }
}

/** Every byte as RFC 3986 escapes it. */
function escapeBytes(bytes: Uint8Array): string {
  return bytes.toHex().replaceAll(/../g, "%$&");
}

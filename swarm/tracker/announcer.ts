/**
 * Our seeder at a tracker that isn't ours (BEP 3, over HTTP): it is listed there like
 * any other seed, again and again while somebody asks for the torrent.
 */
import { formatAddress } from "../bittorrent/address.ts";
import { decode, type Dictionary } from "../bittorrent/bencode.ts";

export interface AnnouncerOptions {
  /** URL of the tracker: http or https. */
  readonly tracker: string;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** The port that the seeder listens at. */
  readonly port: number;
  readonly log: (line: string) => void;
  /** Told of peers that the tracker knows. */
  readonly meet: (infoHash: Uint8Array, peer: KnownPeer) => void;
}

/** A peer that a tracker named. */
export interface KnownPeer {
  readonly hostname: string;
  readonly port: number;
}

/** Torrents that are announced; the one asked for longest ago makes room. */
const MOST = 1_000;
/** Milliseconds after which a torrent that nobody asks for is no longer announced. */
const FORGET_AFTER = 24 * 3_600_000;
/** Seconds between two announces, whatever the tracker says. */
const SHORTEST = 10;
const LONGEST = 3_600;
/** Seconds until one that failed is tried again. */
const RETRY = 30;
/** Milliseconds that a tracker may take, and bytes that it may say. */
const PATIENCE = 10_000;
const LONGEST_ANSWER = 1024 * 1024;

interface Announced {
  readonly infoHash: Uint8Array;
  asked: number;
  started: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Announcer implements Disposable {
  /** By info hash in hexadecimal, the one asked for longest ago first. */
  readonly #announced = new Map<string, Announced>();
  #failed = false;

  constructor(readonly options: AnnouncerOptions) {}

  /** Whether a tracker can be announced to from here. */
  static reaches(tracker: string): boolean {
    return /^https?:/i.test(tracker);
  }

  /** Sees to it that the tracker knows of a torrent, which was asked for at `now` (milliseconds). */
  keep(infoHash: Uint8Array, now: number): void {
    const key = infoHash.toHex();
    const known = this.#announced.get(key);
    if (known !== undefined) this.#announced.delete(key);
    const announced = known ?? { infoHash, asked: now, started: false, timer: undefined };
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
  }

  async #announce(announced: Announced): Promise<void> {
    const seconds = await this.#ask(announced);
    const key = announced.infoHash.toHex();
    if (this.#announced.get(key) !== announced) return;
    if (Date.now() - announced.asked > FORGET_AFTER) {
      this.#announced.delete(key);
      return;
    }
    announced.timer = setTimeout(() => void this.#announce(announced), seconds * 1000);
    announced.timer.unref();
  }

  /** Announces once. Resolves to the seconds until the next time. */
  async #ask(announced: Announced): Promise<number> {
    try {
      const response = await fetch(this.#url(announced), { signal: AbortSignal.timeout(PATIENCE) });
      const answer = readAnswer(new Uint8Array(await response.arrayBuffer()));
      announced.started = true;
      this.#failed = false;
      for (const peer of answer.peers) this.options.meet(announced.infoHash, peer);
      return Math.max(SHORTEST, Math.min(LONGEST, answer.interval));
    } catch (error) {
      // Once is enough until it works again.
      if (!this.#failed) this.options.log(`${this.options.tracker}: ${describe(error)}`);
      this.#failed = true;
      return RETRY;
    }
  }

  #url({ infoHash, started }: Announced): string {
    const { tracker, peerId, port } = this.options;
    const said = [
      `info_hash=${escapeBytes(infoHash)}`,
      `peer_id=${escapeBytes(peerId)}`,
      `port=${port}&uploaded=0&downloaded=0&left=0&compact=1&numwant=50`,
      ...(started ? [] : ["event=started"]),
    ];
    return tracker + (tracker.includes("?") ? "&" : "?") + said.join("&");
  }
}

/** Every byte as RFC 3986 escapes it. */
function escapeBytes(bytes: Uint8Array): string {
  return bytes.toHex().replaceAll(/../g, "%$&");
}

/** What a tracker said. Throws its reason when it refused, and when it said nothing that is understood. */
function readAnswer(bytes: Uint8Array): { interval: number; peers: KnownPeer[] } {
  const decoded = decode(bytes, { length: LONGEST_ANSWER, depth: 8 });
  if (decoded.kind === "malformed" || !isDictionary(decoded.value)) {
    throw new Error("the tracker's answer is not understood");
  }
  const reason = decoded.value.get("failure reason");
  if (reason instanceof Uint8Array) throw new Error(new TextDecoder().decode(reason));
  const interval = decoded.value.get("interval");
  const peers = [
    ...readPeers(decoded.value, "peers", 4),
    ...readPeers(decoded.value, "peers6", 16),
  ];
  return { interval: typeof interval === "number" ? interval : LONGEST, peers };
}

/** Compact peers: an address of so many bytes and a port each (BEP 23, BEP 7). */
function readPeers(answer: Dictionary, key: string, addressLength: number): KnownPeer[] {
  const bytes = answer.get(key);
  const peers: KnownPeer[] = [];
  if (!(bytes instanceof Uint8Array)) return peers;
  const length = addressLength + 2;
  for (let at = 0; at + length <= bytes.length; at += length) {
    const address = new Uint8Array(16);
    address.fill(0xff, 10, 12);
    address.set(bytes.subarray(at, at + addressLength), 16 - addressLength);
    const port = ((bytes[at + length - 2] ?? 0) << 8) | (bytes[at + length - 1] ?? 0);
    if (port > 0) peers.push({ hostname: formatAddress(address), port });
  }
  return peers;
}

function isDictionary(value: unknown): value is Dictionary {
  return value instanceof Map;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

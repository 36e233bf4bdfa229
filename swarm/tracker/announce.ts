/**
 * The queries of announce (BEP 3, 23) and scrape (BEP 48).
 *
 * `info_hash` and `peer_id` are percent-encoded bytes, not UTF-8, and `+` is a plus. Other
 * parameters are ignored; so is `ip`, since the connection has the peer's address.
 */

/** What happened to a peer since its last announce; "none" is a regular announce. */
export type AnnounceEvent = "none" | "started" | "stopped" | "completed";

/** A well-formed announce. */
export interface Announce {
  /** 20 bytes. */
  readonly infoHash: Uint8Array;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** Where the peer listens: 1 to 65535. */
  readonly port: number;
  /** Bytes sent since it started. Numbers too large to be exact become the largest that is. */
  readonly uploaded: number;
  /** Bytes received since it started. */
  readonly downloaded: number;
  /** Bytes it has yet to receive; a seeder has none. */
  readonly left: number;
  readonly event: AnnounceEvent;
  /** How many peers it wants; undefined: the tracker decides. */
  readonly numwant: number | undefined;
  /** Whether peers may be sent as six bytes each (BEP 23). */
  readonly compact: boolean;
  /** Whether the ids of peers may be left out where they aren't compact. */
  readonly noPeerId: boolean;
}

/** `reason` is one line for the peer's operator. */
export interface Failure {
  readonly kind: "failure";
  readonly reason: string;
}

export type ParsedAnnounce = { readonly kind: "announce"; readonly announce: Announce } | Failure;

export type ParsedScrape =
  { readonly kind: "scrape"; readonly infoHashes: readonly Uint8Array[] } | Failure;

/** Bytes of an info hash or a peer id. */
const ID_LENGTH = 20;
/** Characters. Both ids take 120 when every byte is escaped, all the rest less than 300. */
const LONGEST_ANNOUNCE = 2048;
/** Torrents that one scrape may name. */
export const MOST_SCRAPED = 64;
/** Characters. An info hash with its name takes 71 at most. */
export const LONGEST_SCRAPE = 8192;

/** Reads the query of an announce, with or without its question mark. */
export function parseAnnounce(query: string): ParsedAnnounce {
  if (query.length > LONGEST_ANNOUNCE) return failure("the announce is too long");
  const parameters = new Map<string, string>();
  for (const [name, value] of splitQuery(query)) {
    if (!NAMES.has(name)) continue;
    if (parameters.has(name)) return failure(`${name} is given twice`);
    parameters.set(name, value);
  }

  const infoHash = readId(parameters, "info_hash");
  if (!(infoHash instanceof Uint8Array)) return infoHash;
  const peerId = readId(parameters, "peer_id");
  if (!(peerId instanceof Uint8Array)) return peerId;

  const port = readNumber(parameters, "port");
  if (typeof port !== "number") return port;
  if (port < 1 || port > 65535) return failure("port is not one of 1 to 65535");
  const uploaded = readNumber(parameters, "uploaded");
  if (typeof uploaded !== "number") return uploaded;
  const downloaded = readNumber(parameters, "downloaded");
  if (typeof downloaded !== "number") return downloaded;
  const left = readNumber(parameters, "left");
  if (typeof left !== "number") return left;
  const numwant = parameters.has("numwant") ? readNumber(parameters, "numwant") : undefined;
  if (typeof numwant === "object") return numwant;

  const event = EVENTS.get(parameters.get("event") ?? "");
  if (event === undefined) return failure("event is not started, stopped or completed");
  // BEP 23: without `compact`, a peer takes compact peers.
  const compact = readFlag(parameters, "compact", true);
  if (typeof compact !== "boolean") return compact;
  const noPeerId = readFlag(parameters, "no_peer_id", false);
  if (typeof noPeerId !== "boolean") return noPeerId;

  const counters = { port, uploaded, downloaded, left };
  const announce = { infoHash, peerId, ...counters, event, numwant, compact, noPeerId };
  return { kind: "announce", announce };
}

/** Reads the query of a scrape. Without an info hash it would be about every torrent: that fails. */
export function parseScrape(query: string): ParsedScrape {
  if (query.length > LONGEST_SCRAPE) return failure("the scrape is too long");
  const infoHashes: Uint8Array[] = [];
  for (const [name, value] of splitQuery(query)) {
    if (name !== "info_hash") continue;
    if (infoHashes.length === MOST_SCRAPED) return failure("the scrape names too many torrents");
    const infoHash = decodeBytes(value);
    if (infoHash?.length !== ID_LENGTH) return failure("info_hash is not 20 bytes");
    infoHashes.push(infoHash);
  }
  if (infoHashes.length === 0) return failure("info_hash is missing");
  return { kind: "scrape", infoHashes };
}

const NAMES: ReadonlySet<string> = new Set([
  "info_hash",
  "peer_id",
  "port",
  "uploaded",
  "downloaded",
  "left",
  "event",
  "numwant",
  "compact",
  "no_peer_id",
]);

const EVENTS: ReadonlyMap<string, AnnounceEvent> = new Map([
  ["", "none"],
  ["empty", "none"],
  ["started", "started"],
  ["stopped", "stopped"],
  ["completed", "completed"],
  // BEP 21: sent in every announce by a peer that has all it wants, but not the whole torrent.
  ["paused", "none"],
]);

function* splitQuery(query: string): Generator<readonly [string, string]> {
  for (const parameter of query.slice(query.startsWith("?") ? 1 : 0).split("&")) {
    if (parameter === "") continue;
    const equals = parameter.indexOf("=");
    if (equals === -1) yield [parameter, ""];
    else yield [parameter.slice(0, equals), parameter.slice(equals + 1)];
  }
}

function readId(parameters: ReadonlyMap<string, string>, name: string): Uint8Array | Failure {
  const value = parameters.get(name);
  if (value === undefined) return failure(`${name} is missing`);
  const bytes = decodeBytes(value);
  return bytes?.length === ID_LENGTH ? bytes : failure(`${name} is not ${ID_LENGTH} bytes`);
}

function readNumber(parameters: ReadonlyMap<string, string>, name: string): number | Failure {
  const value = parameters.get(name);
  if (value === undefined) return failure(`${name} is missing`);
  // 20 digits hold every number of 64 bits: some peers send 2^64 - 1 for a size they don't know.
  if (!/^[0-9]{1,20}$/.test(value)) return failure(`${name} is not a decimal number`);
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER);
}

function readFlag(
  parameters: ReadonlyMap<string, string>,
  name: string,
  absent: boolean,
): boolean | Failure {
  const value = parameters.get(name);
  if (value === undefined) return absent;
  return value === "1" || value === "0" ? value === "1" : failure(`${name} is not 0 or 1`);
}

/** Percent-decodes to bytes; undefined for a broken escape and for what no URL may hold. */
function decodeBytes(encoded: string): Uint8Array | undefined {
  const bytes = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; at++) {
    let byte = encoded.charCodeAt(at);
    if (byte <= 0x20 || byte >= 0x7f) return undefined;
    if (byte === 0x25) {
      const digits = encoded.slice(at + 1, at + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) return undefined;
      byte = Number.parseInt(digits, 16);
      at += 2;
    }
    bytes[length++] = byte;
  }
  return bytes.slice(0, length);
}

function failure(reason: string): Failure {
  return { kind: "failure", reason };
}

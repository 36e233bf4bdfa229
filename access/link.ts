/**
 * Signed links: a URL with `Expires` (seconds since 1970) and `Signature` in its query. Two
 * parameters of these names and no more, since Dragonfly's clients leave out exactly these
 * when they compare URLs. What a signature is for stands in it, in clear:
 *
 *     v1.<f | d DEPTH | s>[c][r FIRST-LAST].<HMAC-SHA256, base64url>
 *
 * `f` one path · `d` the directory of so many names, and all below it · `s` a swarm, in
 * place of a path its info hash · `c` one client's address · `r` a window of bytes. The
 * HMAC is over a JSON array of typed fields, so that no byte of one can move to the next.
 */

import { formatAddress, parseAddress } from "../http/address.ts";
import type { SignedWindow, Terms } from "../http/pass.ts";
import { parseTarget } from "../http/target.ts";
import type { Keys } from "./keys.ts";

/** A path of a URL, decoded. */
export interface Place {
  readonly segments: readonly string[];
  readonly trailingSlash: boolean;
}

/** `below`: a directory of `depth` names. */
export type Scope =
  | { readonly kind: "path" }
  | { readonly kind: "below"; readonly depth: number }
  | { readonly kind: "swarm" };

/** The two parameters as a client sent them: nothing in them is proven. */
export interface SentLink {
  readonly scope: Scope;
  /** Seconds since 1970. */
  readonly expires: number;
  readonly isForClient: boolean;
  readonly window: SignedWindow | undefined;
  /** 43 characters of base64url. */
  readonly mac: string;
  /** Both parameters, with a question mark. */
  readonly query: string;
}

/** Characters. Nothing longer is looked at. */
const LONGEST_QUERY = 8192;
const SIGNATURE =
  /^v1\.(?:(f)|d(0|[1-9]\d{0,2})|s)(c?)(?:r(0|[1-9]\d{0,14})-(0|[1-9]\d{0,14}))?\.([A-Za-z0-9_-]{43})$/;
const SECONDS = /^[1-9]\d{0,10}$/;

/** Reads the parameters of a query; undefined when one is missing, given twice or malformed. */
export function readLink(query: string): SentLink | undefined {
  if (query.length > LONGEST_QUERY) return undefined;
  const expires = valueOf(query, "Expires");
  const signature = valueOf(query, "Signature");
  if (expires === undefined || signature === undefined || !SECONDS.test(expires)) return undefined;
  const [, file, depth, client, first, last, mac] = SIGNATURE.exec(signature) ?? [];
  if (mac === undefined) return undefined;
  return {
    scope: readScope(file, depth),
    expires: Number(expires),
    isForClient: client === "c",
    window: last === undefined ? undefined : { first: Number(first), last: Number(last) },
    mac,
    query: `?Expires=${expires}&Signature=${signature}`,
  };
}

function readScope(file: string | undefined, depth: string | undefined): Scope {
  if (file !== undefined) return { kind: "path" };
  return depth === undefined ? { kind: "swarm" } : { kind: "below", depth: Number(depth) };
}

/** The value of a parameter that is given exactly once, as sent. */
function valueOf(query: string, name: string): string | undefined {
  const mark = `${name}=`;
  const values = query
    .slice(query.startsWith("?") ? 1 : 0)
    .split("&")
    .filter((parameter) => parameter.startsWith(mark));
  return values.length === 1 ? values[0]?.slice(mark.length) : undefined;
}

/** Whether a link was signed here for this path. `client` is the one that sent it. */
export function isForPlace(keys: Keys, sent: SentLink, place: Place, client: string): boolean {
  const { scope } = sent;
  if (scope.kind === "swarm") return false;
  if (scope.kind === "path") return isGenuine(keys, sent, formatPlace(place), client);
  if (place.segments.length < scope.depth) return false;
  const above = { segments: place.segments.slice(0, scope.depth), trailingSlash: true };
  return isGenuine(keys, sent, formatPlace(above), client);
}

/** Whether an announce URL was signed here for this swarm (20 bytes). */
export function isForSwarm(
  keys: Keys,
  sent: SentLink,
  infoHash: Uint8Array,
  client: string,
): boolean {
  return sent.scope.kind === "swarm" && isGenuine(keys, sent, infoHash.toHex(), client);
}

/** `url` with the two parameters, in place of those that it had; its other parameters stay. */
export function signUrl(keys: Keys, url: string, terms: Terms, isPrefix = false): string {
  const target = parseTarget(url, "/");
  if (target.kind !== "path") throw new Error(`Cannot sign "${url}": no path of a file`);
  const { segments } = target;
  const scope: Scope = isPrefix ? { kind: "below", depth: segments.length } : { kind: "path" };
  return withQuery(url, sign(keys, scope, formatPlace(target), terms));
}

/** The URL of a tracker, for the peers of one swarm. */
export function signAnnounce(keys: Keys, url: string, infoHash: Uint8Array, terms: Terms): string {
  return withQuery(url, sign(keys, { kind: "swarm" }, infoHash.toHex(), terms));
}

function withQuery(url: string, signed: string): string {
  const [base = ""] = url.split("#");
  const mark = base.indexOf("?");
  if (mark === -1) return `${base}?${signed}`;
  const others = base
    .slice(mark + 1)
    .split("&")
    .filter((one) => one !== "" && !/^(?:Expires|Signature)(?:=|$)/.test(one));
  return `${base.slice(0, mark)}?${[...others, signed].join("&")}`;
}

function sign(keys: Keys, scope: Scope, subject: string, terms: Terms): string {
  const { client, window } = terms;
  const range = window === undefined ? "" : `r${window.first}-${window.last}`;
  const flags = `${formatScope(scope)}${client === undefined ? "" : "c"}${range}`;
  const mac = macOf(keys[0], scope, subject, terms);
  return `Expires=${terms.expires}&Signature=v1.${flags}.${mac}`;
}

function formatScope(scope: Scope): string {
  if (scope.kind === "below") return `d${scope.depth}`;
  return scope.kind === "path" ? "f" : "s";
}

/** Compares with the HMAC of every key, whichever fits. */
function isGenuine(keys: Keys, sent: SentLink, subject: string, client: string): boolean {
  const { scope, expires, window } = sent;
  const terms = { expires, client: sent.isForClient ? client : undefined, window };
  const mac = Buffer.from(sent.mac, "latin1");
  return keys
    .map((key) =>
      crypto.timingSafeEqual(Buffer.from(macOf(key, scope, subject, terms), "latin1"), mac),
    )
    .includes(true);
}

function macOf(key: Uint8Array, { kind }: Scope, subject: string, terms: Terms): string {
  const { expires, client = null, window = null } = terms;
  const range = window === null ? null : [window.first, window.last];
  const signed = ["rangesrv", 1, "GET", kind, subject, expires, client, range];
  return new Bun.CryptoHasher("sha256", key).update(JSON.stringify(signed)).digest("base64url");
}

/** One spelling of a client's address, as links are signed for it; undefined for no address. */
export function clientName(text: string): string | undefined {
  const address = parseAddress(text);
  return address && formatAddress(address);
}

/** One spelling of a path: no name has a slash in it. */
function formatPlace({ segments, trailingSlash }: Place): string {
  const path = `/${segments.join("/")}`;
  return trailingSlash && segments.length > 0 ? `${path}/` : path;
}

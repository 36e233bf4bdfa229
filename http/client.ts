/**
 * Whom a request comes from when proxies stand before this server: the rightmost address
 * that isn't one of the operator's proxies, in Forwarded (RFC 7239) or X-Forwarded-For. A
 * proxy appends the address that it sees, so what stands further left is the client's word.
 *
 * The fields count only on a connection from a trusted proxy. A proxy sets one of the two
 * fields and may pass on the other as the client sent it: when both stand there they must
 * agree. Anything malformed or hidden makes the connection's address count.
 */

import { type Address, isWithin, type Network, parseAddress } from "./address.ts";
import type { Fields } from "./conditional.ts";
import { isForwarded } from "./forwarded.ts";

/** What a request's client is told by. */
export interface Approach {
  /** Address of the other end of the connection; empty when it is gone. */
  readonly connection: string;
  readonly fields: Fields;
  /** The operator's proxies. */
  readonly trusted: readonly Network[];
}

/** The client's address as text; that of the connection when nothing better is known. */
export function clientOf(approach: Approach): string {
  const { connection, trusted } = approach;
  // On the path of every request.
  if (trusted.length === 0) return connection;
  return findClient(approach)?.name ?? connection;
}

/** Whether the address of {@link clientOf} may be that of a proxy, and not its client's. */
export function isOfProxy(approach: Approach): boolean {
  const client = findClient(approach);
  return client === undefined ? isForwarded(approach.fields) : client.forwards;
}

/** The scheme of the client's own request; undefined where no trusted proxy says so. */
export function schemeOf(approach: Approach): "http" | "https" | undefined {
  if (!isTrusted(approach.trusted, parseAddress(approach.connection))) return undefined;
  const older = approach.fields.get("x-forwarded-proto")?.split(",").at(-1)?.trim();
  const said = [findClient(approach)?.scheme, older].filter((one) => one !== undefined);
  const [scheme, other = scheme] = said.map((one) => one.toLowerCase());
  return scheme === other && (scheme === "http" || scheme === "https") ? scheme : undefined;
}

/** One hop of the way, as the proxy behind it saw it. */
interface Hop {
  readonly from: string | undefined;
  readonly scheme: string | undefined;
}

interface Client {
  readonly name: string;
  /** Whether it says that it forwards a request of another. */
  readonly forwards: boolean;
  readonly scheme: string | undefined;
}

function findClient({ connection, fields, trusted }: Approach): Client | undefined {
  if (!isTrusted(trusted, parseAddress(connection))) return undefined;
  const forwarded = fields.get("forwarded");
  const older = fields.get("x-forwarded-for");
  const first = forwarded === null ? undefined : lastStranger(readForwarded(forwarded), trusted);
  const second = older === null ? undefined : lastStranger(readOlder(older), trusted);
  if (forwarded === null || older === null) return first ?? second;
  return first?.name === second?.name ? first : undefined;
}

/** The last hop from an address that isn't trusted, or the first one if all are. */
function lastStranger(
  hops: readonly Hop[] | undefined,
  trusted: readonly Network[],
): Client | undefined {
  if (hops === undefined) return undefined;
  let client: Client | undefined;
  for (const [at, { from, scheme }] of [...hops.entries()].reverse()) {
    const name = from === undefined ? undefined : addressOf(from);
    if (name === undefined) return undefined;
    client = { name, forwards: at > 0, scheme };
    if (!isTrusted(trusted, parseAddress(name))) return client;
  }
  return client;
}

function isTrusted(trusted: readonly Network[], address: Address | undefined): boolean {
  if (address === undefined) return false;
  return trusted.some((network) => isWithin(network.address, network.bits, address));
}

/** RFC 7239 §6: an address, an IPv6 one in brackets, perhaps with a port. Others leave the brackets out. */
function addressOf(node: string): string | undefined {
  const parts = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(node);
  const name = parts?.[1] ?? parts?.[2] ?? node;
  return name.includes("%") || parseAddress(name) === undefined ? undefined : name;
}

function readOlder(field: string): readonly Hop[] {
  return field.split(",").map((part) => ({ from: part.trim(), scheme: undefined }));
}

/** A parameter of an element (RFC 7239 §4), and what stands behind it. */
const PARAMETER =
  /[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")[ \t]*([,;]|$)/y;

/** Undefined when the field is malformed. */
function readForwarded(field: string): readonly Hop[] | undefined {
  const hops: Hop[] = [];
  let hop = new Map<string, string>();
  PARAMETER.lastIndex = 0;
  while (PARAMETER.lastIndex < field.length) {
    const parameter = PARAMETER.exec(field);
    if (parameter === null) return undefined;
    const [, name = "", token, quoted = "", end] = parameter;
    // §4: each parameter stands once in an element.
    if (hop.has(name.toLowerCase())) return undefined;
    hop.set(name.toLowerCase(), token ?? quoted.replaceAll(/\\(.)/g, "$1"));
    if (end === ";") continue;
    hops.push({ from: hop.get("for"), scheme: hop.get("proto") });
    hop = new Map();
  }
  // An element, or the field, that ends in its delimiter is not complete.
  return hop.size > 0 || /,[ \t]*$/.test(field) ? undefined : hops;
}

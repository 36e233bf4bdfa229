/** The values of options: each function reads one kind, and throws {@link Mistake} for any other text. */

import { isIP } from "node:net";
import type { SymlinkPolicy } from "../files/locate.ts";

/** A mistake in the command line; the message is one line for the operator. */
export class Mistake extends Error {}

function unusable(what: string, text: string, expected: string): Mistake {
  return new Mistake(`Cannot use ${what} "${text}": not ${expected}`);
}

/** Decimal digits alone. */
export function readInteger(
  what: string,
  text: string,
  least: number,
  most: number,
  expected = `${least} to ${most}`,
): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  if (!(least <= value && value <= most)) throw unusable(what, text, expected);
  return value;
}

const POLICIES: readonly SymlinkPolicy[] = ["inside", "all", "none"];

export function readSymlinks(text: string): SymlinkPolicy {
  const policy = POLICIES.find((one) => one === text);
  if (policy === undefined) throw unusable("symlinks", text, "inside, all or none");
  return policy;
}

/** Puts a slash on both ends. Takes only characters that no client writes in two ways (RFC 3986 §2.3). */
export function readPrefix(text: string): string {
  const names = text.split("/").filter((name) => name !== "");
  const plain = names.every((name) => /^[A-Za-z0-9._~-]+$/.test(name) && !/^\.{1,2}$/.test(name));
  if (!plain || text === "") {
    throw unusable("prefix", text, "a path of letters, digits and -._~");
  }
  return names.length === 0 ? "/" : `/${names.join("/")}/`;
}

export function readHost(text: string): string {
  if (isIP(text) === 0 && !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text)) {
    throw unusable("host", text, "an address");
  }
  return text;
}

const FILE_SCHEMES = ["http:", "https:"];
const TRACKER_SCHEMES = [...FILE_SCHEMES, "udp:"];

function isUrl(text: string, schemes: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && schemes.includes(url.protocol) && url.hostname !== "";
}

export function readTracker(text: string): string {
  if (!isUrl(text, TRACKER_SCHEMES)) throw unusable("tracker", text, "an http, https or udp URL");
  return text;
}

/** Scheme and authority, without a slash behind them. */
export function readOrigin(text: string): string {
  if (!isUrl(text, FILE_SCHEMES) || new URL(text).pathname !== "/") {
    throw unusable("URL", text, "http or https and a host alone");
  }
  return new URL(text).origin;
}

/** A URL that ends in a slash. */
export function readMirror(text: string): string {
  if (!isUrl(text, FILE_SCHEMES) || /[?#]/.test(text)) {
    throw unusable("mirror", text, "an http or https URL");
  }
  return new URL(text.endsWith("/") ? text : `${text}/`).href;
}

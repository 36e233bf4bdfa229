/** The values of options: each function reads one kind, and throws {@link Mistake} for any other text. */

import type { SymlinkPolicy } from "../files/locate.ts";
import { type Network, parseNetwork } from "../http/address.ts";
import type { LogFormat } from "./log-line.ts";

/** A mistake in an option; the message is one line for the operator. */
export class Mistake extends Error {
  constructor(
    message: string,
    /** What follows the message; empty where it says already what to do. */
    readonly hint = "; see rangesrv --help",
  ) {
    super(message);
  }
}

/** The mistake of a value that its option can't have. */
export function unusable(what: string, text: string, expected: string): Mistake {
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

/** Seconds in a day: a tracker with a longer interval knows no peers. */
const LONGEST_INTERVAL = 86_400;

/** Descriptors that Linux lets one process have open. */
const MOST_CONNECTIONS = 1_048_576;

/** Seconds; a timer counts up to 2^31 milliseconds. */
const LONGEST_GRACE = 2_000_000;

const MOST_WORKERS = 64;
const LAST_PORT = 65_535;

export function readPort(text: string): number {
  return readInteger("port", text, 0, LAST_PORT);
}

export function readSeedPort(text: string): number {
  return readInteger("seed port", text, 0, LAST_PORT);
}

export function readConnections(text: string): number {
  return readInteger("max connections", text, 1, MOST_CONNECTIONS);
}

export function readClientLimit(text: string): number {
  return readInteger("limit of a client", text, 1, MOST_CONNECTIONS);
}

/** Units of rates: powers of 1000, as link speeds have, and of 1024. */
const UNITS: Readonly<Record<string, number>> = {
  ...{ "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ KI: 2 ** 10, MI: 2 ** 20, GI: 2 ** 30, TI: 2 ** 40 },
};
const LEAST_RATE = 1000;
const MOST_RATE = 1e15;

/** Bytes a second: `800k`, `50M`, `1.5G`, `64Mi`. */
export function readRate(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?)([a-z]*)$/i.exec(text) ?? [];
  const factor = Object.hasOwn(UNITS, unit.toUpperCase()) ? UNITS[unit.toUpperCase()] : undefined;
  const rate = digits === "" ? NaN : Math.round(Number(digits) * (factor ?? NaN));
  if (!(rate >= LEAST_RATE && rate <= MOST_RATE)) {
    throw unusable("rate", text, "bytes a second such as 50M, at least 1k");
  }
  return rate;
}

/** Seconds. */
export function readGrace(text: string): number {
  return readInteger("grace", text, 0, LONGEST_GRACE, "whole seconds");
}

/** Seconds. */
export function readAnnounceInterval(text: string): number {
  const expected = `1 to ${LONGEST_INTERVAL} seconds`;
  return readInteger("announce interval", text, 1, LONGEST_INTERVAL, expected);
}

export function readWorkers(text: string): number | "auto" {
  if (text === "auto") return text;
  return readInteger("workers", text, 1, MOST_WORKERS, `auto or 1 to ${MOST_WORKERS}`);
}

/** A boolean, as a variable has it. */
export function readSwitch(what: string, text: string): boolean {
  if (text !== "true" && text !== "false") throw unusable(what, text, "true or false");
  return text === "true";
}

/** Any text. */
export function readText(text: string): string {
  return text;
}

export function readDirectory(text: string): string {
  if (text === "") throw new Mistake("Missing DIR, the directory to serve");
  return text;
}

const POLICIES: readonly SymlinkPolicy[] = ["inside", "all", "none"];

export function readSymlinks(text: string): SymlinkPolicy {
  const policy = POLICIES.find((one) => one === text);
  if (policy === undefined) throw unusable("symlinks", text, "inside, all or none");
  return policy;
}

const LOG_FORMATS: readonly (LogFormat | "off")[] = ["combined", "json", "off"];

export function readLogFormat(text: string): LogFormat | "off" {
  const format = LOG_FORMATS.find((one) => one === text);
  if (format === undefined) throw unusable("log", text, "combined, json or off");
  return format;
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
  if (!isIPv6(text) && !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(text)) {
    throw unusable("host", text, "an address");
  }
  return text;
}

/** With or without a zone, as in `fe80::1%eth0`. Loading node:net for this took 3 ms of the program's start. */
function isIPv6(text: string): boolean {
  const [address = "", zone, ...more] = text.split("%");
  const isPlain = /^[\dA-Fa-f:.]+$/.test(address) && more.length === 0 && zone !== "";
  return isPlain && URL.canParse(`http://[${address}]/`);
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
export function readOrigin(text: string, what = "URL"): string {
  if (!isUrl(text, FILE_SCHEMES) || /[?#]/.test(text) || new URL(text).pathname !== "/") {
    throw unusable(what, text, "http or https and a host alone");
  }
  return new URL(text).origin;
}

/** An origin as browsers send it, or `*` for all. */
export function readCorsOrigin(text: string): string {
  return text === "*" ? text : readOrigin(text, "CORS origin");
}

export function readNetwork(text: string): Network {
  const network = parseNetwork(text);
  if (network === undefined) throw unusable("trusted proxy", text, "an address or a network");
  return network;
}

/** A URL that ends in a slash. */
export function readMirror(text: string): string {
  if (!isUrl(text, FILE_SCHEMES) || /[?#]/.test(text)) {
    throw unusable("mirror", text, "an http or https URL");
  }
  return new URL(text.endsWith("/") ? text : `${text}/`).href;
}

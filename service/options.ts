/** The command line: what an operator may say, and what a mistake in it is called. */

import { isIP } from "node:net";
import { parseArgs } from "node:util";
import type { SymlinkPolicy } from "../files/locate.ts";

/** What is served, whoever asks. */
export interface TreeOptions {
  readonly directory: string;
  readonly dotfiles: boolean;
  readonly symlinks: SymlinkPolicy;
  /** Where digests are kept over a restart; undefined: nowhere. */
  readonly state: string | undefined;
}

/** What swarms are told and given. */
export interface SwarmOptions {
  /** The same files at other servers: URLs that end in a slash. */
  readonly mirrors: readonly string[];
  /** Origin by which clients reach this server; undefined: the one they used. */
  readonly url: string | undefined;
  /** The tracker that torrents name; undefined: the one in this program. */
  readonly tracker: string | undefined;
  /** Whether the tracker takes torrents that weren't made here. */
  readonly openTracker: boolean;
  /** Seconds between two announces of a peer; undefined: by the size of the swarm. */
  readonly announceInterval: number | undefined;
  /** Whether torrents are seeded. */
  readonly seed: boolean;
  /** Undefined: the one after the HTTP port. */
  readonly seedPort: number | undefined;
  /** Whether a client that takes Metalinks is given one in a file's place. */
  readonly negotiate: boolean;
}

export interface Options extends TreeOptions, SwarmOptions {
  /** Undefined: all interfaces, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly port: number;
  /** Begins and ends with a slash. */
  readonly prefix: string;
  /** Seconds that responses in flight have to finish after SIGTERM. */
  readonly grace: number;
  /** Processes that share the port. */
  readonly workers: number | "auto";
  /** Whether every file is hashed from the start on, asked for or not. */
  readonly hash: boolean;
  /** Connections that each process takes; undefined: as descriptors allow. */
  readonly maxConnections: number | undefined;
  readonly quiet: boolean;
}

export type CommandLine =
  | { readonly kind: "serve"; readonly options: Options }
  | { readonly kind: "hash"; readonly options: TreeOptions & { readonly state: string } }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "mistake"; readonly reason: string };

export const USAGE = `rangesrv serves every file below a directory, whole or by byte range.

Usage: rangesrv [options] DIR
       rangesrv hash [options] DIR     makes the digests beforehand

  --port N             port to listen on; 0 takes a free one (13000)
  --host ADDRESS       address to listen on (all, IPv4 and IPv6)
  --prefix PATH        path that files are served below; / is allowed (/data/)
  --dotfiles           serve and list names that begin with a dot
  --symlinks POLICY    follow links that stay inside DIR, all or none (inside)
  --max-connections N  of each process (16384, or what its descriptors allow)
  --grace SECONDS      time to finish what is in flight after SIGTERM (30)
  --workers N          processes on the port; auto: one a core, at most 8 (1)
  --state DIR          keep digests there ($STATE_DIRECTORY); --hash: all files
  --seed-port N        port for BitTorrent peers (--port + 1); --no-seed: none
  --announce-interval SECONDS  of the tracker; --open-tracker: of any torrent
  --tracker URL        another tracker for torrents to name
  --url URL            how clients reach this server, where a proxy hides it
  --mirror URL         the same files elsewhere; may be said more than once
  --negotiate          a Metalink for a file, where Accept names that type
  --quiet              print errors only; --help: this; --version: which

Example: rangesrv ./data     http://127.0.0.1:13000/data/NAME is ./data/NAME
`;

const POLICIES: readonly SymlinkPolicy[] = ["inside", "all", "none"];

/** Seconds: a tracker that isn't asked for a day knows nobody. */
const LONGEST_INTERVAL = 86_400;

/** What a kernel lets one process have open. */
const MOST_CONNECTIONS = 1_048_576;

/** Longest grace: what a timer can count. */
const LONGEST_GRACE = 2_000_000;

/** Reads the arguments after the program's name. */
export function parseCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CommandLine {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // The first sentence says what is wrong.
    return mistake(error.message.split(/\.?(?:\n|\. |$)/)[0] ?? error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };

  const port = toInteger(values.port, 65535);
  if (port === undefined) return mistake(`Cannot use port "${values.port}": not 0 to 65535`);
  const grace = toInteger(values.grace, LONGEST_GRACE);
  if (grace === undefined) return mistake(`Cannot use grace "${values.grace}": not whole seconds`);
  const workers = values.workers === "auto" ? "auto" : toInteger(values.workers, 64);
  if (workers === undefined || workers === 0) {
    return mistake(`Cannot use workers "${values.workers}": not auto or 1 to 64`);
  }
  const most = values["max-connections"];
  const maxConnections = most === undefined ? undefined : toInteger(most, MOST_CONNECTIONS);
  if (most !== undefined && (maxConnections === undefined || maxConnections === 0)) {
    return mistake(`Cannot use max connections "${most}": not 1 to ${MOST_CONNECTIONS}`);
  }
  const symlinks = POLICIES.find((policy) => policy === values.symlinks);
  if (symlinks === undefined) {
    return mistake(`Cannot use symlinks "${values.symlinks}": not inside, all or none`);
  }
  const prefix = toPrefix(values.prefix);
  if (prefix === undefined) {
    return mistake(`Cannot use prefix "${values.prefix}": not a path of letters, digits and -._~`);
  }
  const { host, dotfiles, quiet } = values;
  if (host !== undefined && isIP(host) === 0 && !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host)) {
    return mistake(`Cannot use host "${host}": not an address`);
  }
  const swarm = readSwarm(values);
  if (typeof swarm === "string") return mistake(swarm);

  const hash = positionals.length > 1 && positionals[0] === "hash";
  const [directory, ...rest] = hash ? positionals.slice(1) : positionals;
  if (directory === undefined || directory === "")
    return mistake("Missing DIR, the directory to serve");
  if (rest.length > 0) return mistake(`Cannot serve "${rest[0]}" too: one directory at a time`);
  // systemd names several with colons between them.
  const state = values.state ?? environment["STATE_DIRECTORY"]?.split(":")[0];
  const tree = { directory, dotfiles, symlinks };
  if (hash) {
    if (state === undefined) return mistake("Missing --state, where digests are kept");
    return { kind: "hash", options: { ...tree, state } };
  }
  if (values.hash && state === undefined) {
    return mistake("Cannot use hash without --state, where digests are kept");
  }
  const { hash: all } = values;
  return {
    kind: "serve",
    options: {
      ...tree,
      ...swarm,
      state,
      host,
      port,
      prefix,
      grace,
      workers,
      maxConnections,
      hash: all,
      quiet,
    },
  };
}

/** What concerns swarms, or a mistake in it. */
function readSwarm(values: ReturnType<typeof parse>["values"]): SwarmOptions | string {
  const seedPort = values["seed-port"];
  const seedPortNumber = seedPort === undefined ? undefined : toInteger(seedPort, 65535);
  if (seedPort !== undefined && seedPortNumber === undefined) {
    return `Cannot use seed port "${seedPort}": not 0 to 65535`;
  }
  const interval = values["announce-interval"];
  const announceInterval =
    interval === undefined ? undefined : toInteger(interval, LONGEST_INTERVAL);
  if (interval !== undefined && (announceInterval === undefined || announceInterval === 0)) {
    return `Cannot use announce interval "${interval}": not 1 to ${LONGEST_INTERVAL} seconds`;
  }
  const { tracker } = values;
  if (tracker !== undefined && !isUrl(tracker, TRACKER_SCHEMES)) {
    return `Cannot use tracker "${tracker}": not an http, https or udp URL`;
  }
  const { url } = values;
  if (url !== undefined && (!isUrl(url, FILE_SCHEMES) || new URL(url).pathname !== "/")) {
    return `Cannot use URL "${url}": not http or https and a host alone`;
  }
  const mirror = values.mirror.find((one) => !isUrl(one, FILE_SCHEMES) || /[?#]/.test(one));
  if (mirror !== undefined) return `Cannot use mirror "${mirror}": not an http or https URL`;
  return {
    mirrors: values.mirror.map((one) => new URL(one.endsWith("/") ? one : `${one}/`).href),
    url: url === undefined ? undefined : new URL(url).origin,
    tracker,
    openTracker: values["open-tracker"],
    announceInterval,
    seed: !values["no-seed"],
    seedPort: seedPortNumber,
    negotiate: values.negotiate,
  };
}

const FILE_SCHEMES = ["http:", "https:"];
const TRACKER_SCHEMES = [...FILE_SCHEMES, "udp:"];

function isUrl(text: string, schemes: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && schemes.includes(url.protocol) && url.hostname !== "";
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      port: { type: "string", default: "13000" },
      host: { type: "string" },
      prefix: { type: "string", default: "/data/" },
      dotfiles: { type: "boolean", default: false },
      symlinks: { type: "string", default: "inside" },
      grace: { type: "string", default: "30" },
      workers: { type: "string", default: "1" },
      "max-connections": { type: "string" },
      state: { type: "string" },
      hash: { type: "boolean", default: false },
      "seed-port": { type: "string" },
      "no-seed": { type: "boolean", default: false },
      "announce-interval": { type: "string" },
      "open-tracker": { type: "boolean", default: false },
      tracker: { type: "string" },
      url: { type: "string" },
      mirror: { type: "string", multiple: true, default: [] },
      negotiate: { type: "boolean", default: false },
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      version: { type: "boolean", default: false },
    },
  });
}

function mistake(reason: string): CommandLine {
  return { kind: "mistake", reason };
}

/** Decimal digits up to `most`, nothing else. */
function toInteger(text: string, most: number): number | undefined {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : NaN;
  return value <= most ? value : undefined;
}

/** Slashes on both ends; only characters that no client writes in two ways (RFC 3986 §2.3). */
function toPrefix(text: string): string | undefined {
  const names = text.split("/").filter((name) => name !== "");
  const plain = names.every((name) => /^[A-Za-z0-9._~-]+$/.test(name) && !/^\.{1,2}$/.test(name));
  if (!plain || text === "") return undefined;
  return names.length === 0 ? "/" : `/${names.join("/")}/`;
}

/** The command line: what it means, and one line for the operator about a mistake in it. */

import { parseArgs } from "node:util";
import type { SymlinkPolicy } from "../files/locate.ts";
import {
  Mistake,
  readHost,
  readInteger,
  readMirror,
  readOrigin,
  readPrefix,
  readSymlinks,
  readTracker,
} from "./option-values.ts";

/** What both commands need. */
export interface TreeOptions {
  readonly directory: string;
  readonly dotfiles: boolean;
  readonly symlinks: SymlinkPolicy;
  /** The directory that keeps digests over a restart; undefined: they aren't kept. */
  readonly state: string | undefined;
}

/** What concerns documents, the tracker and the seeder. */
export interface SwarmOptions {
  /** URLs of other servers that have the same files; each ends in a slash. */
  readonly mirrors: readonly string[];
  /** Scheme and authority by which clients reach this server; undefined: as in each request. */
  readonly url: string | undefined;
  /** The tracker that torrents name; undefined: this program's own. */
  readonly tracker: string | undefined;
  /** Whether the tracker takes torrents that this server didn't make. */
  readonly openTracker: boolean;
  /** Seconds between two announces of a peer; undefined: depends on the size of the swarm. */
  readonly announceInterval: number | undefined;
  /** Whether this server seeds. */
  readonly seed: boolean;
  /** Undefined: the port after the HTTP port. */
  readonly seedPort: number | undefined;
  /** Whether a client that names the Metalink type in Accept gets the Metalink of a file in its place. */
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
  /** Whether the digests of all files are made in the background. */
  readonly hash: boolean;
  /** Connections that each process takes; undefined: the default, or what its descriptors allow. */
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
  --symlinks POLICY    inside: follow links that stay in DIR; all; none (inside)
  --max-connections N  per process (16384, or as many as descriptors allow)
  --grace SECONDS      time for responses to finish after SIGTERM (30)
  --workers N          processes on the port; auto: one a core, at most 8 (1)
  --state DIR          keep digests there ($STATE_DIRECTORY); --hash: make all
  --seed-port N        port for BitTorrent peers (--port + 1); --no-seed: none
  --announce-interval S  between announces; --open-tracker: track any torrent
  --tracker URL        another tracker for torrents to name
  --url URL            this server's URL for clients, when it is behind a proxy
  --mirror URL         the same files on another server; may be given again
  --negotiate          send a file's Metalink where Accept names that type
  --quiet              print errors only; --help, --version: print and end

Example: rangesrv ./data     http://127.0.0.1:13000/data/NAME is ./data/NAME
`;

/** Seconds in a day: a tracker with a longer interval knows no peers. */
const LONGEST_INTERVAL = 86_400;

/** Descriptors that Linux lets one process have open. */
const MOST_CONNECTIONS = 1_048_576;

/** Seconds; a timer counts up to 2^31 milliseconds. */
const LONGEST_GRACE = 2_000_000;

const MOST_WORKERS = 64;
const LAST_PORT = 65_535;

/** Reads the arguments after the program's name. */
export function parseCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CommandLine {
  try {
    const { values, positionals } = parse(args);
    if (values.help) return { kind: "help" };
    if (values.version) return { kind: "version" };
    // systemd names several directories with colons between them.
    const state = values.state ?? environment["STATE_DIRECTORY"]?.split(":")[0];
    return readCommand(values, positionals, state);
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { kind: "mistake", reason: error.message };
  }
}

type Values = ReturnType<typeof parse>["values"];

function readCommand(
  values: Values,
  positionals: readonly string[],
  state: string | undefined,
): CommandLine {
  const { hash, dotfiles, quiet } = values;
  const serving = { ...readServing(values), ...readSwarm(values), dotfiles, hash, quiet };
  const isHash = positionals.length > 1 && positionals[0] === "hash";
  const [directory, ...others] = isHash ? positionals.slice(1) : positionals;
  if (directory === undefined || directory === "") {
    throw new Mistake("Missing DIR, the directory to serve");
  }
  if (others.length > 0) {
    throw new Mistake(`Cannot serve "${others[0]}" too: one directory at a time`);
  }
  if (isHash) {
    if (state === undefined) throw new Mistake("Missing --state, where digests are kept");
    const { symlinks } = serving;
    return { kind: "hash", options: { directory, dotfiles, symlinks, state } };
  }
  if (hash && state === undefined) {
    throw new Mistake("Cannot use hash without --state, where digests are kept");
  }
  return { kind: "serve", options: { ...serving, directory, state } };
}

function readServing(
  values: Values,
): Pick<Options, "host" | "port" | "prefix" | "grace" | "workers" | "maxConnections" | "symlinks"> {
  const { host, port, grace, workers } = values;
  const most = values["max-connections"];
  return {
    port: readInteger("port", port, 0, LAST_PORT),
    grace: readInteger("grace", grace, 0, LONGEST_GRACE, "whole seconds"),
    workers:
      workers === "auto"
        ? workers
        : readInteger("workers", workers, 1, MOST_WORKERS, `auto or 1 to ${MOST_WORKERS}`),
    maxConnections:
      most === undefined ? most : readInteger("max connections", most, 1, MOST_CONNECTIONS),
    symlinks: readSymlinks(values.symlinks),
    prefix: readPrefix(values.prefix),
    host: host === undefined ? host : readHost(host),
  };
}

function readSwarm(values: Values): SwarmOptions {
  const { url, tracker, mirror, negotiate } = values;
  const seedPort = values["seed-port"];
  const interval = values["announce-interval"];
  const seconds = `1 to ${LONGEST_INTERVAL} seconds`;
  return {
    seedPort: seedPort === undefined ? seedPort : readInteger("seed port", seedPort, 0, LAST_PORT),
    announceInterval:
      interval === undefined
        ? interval
        : readInteger("announce interval", interval, 1, LONGEST_INTERVAL, seconds),
    tracker: tracker === undefined ? tracker : readTracker(tracker),
    url: url === undefined ? url : readOrigin(url),
    mirrors: mirror.map(readMirror),
    openTracker: values["open-tracker"],
    seed: !values["no-seed"],
    negotiate,
  };
}

function parse(args: readonly string[]) {
  try {
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
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // The first sentence says what is wrong.
    throw new Mistake(error.message.split(/\.?(?:\n|\. |$)/)[0] ?? error.message);
  }
}

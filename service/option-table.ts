/**
 * Every option, once. Flags, variables, the file, the usage text and the type `Options`
 * come from these rows; the key of a row is the field of `Options`.
 */

import { argument, many, maybe, one, type Row, toggle } from "./option-row.ts";
import {
  readAnnounceInterval,
  readClientLimit,
  readConnections,
  readCorsOrigin,
  readDirectory,
  readGrace,
  readHost,
  readLogFormat,
  readMirror,
  readNetwork,
  readOrigin,
  readPort,
  readPrefix,
  readRate,
  readSeedPort,
  readSymlinks,
  readText,
  readTracker,
  readWorkers,
} from "./option-values.ts";

const LISTENING = {
  port: one("port", "N", readPort, "13000", "port to listen on; 0 takes a free one"),
  /** Undefined: all interfaces, IPv6 and IPv4. */
  host: maybe("host", "ADDRESS", readHost, "address to listen on", { unset: "all, IPv4 and IPv6" }),
  /** Scheme and authority by which clients reach this server; undefined: as in each request. */
  url: maybe("url", "URL", readOrigin, "this server's URL for clients, when it is behind a proxy"),
  /** The certificate and key of TLS; undefined: plain HTTP. */
  tlsCert: maybe("tls-cert", "FILE", readText, "certificate and its chain in PEM: serve HTTPS", {
    reload: "now",
  }),
  tlsKey: maybe("tls-key", "FILE", readText, "its key in PEM", { reload: "now" }),
  http2: toggle("http2", false, "speak HTTP/2 too (experimental); needs --tls-cert"),
  /** Proxies whose word about their clients counts. */
  trustedProxies: many(
    "trusted-proxy",
    "CIDR",
    readNetwork,
    "proxies that may name the client (Forwarded, X-Forwarded-For)",
    { reload: "now" },
  ),
  /** Origins whose scripts may read answers. */
  cors: many(
    "cors",
    "ORIGIN",
    readCorsOrigin,
    "let scripts of this origin read answers; *: of all",
    { reload: "now" },
  ),
  /** Connections that each process takes; undefined: the default, or what its descriptors allow. */
  maxConnections: maybe("max-connections", "N", readConnections, "connections of each process", {
    unset: "16384, or as many as descriptors allow",
    reload: "now",
  }),
};

/** Rates in bytes a second. Undefined: no limit. */
const LIMITS = {
  rate: maybe("rate", "RATE", readRate, "bytes a second in all: 800k, 50M, 1.5G, 64Mi", {
    unset: "no limit",
    reload: "now",
  }),
  /** All connections of one client: an IPv4 address, or an IPv6 network of 64 bits. */
  rateClient: maybe("rate-client", "RATE", readRate, "bytes a second of each client", {
    unset: "no limit",
    reload: "now",
  }),
  rateConnection: maybe("rate-connection", "RATE", readRate, "bytes a second of each connection", {
    unset: "no limit",
    reload: "now",
  }),
  /** Connections of one client at each process. */
  maxClient: maybe("max-client", "N", readClientLimit, "connections of each client", {
    unset: "no limit",
    reload: "now",
  }),
  /** Transfers of one file that one client has at a time. */
  maxDownloadsClient: maybe(
    "max-downloads-client",
    "N",
    readClientLimit,
    "downloads of one file by each client at a time",
    { unset: "no limit", reload: "now" },
  ),
};

const FILES = {
  directory: argument("directory", "DIR", readDirectory, "the directory to serve", { hash: true }),
  /** Begins and ends with a slash. */
  prefix: one(
    "prefix",
    "PATH",
    readPrefix,
    "/data/",
    "path that files are served below; / is allowed",
  ),
  dotfiles: toggle("dotfiles", false, "serve and list names that begin with a dot", { hash: true }),
  symlinks: one(
    "symlinks",
    "POLICY",
    readSymlinks,
    "inside",
    "links to follow: inside, those that stay in DIR; all; none",
    { hash: true, choices: ["inside", "all", "none"] },
  ),
};

const PROCESS = {
  /** Processes that share the port. */
  workers: one(
    "workers",
    "N",
    readWorkers,
    "1",
    "processes on the port; auto: one a core, at most 8",
    { choices: ["auto"] },
  ),
  /** Seconds that responses in flight have to finish after SIGTERM. */
  grace: one("grace", "SECONDS", readGrace, "30", "time for responses to finish after SIGTERM", {
    reload: "now",
  }),
  metrics: toggle("metrics", true, "don't count, and don't answer /-/metrics"),
  quiet: toggle("quiet", false, "print errors only", { reload: "now" }),
  /** Undefined: combined, or off when `quiet`. */
  log: maybe("log", "FORMAT", readLogFormat, "a line for each request on stdout", {
    choices: ["combined", "json", "off"],
    unset: "combined; off when quiet",
    reload: "workers",
  }),
};

/** Who may read; without any of these, anyone. */
const ACCESS = {
  tokenFile: maybe("token-file", "FILE", readText, "bearer tokens that may read, one a line", {
    reload: "now",
  }),
  basicFile: maybe("basic-file", "FILE", readText, "users that may read, made by htpasswd -B", {
    reload: "now",
  }),
  keyFile: maybe("key-file", "FILE", readText, "keys of signed links; see rangesrv sign --help", {
    reload: "now",
  }),
};

const SWARM = {
  /** The directory that keeps digests over a restart; undefined: they aren't kept. */
  state: maybe("state", "DIR", readText, "keep digests there over a restart", {
    unset: "$STATE_DIRECTORY",
    fallback: "STATE_DIRECTORY",
    hash: true,
  }),
  /** Whether the digests of all files are made in the background. */
  hash: toggle("hash", false, "make all digests in the background; needs --state"),
  /** Whether a client that names the Metalink type in Accept gets the Metalink of a file in its place. */
  negotiate: toggle("negotiate", false, "send a file's Metalink where Accept names that type", {
    reload: "workers",
  }),
  /** URLs of other servers that have the same files; each ends in a slash. */
  mirrors: many("mirror", "URL", readMirror, "the same files on another server"),
  /** Whether this server seeds. */
  seed: toggle("seed", true, "don't seed to BitTorrent peers"),
  /** Undefined: the port after the HTTP port. */
  seedPort: maybe("seed-port", "N", readSeedPort, "port for BitTorrent peers", {
    unset: "--port + 1",
  }),
  /** The tracker that torrents name; undefined: this program's own. */
  tracker: maybe("tracker", "URL", readTracker, "another tracker for torrents to name"),
  /** Whether the tracker takes torrents that this server didn't make. */
  openTracker: toggle("open-tracker", false, "track torrents that this server didn't make"),
  /** Seconds between two announces of a peer; undefined: depends on the size of the swarm. */
  announceInterval: maybe(
    "announce-interval",
    "SECONDS",
    readAnnounceInterval,
    "time between two announces of a peer",
    { unset: "by the size of the swarm" },
  ),
};

/** All rows. */
export const TABLE = { ...LISTENING, ...LIMITS, ...FILES, ...PROCESS, ...ACCESS, ...SWARM };

export type Field = keyof typeof TABLE;

/** What an operator set, or the defaults. */
export type Options = { readonly [F in Field]: ReturnType<(typeof TABLE)[F]["read"]> };

/** The rows with their fields. */
export const ROWS = Object.entries(TABLE) as readonly (readonly [Field, Row<unknown>])[];

/** The rows as the usage text shows them. */
export const GROUPS: readonly { readonly title: string; readonly rows: readonly Row<unknown>[] }[] =
  [
    { title: "Listening", rows: Object.values(LISTENING) },
    { title: "Rates and limits", rows: Object.values(LIMITS) },
    { title: "Files", rows: Object.values(FILES) },
    { title: "Process", rows: Object.values(PROCESS) },
    { title: "Who may read", rows: Object.values(ACCESS) },
    { title: "Digests and BitTorrent", rows: Object.values(SWARM) },
  ];

/** What the program does besides serving. */
export const COMMANDS = [
  { name: "hash", rest: "[options] DIR", about: "makes the digests beforehand" },
  { name: "sign", rest: "[options] URL", about: "makes a link that admits its holder" },
  { name: "top", rest: "URL", about: "shows what goes on at a server" },
] as const;

/** What isn't a setting: flags that have the program print something and end, and the file's name. */
export const REQUESTS = [
  { name: "config", placeholder: "FILE", about: "read options from this TOML file" },
  {
    name: "print-config",
    placeholder: undefined,
    about: "print each value and where it came from",
  },
  { name: "help", placeholder: undefined, about: "print this text" },
  { name: "man", placeholder: undefined, about: "print the manual page, rangesrv.1" },
  {
    ...{ name: "completions", placeholder: "SHELL", choices: ["bash", "zsh", "fish"] },
    about: "print completions for bash, zsh or fish",
  },
  { name: "version", placeholder: undefined, about: "print the version" },
] as const;

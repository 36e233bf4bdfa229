/** The command line: what an operator may say, and what a mistake in it is called. */
import { isIP } from "node:net";
import { parseArgs } from "node:util";
import type { SymlinkPolicy } from "../files/locate.ts";

export interface Options {
  readonly directory: string;
  /** Undefined: all interfaces, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly port: number;
  /** Begins and ends with a slash. */
  readonly prefix: string;
  readonly dotfiles: boolean;
  readonly symlinks: SymlinkPolicy;
  /** Seconds that responses in flight have to finish after SIGTERM. */
  readonly grace: number;
  /** Processes that share the port. */
  readonly workers: number | "auto";
  readonly quiet: boolean;
}

export type CommandLine =
  | { readonly kind: "serve"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "mistake"; readonly reason: string };

export const USAGE = `rangesrv serves every file below a directory, whole or by byte range.

Usage: rangesrv [options] DIR

  --port N             port to listen on; 0 takes a free one (13000)
  --host ADDRESS       address to listen on (all, IPv4 and IPv6)
  --prefix PATH        path that files are served below; / is allowed (/data/)
  --dotfiles           serve and list names that begin with a dot
  --symlinks POLICY    follow links that stay inside DIR, all or none (inside)
  --grace SECONDS      time to finish what is in flight after SIGTERM (30)
  --workers N          processes on the port; auto: one a core, at most 8 (1)
  --quiet              print errors only
  --help, --version    print this, or the version

Examples:
  rangesrv ./data      http://127.0.0.1:13000/data/NAME is ./data/NAME
  rangesrv --host 127.0.0.1 --port 8080 --prefix / /srv/mirror
  curl -r 0-1023 http://127.0.0.1:13000/data/NAME     its first 1024 bytes
`;

const POLICIES: readonly SymlinkPolicy[] = ["inside", "all", "none"];

/** Longest grace: what a timer can count. */
const LONGEST_GRACE = 2_000_000;

/** Reads the arguments after the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
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
  const symlinks = POLICIES.find((policy) => policy === values.symlinks);
  if (symlinks === undefined) {
    return mistake(`Cannot use symlinks "${values.symlinks}": not inside, all or none`);
  }
  const prefix = toPrefix(values.prefix);
  if (prefix === undefined) {
    return mistake(`Cannot use prefix "${values.prefix}": not a path of letters, digits and -._~`);
  }
  const [directory, ...rest] = positionals;
  if (directory === undefined || directory === "")
    return mistake("Missing DIR, the directory to serve");
  if (rest.length > 0) return mistake(`Cannot serve "${rest[0]}" too: one directory at a time`);
  const { host, dotfiles, quiet } = values;
  if (host !== undefined && isIP(host) === 0 && !/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(host)) {
    return mistake(`Cannot use host "${host}": not an address`);
  }
  return {
    kind: "serve",
    options: { directory, host, port, prefix, dotfiles, symlinks, grace, workers, quiet },
  };
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

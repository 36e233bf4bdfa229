/** Where the program listens, and what it tells about it. */

import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { errorCode } from "../os/error-code.ts";
import { escapeUnprintable, type Log } from "./log.ts";
import type { Options } from "./options.ts";
import { VERSION } from "./version.ts";

/** How requests are answered, and what is said when the runtime fails to send an answer. */
export interface Handlers {
  fetch(request: Request, server: Bun.Server<undefined>): Response | Promise<Response>;
  error(error: Error): Response;
}

/** Seconds until a connection that asks for nothing is closed. */
const IDLE = 75;

/** Bytes of a request's body, which nobody reads: the runtime answers 413 and closes. */
const LONGEST_BODY = 64 * 1024;

/** Opens the port, alone or to `share` it with other processes. Throws with one line for the operator when that can't be done. */
export function listen(
  { host, port }: Pick<Options, "host" | "port">,
  handlers: Handlers,
  share: boolean,
): Bun.Server<undefined> {
  const options = {
    ...{ ...handlers, port, reusePort: share, idleTimeout: IDLE, development: false },
    maxRequestBodySize: LONGEST_BODY,
  };
  try {
    return Bun.serve({ ...options, hostname: host ?? everywhere() });
  } catch (error) {
    throw explain(error, host === undefined ? `port ${port}` : `${host}, port ${port}`);
  }
}

/**
 * Opens the port for peers: the one that the operator named, or throws; else the one
 * after the HTTP port, or any.
 */
export function listenToPeers(
  listenAt: (where: { readonly host: string; readonly port: number }) => number | undefined,
  { host, seedPort }: Pick<Options, "host" | "seedPort">,
  port: number,
  log: Log,
): void {
  const where = host ?? everywhere();
  const next = port < LAST_PORT ? port + 1 : 0;
  try {
    listenAt({ host: where, port: seedPort ?? next });
  } catch (error) {
    const explained = explain(error, `seed port ${seedPort ?? next}`);
    if (seedPort !== undefined) throw explained;
    const found = listenAt({ host: where, port: 0 });
    log(`${explained.message}; peers are told ${found}`);
  }
}

const LAST_PORT = 65_535;

/** Both families, where there are two: an IPv6 socket takes IPv4 as well. */
function everywhere(): string {
  return hasIPv6() ? "::" : "0.0.0.0";
}

/** What the operator is told when `where` can't be listened on. Throws what has no code. */
function explain(error: unknown, where: string): Error {
  const code = errorCode(error);
  if (code === undefined) throw error;
  return new Error(`Cannot listen on ${where}: ${FAILURES[code] ?? code}`, { cause: error });
}

const FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use",
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "no such host",
  // What the runtime says of a name that nobody can resolve.
  ENOTCONN: "no such host",
};

/** Finds out whether the port can be had, and which it is when any will do. */
export async function reservePort(options: Pick<Options, "host" | "port">): Promise<number> {
  const nobody: Handlers = {
    fetch: () => Response.error(),
    error: () => Response.error(),
  };
  const server = listen(options, nobody, false);
  const { port } = server;
  await server.stop(true);
  return port ?? options.port;
}

/** What is served, and every address that it is found at. */
export function banner({ directory, host, prefix }: Options, port: number): string {
  const lines = addresses(host).map((address) => {
    const authority = address.includes(":") ? `[${address}]` : address;
    return `  http://${authority}:${port}${prefix}`;
  });
  return [`${VERSION} serves ${escapeUnprintable(directory)} at`, ...lines, ""].join("\n");
}

function addresses(host: string | undefined): string[] {
  if (host !== undefined && host !== "::" && host !== "0.0.0.0") return [host];
  const own = ownAddresses()
    .filter(
      ({ family, address }) => family === "IPv4" || (host !== "0.0.0.0" && !isLinkLocal(address)),
    )
    .sort((a, b) => Number(b.internal) - Number(a.internal));
  return own.length === 0 ? ["127.0.0.1"] : own.map(({ address }) => address);
}

/** Reachable only with the name of an interface behind it. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("fe80:");
}

function hasIPv6(): boolean {
  return ownAddresses().some(({ family }) => family === "IPv6");
}

/** None where the system doesn't tell. */
function ownAddresses(): NetworkInterfaceInfo[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  } catch (error) {
    if (errorCode(error) !== undefined) return [];
    throw error;
  }
}

/** Opening the ports, and the banner that says where the program listens. */

import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import type { Certificate } from "../files/certificate.ts";
import { errorCode } from "../os/error-code.ts";
import { escapeUnprintable, type Log } from "./log.ts";
import type { Options } from "./options.ts";
import { VERSION } from "./version.ts";

/** What answers requests, and what answers when the runtime fails to send a file. */
export interface Handlers {
  fetch(request: Request, server: Bun.Server<undefined>): Response | Promise<Response>;
  error(error: Error): Response;
}

/** Seconds until a connection without a request is closed. */
const IDLE = 75;

/** Bytes. No request needs a body: above this the runtime answers 413 and closes the connection. */
const LONGEST_BODY = 64 * 1024;

/**
 * Opens the port, and with `share` lets other listeners open it too. With a certificate it
 * speaks TLS. Throws with one line for the operator.
 */
export function listen(
  { host, port, http2 }: Pick<Options, "host" | "port" | "http2">,
  handlers: Handlers,
  share: boolean,
  certificate?: Certificate,
): Bun.Server<undefined> {
  const options = {
    ...{ ...handlers, port, reusePort: share, idleTimeout: IDLE, development: false },
    ...(certificate === undefined ? {} : { tls: certificate, http2 }),
    maxRequestBodySize: LONGEST_BODY,
  };
  try {
    return Bun.serve({ ...options, hostname: host ?? everywhere() });
  } catch (error) {
    throw explain(error, host === undefined ? `port ${port}` : `${host}, port ${port}`);
  }
}

/**
 * Opens the port for peers: the one that the operator named, else the one after the HTTP
 * port, else any free one. Throws when the operator's can't be opened.
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

/** All addresses of both families: an IPv6 socket takes IPv4 connections as well. */
function everywhere(): string {
  return hasIPv6() ? "::" : "0.0.0.0";
}

/** The error for the operator when `where` can't be listened on. Rethrows an error without a code. */
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
  // The runtime's code for a name that can't be resolved.
  ENOTCONN: "no such host",
};

/** Checks that the port is free. Port 0 gives a free one. Throws as {@link listen} does. */
export async function reservePort(
  options: Pick<Options, "host" | "port" | "http2">,
): Promise<number> {
  const nobody: Handlers = {
    fetch: () => Response.error(),
    error: () => Response.error(),
  };
  const server = listen(options, nobody, false);
  const { port } = server;
  await server.stop(true);
  return port ?? options.port;
}

/** The lines that name the directory and every address where it is served. */
export function banner({ directory, host, prefix, tlsCert }: Options, port: number): string {
  const scheme = tlsCert === undefined ? "http" : "https";
  const lines = addresses(host).map((address) => {
    const authority = address.includes(":") ? `[${address}]` : address;
    return `  ${scheme}://${authority}:${port}${prefix}`;
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

/** Such an address needs the name of an interface behind it. */
function isLinkLocal(address: string): boolean {
  return address.startsWith("fe80:");
}

function hasIPv6(): boolean {
  return ownAddresses().some(({ family }) => family === "IPv6");
}

/** Empty where the system refuses to list them. */
function ownAddresses(): NetworkInterfaceInfo[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  } catch (error) {
    if (errorCode(error) !== undefined) return [];
    throw error;
  }
}

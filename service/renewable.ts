/**
 * A TLS port whose certificate can be replaced while downloads go on. The runtime can't give
 * a listener another certificate, so a second one is opened beside it on the same port. Then
 * the kernel gives the first no new connections; it accepts those that wait, answers them
 * with Connection: close, stops listening, and finishes its responses, however long they take.
 */

import { type Certificate, type CertificateFiles, readCertificate } from "../files/certificate.ts";
import { listConnections, progressOf } from "../os/connections.ts";
import { excludeListener, excludeNoListener } from "../os/listeners.ts";
import { type Handlers, listen } from "./listen.ts";
import type { Log } from "./log.ts";
import type { Options } from "./option-table.ts";
import { reloads } from "./reload.ts";
import { drain, type Listener, takeLastCalls } from "./shutdown.ts";

type Files = Pick<Options, "tlsCert" | "tlsKey">;

/** Opens the port as the options say; `share`: for other processes too. Throws with one line for the operator. */
export function openPort(
  options: Pick<Options, "host" | "port" | "http2"> & Files,
  handlers: Handlers,
  share: boolean,
): Listener {
  const files = filesOf(options);
  if (files === undefined) return listen(options, handlers, share);
  const open: Open = (certificate, port) =>
    listen({ ...options, port }, handlers, true, certificate);
  return new RenewableListener(open, handlers, readCertificate(files), options.port);
}

/**
 * Checks the certificate at each SIGHUP. Then `server` serves it, if it is the listener of this
 * process; workers that are started after read it themselves.
 */
export function watchCertificate(options: Files, log: Log, tell: Log, server?: Listener): void {
  const isOn = filesOf(options) !== undefined;
  reloads.on((next) => {
    const certificate = checkCertificate(next);
    if ((certificate !== undefined) !== isOn) {
      throw new Error("TLS can't be switched on or off without a restart");
    }
    return () => {
      if (certificate === undefined || !(server instanceof RenewableListener)) return;
      server.renew(certificate).then(
        (isNew) => isNew && tell("SIGHUP: new connections get the new certificate"),
        (error: unknown) => log(`SIGHUP: kept the old certificate: ${String(error)}`),
      );
    };
  });
}

/** The certificate, if it is valid now; undefined: no TLS. Throws with one line for the operator. */
export function checkCertificate(options: Files): Certificate | undefined {
  const files = filesOf(options);
  return files && readCertificate(files, Date.now());
}

function filesOf({ tlsCert: cert, tlsKey: key }: Files): CertificateFiles | undefined {
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** Opens a listener; throws when that fails. */
export type Open = (certificate: Certificate, port: number) => Bun.Server<undefined>;

export class RenewableListener implements Listener {
  readonly #open: Open;
  readonly #handlers: Handlers;
  readonly port: number;
  #current: Bun.Server<undefined>;
  /** Those that finish their responses. */
  readonly #leaving = new Set<Bun.Server<undefined>>();
  #renewing: Promise<unknown> = Promise.resolve();
  #certificate: Certificate;

  /** `open` lets other listeners share the port. */
  constructor(open: Open, handlers: Handlers, certificate: Certificate, port: number) {
    this.#open = open;
    this.#handlers = handlers;
    this.#certificate = certificate;
    this.#current = open(certificate, port);
    this.port = this.#current.port ?? port;
  }

  get pendingRequests(): number {
    return this.#all().reduce((sum, server) => sum + server.pendingRequests, 0);
  }

  /** What is encrypted and not yet sent waits in this process. */
  get isSending(): boolean {
    const connections = listConnections(this.port) ?? [];
    return connections.some((connection) => progressOf(connection)?.sending === true);
  }

  async stop(closeConnections = false): Promise<void> {
    await Promise.all(this.#all().map((server) => server.stop(closeConnections)));
  }

  /**
   * Serves new connections by another certificate. Resolves when the old one is no longer
   * served: to false if both are the same. Rejects when the new one can't be used; then the
   * old one stays.
   */
  renew(certificate: Certificate): Promise<boolean> {
    const renewed = this.#renewing.then(() => this.#replace(certificate));
    this.#renewing = renewed.catch(() => {});
    return renewed;
  }

  async #replace(certificate: Certificate): Promise<boolean> {
    if (Bun.deepEquals(certificate, this.#certificate)) return false;
    const successor = this.#open(certificate, this.port);
    const old = this.#current;
    this.#current = successor;
    this.#certificate = certificate;
    this.#leaving.add(old);
    // The kernel has them in the order in which they were opened.
    excludeListener(0, 2, this.port);
    old.reload({ ...this.#handlers, fetch: (...asked) => this.#answerLast(...asked) });
    await takeLastCalls();
    void drain({ server: old }).then(() => this.#leaving.delete(old));
    excludeNoListener(this.port);
    return true;
  }

  async #answerLast(request: Request, server: Bun.Server<undefined>): Promise<Response> {
    const response = await this.#handlers.fetch(request, server);
    response.headers.set("connection", "close");
    return response;
  }

  #all(): Bun.Server<undefined>[] {
    return [this.#current, ...this.#leaving];
  }
}

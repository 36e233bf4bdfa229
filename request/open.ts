/** The HTTP port, and all that its requests are answered from. */

import type { Begun } from "../access/begun.ts";
import { type AccessFiles, type Gate, gateOf } from "../access/gate.ts";
import { InFlight } from "../files/in-flight.ts";
import type { Root } from "../files/locate.ts";
import { respondUnasked } from "../files/respond.ts";
import { Transfer } from "../files/transfer.ts";
import { Transfers } from "../files/transfers.ts";
import { isOnThisMachine } from "../http/forwarded.ts";
import { Live, type LiveDesk } from "../live/live.ts";
import { Reporter } from "../live/reporter.ts";
import { liveRoutes } from "../live/routes.ts";
import { MOST_SEEDED, mostConnections } from "../service/connection-limit.ts";
import type { TakePlace } from "../service/limits/downloads.ts";
import { limitClients, placesOf } from "../service/limits/limits.ts";
import { type Handlers, listenToPeers } from "../service/listen.ts";
import { type Log, stderr } from "../service/log.ts";
import { Metrics } from "../service/metrics/metrics.ts";
import { type Seat, seatAlone } from "../service/metrics/seat.ts";
import type { Options } from "../service/options.ts";
import { controlRates, type RateControl } from "../service/rates/control.ts";
import { reloads } from "../service/reload.ts";
import { openPort } from "../service/renewable.ts";
import { healthRoutes, Routes } from "../service/routes.ts";
import type { Listener } from "../service/shutdown.ts";
import type { LastCalls } from "../service/worker.ts";
import { SwarmAnswers } from "../swarm/answers.ts";
import { documentOf, documentsOfFile, documentsOfFolder } from "../swarm/documents/document.ts";
import { Origin, type SwarmDesk } from "../swarm/origin.ts";
import { assetRoutes } from "../web/assets.ts";
import { planLivePage } from "../web/live-page.ts";
import { explainFailure, serve, type Site } from "./serve.ts";

/**
 * What one process has for all: the only one, or the supervisor. `hasher`: the command of the
 * hasher, if it isn't this program.
 */
export function openCentral(
  root: Root,
  options: Options,
  log: Log,
  tell: Log,
  hasher?: readonly string[],
) {
  const gate = openGate(options, log);
  const rates = controlRates(options);
  const { joined } = rates;
  const origin = new Origin({
    ...{ ...options, root, gate, peers: MOST_SEEDED, log, tell, hasher, joined },
  });
  const live = new Live({ files: () => origin.swarms(), seeded: () => origin.seeded, log });
  return { gate, rates, origin, live, places: placesOf(options) };
}

/** A listener, and what it answers from. */
export interface Listening {
  readonly server: Listener;
  readonly site: Site;
  /** Undefined: nothing is counted. */
  readonly metrics: Metrics | undefined;
}

/** The HTTP port, and the seeder's. `hasher`: the command of the hasher, if it isn't this program. */
export function openAlone(
  root: Root,
  options: Options,
  log: Log,
  tell: Log,
  hasher?: readonly string[],
): Listening & { readonly origin: Origin } {
  const { gate, rates, origin, live, places } = openCentral(root, options, log, tell, hasher);
  const seat = options.metrics ? seatAlone(origin) : undefined;
  const show = (reporter: Reporter) => live.join(reporter);
  const held: Held = { desk: origin, gate, seat, show, rates, take: places.take };
  const listening = open(root, options, log, held);
  const port = listening.server.port ?? options.port;
  listenToPeers((where) => origin.listen(where), options, port, log);
  return { ...listening, origin };
}

/** Who may read; undefined: anyone. Throws with one line for the operator. */
export function openGate(
  options: AccessFiles & Pick<Options, "prefix">,
  log: Log,
  begun?: Begun,
): Gate | undefined {
  const aboutOf = (segments: readonly string[]) => documentOf(segments)?.segments;
  const { gate, prepare } = gateOf(options, {
    ...{ prefix: options.prefix, aboutOf, log },
    ...(begun && { begun }),
  });
  reloads.on(prepare);
  return gate;
}

/** What a process has, or has another process do. */
export interface Held {
  readonly desk: SwarmDesk;
  /** Who may read; undefined: anyone. */
  readonly gate: Gate | undefined;
  /** Undefined: nothing is counted. */
  readonly seat: Seat | undefined;
  /** Where the transfers of this process are shown. */
  readonly show: (reporter: Reporter) => LiveDesk;
  readonly rates: RateControl;
  /** Takes one of the places that a client has for downloads of a file. */
  readonly take: TakePlace;
}

/**
 * Opens the HTTP port: shared with other processes when `lastCalls` is given, else for this
 * process alone. Throws with one line for the operator when that fails.
 */
export function open(
  root: Root,
  options: Options,
  log: Log,
  { desk, gate, seat, show, rates, take }: Held,
  lastCalls?: LastCalls,
): Listening {
  const { prefix, url, mirrors, negotiate } = options;
  const swarm = new SwarmAnswers({ desk, root, url, mirrors, negotiate, gate });
  const transfers = new Transfers();
  const own = () => ({
    inFlight: server.pendingRequests,
    files: root.openFiles.size,
    dropped: { events: stderr.lost },
  });
  const metrics = seat && new Metrics(seat, transfers, own);
  const leaving = lastCalls ?? { called: false, draining: false };
  const reporter = new Reporter(transfers);
  transfers.observeStreamed(reporter);
  const isLeaving = () => leaving.called || leaving.draining;
  // Behind a proxy, everybody's requests come from this machine.
  const maySeeAddresses = (asked: Transfer) =>
    asked.pass?.hasCredentials === true || (url === undefined && isOnThisMachine(asked));
  const shown = { desk: show(reporter), isLeaving, maySeeAddresses };
  const live = () => liveRoutes({ ...shown, page: (json) => planLivePage(prefix, json) });
  const health = () => healthRoutes(leaving);
  const site: Site = {
    ...{ root, prefix, swarm, gate, log, transfers },
    inFlight: new InFlight(() => port, log, transfers),
    pages: { root, prefix, url, documentsOf: documentsOfFile, documentsOfFolder },
    routes: new Routes(assetRoutes, health, () => metrics?.routes ?? {}, live),
    lastCalls: leaving,
    mostAnswers: options.http2 ? mostConnections(options.maxConnections) : undefined,
    limits: limitClients(options, take, transfers, () => port),
    ...outsideOf(options),
  };
  reloads.on((next) => () => void Object.assign(site, outsideOf(next)));
  const handlers: Handlers = {
    fetch: (request, listener) => serve(site, request, listener),
    // The runtime opens a streamed file on its own, and may fail to: of which request, it doesn't say.
    error: (error) => respondUnasked(explainFailure(site, error, "GET", "")),
  };
  const server = openPort(options, handlers, lastCalls !== undefined);
  // A server that stops forgets its port, while responses are still in flight.
  const { port = 0 } = server;
  metrics?.start();
  rates.watch(transfers, () => port);
  metrics?.add(() => ({ throttled: throttledBy(rates) }));
  return { server, site, metrics };
}

/** Seconds, by the names that metrics have. */
function throttledBy({ throttled: { total, client, connection } }: RateControl) {
  return { server: total, client, connection };
}

/** What stands between this server and its clients: proxies, and pages of other origins. */
function outsideOf({ trustedProxies, cors }: Options): Pick<Site, "trusted" | "cors"> {
  return { trusted: trustedProxies, cors: cors.length > 0 ? cors : undefined };
}

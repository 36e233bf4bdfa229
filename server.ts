/**
 * rangesrv: every file below a directory by byte range.
 *
 * The program: options → root → listener. `serve` and `answer` are the path of one
 * request, top to bottom; what each step decides is in the file it calls.
 */

import { REFUSED } from "./access/answers.ts";
import { type Begun, begunAnswers, type BegunTopics, RemoteBegun } from "./access/begun.ts";
import { type AccessFiles, answerAdmitted, type Gate, gateOf } from "./access/gate.ts";
import { sign } from "./access/sign-command.ts";
import { hash } from "./digests/hash-command.ts";
import { isHasher, runHasher } from "./digests/hasher-main.ts";
import { Crowded, FileChanged, planFailure } from "./files/failure.ts";
import { InFlight } from "./files/in-flight.ts";
import { locate, openRoot, type Root } from "./files/locate.ts";
import { Found } from "./files/open-file.ts";
import { respond, respondFromFile, respondUnasked, take } from "./files/respond.ts";
import { Transfer } from "./files/transfer.ts";
import { Transfers } from "./files/transfers.ts";
import type { Network } from "./http/address.ts";
import { isOfProxy, schemeOf } from "./http/client.ts";
import { corsFields, type CorsOrigins, planPreflight } from "./http/cors.ts";
import { isHost } from "./http/host.ts";
import type { Pass } from "./http/pass.ts";
import { NO_SUCH_HOST, type Plan, plan, planMethod, planNowhere, planSlash } from "./http/plan.ts";
import { redact } from "./http/redact.ts";
import { hasParameter, parseTarget, type Target } from "./http/target.ts";
import { Live, type LiveDesk } from "./live/live.ts";
import { Reporter } from "./live/reporter.ts";
import { isOnThisMachine, liveRoutes } from "./live/routes.ts";
import { top } from "./live/top.ts";
import { liveAnswers, type LiveTopics, RemoteLive } from "./live/topics.ts";
import { activityOf } from "./service/activity.ts";
import { limitConnections, MOST_SEEDED, mostConnections } from "./service/connection-limit.ts";
import { onHangup } from "./service/hangup.ts";
import { type DownloadTopics, takeFrom, type TakePlace } from "./service/limits/downloads.ts";
import { limitClients, type Limits, placesOf } from "./service/limits/limits.ts";
import { banner, type Handlers, listenToPeers, reservePort } from "./service/listen.ts";
import { fail, type Log, log, logEvents, print, printAnswer, stderr } from "./service/log.ts";
import { Metrics } from "./service/metrics/metrics.ts";
import {
  type ReportTopics,
  type Seat,
  seatAlone,
  seatOfWorker,
  SupervisorMetrics,
} from "./service/metrics/seat.ts";
import { type CommandLine, handOver, type Options, parseCommandLine } from "./service/options.ts";
import {
  controlRates,
  type RateControl,
  rateControlOfWorker,
  type RateTopics,
} from "./service/rates/control.ts";
import { reloads } from "./service/reload.ts";
import { Reloader } from "./service/reloader.ts";
import { checkCertificate, openPort, watchCertificate } from "./service/renewable.ts";
import { keepRequestLog } from "./service/request-log.ts";
import { answerRoute, healthRoutes, Routes } from "./service/routes.ts";
import { serviceManager } from "./service/service-manager.ts";
import { type Listener, stopOnSignals } from "./service/shutdown.ts";
import { countWorkers, Supervisor } from "./service/supervisor.ts";
import {
  type LastCalls,
  lineToSupervisor,
  obeySupervisor,
  workerOptions,
} from "./service/worker.ts";
import { type ClientRequest, SwarmAnswers } from "./swarm/answers.ts";
import { deskAnswers, type DeskTopics, RemoteDesk } from "./swarm/desk.ts";
import { documentOf, documentsOfFile, documentsOfFolder } from "./swarm/documents/document.ts";
import { infoHashOf } from "./swarm/named-job.ts";
import { Origin, type SwarmDesk } from "./swarm/origin.ts";
import { ASSET_ROUTES } from "./web/assets.ts";
import { planLivePage } from "./web/live-page.ts";
import { type PagesOptions, planPage } from "./web/pages.ts";

/** What is served, and how. */
export interface Site {
  readonly root: Root;
  readonly prefix: string;
  readonly swarm: SwarmAnswers;
  readonly pages: PagesOptions;
  readonly inFlight: InFlight;
  readonly transfers: Transfers;
  readonly routes: Routes;
  /** Who may read; undefined: anyone. */
  readonly gate?: Gate | undefined;
  readonly log: Log;
  readonly lastCalls: LastCalls;
  /** Answers that are sent at a time, where a connection has many; undefined: as many as connections. */
  readonly mostAnswers: number | undefined;
  /** The operator's proxies. */
  trusted: readonly Network[];
  /** Whose scripts may read answers; undefined: CORS is off. */
  cors: CorsOrigins | undefined;
  readonly limits?: Limits;
}

/** How often an answer is begun again when its file changes under it. */
const ATTEMPTS = 10;

/** Answers one request. Never throws and never rejects. */
export function serve(
  site: Site,
  request: Request,
  server: Bun.Server<undefined>,
): Response | Promise<Response> {
  const { inFlight, transfers, lastCalls, gate, trusted, mostAnswers } = site;
  const began = transfers.observed ? performance.now() : 0;
  const transfer = new Transfer(request, server, inFlight, Date.now(), began, trusted);
  // What this connection was sent before must have been complete.
  const broken = inFlight.size > 0 && !inFlight.release(transfer.peer);
  const crowded = mostAnswers !== undefined && server.pendingRequests > mostAnswers;
  const response =
    broken || crowded
      ? answerFailure(site, broken ? new FileChanged() : new Crowded(), transfer)
      : gate === undefined
        ? attempt(site, transfer, ATTEMPTS)
        : ifAdmitted(site, gate, transfer);
  if (!transfers.observed && !lastCalls.called && site.cors === undefined) return response;
  return response instanceof Promise
    ? response.then((answered) => release(site, answered, transfer))
    : release(site, response, transfer);
}

/** Lets the runtime have the response: from here on only the kernel knows how it goes on. */
function release(
  { transfers, lastCalls, cors }: Site,
  response: Response,
  transfer: Transfer,
): Response {
  if (lastCalls.called) response.headers.set("connection", "close");
  if (cors !== undefined)
    allowScripts(response.headers, corsFields(cors, transfer.fields.get("origin")));
  if (transfers.observed) transfers.handedOver(transfer);
  return response;
}

/** Answers those who may read. */
function ifAdmitted(site: Site, gate: Gate, transfer: Transfer): Response | Promise<Response> {
  const { method, fields, client, now, request } = transfer;
  // A preflight has no credentials, and its answer says nothing of files.
  const isPreflight = site.cors !== undefined && planPreflight(method, fields) !== undefined;
  if (isPreflight) return attempt(site, transfer, ATTEMPTS);
  return answerAdmitted(
    gate,
    { method, url: request.url, fields, client, now },
    {
      answer: (pass) => {
        transfer.pass = pass;
        return attempt(site, transfer, ATTEMPTS);
      },
      refuse: (plan) => respond(plan, transfer),
    },
  );
}

/** Adds the fields that allow scripts to read an answer. */
function allowScripts(headers: Headers, { vary, ...fields }: Plan["fields"]): void {
  for (const name in fields) headers.set(name, fields[name] ?? "");
  if (vary !== undefined) headers.append("vary", vary);
}

/** Answers, and begins anew up to so many times when the file changes before the answer begins. */
function attempt(site: Site, transfer: Transfer, attempts: number): Response | Promise<Response> {
  function failOrRepeat(error: unknown): Response | Promise<Response> {
    const repeat = error instanceof FileChanged && attempts > 1;
    return repeat ? attempt(site, transfer, attempts - 1) : answerFailure(site, error, transfer);
  }
  try {
    const response = answer(site, transfer);
    return response instanceof Promise ? response.catch(failOrRepeat) : response;
  } catch (error) {
    return failOrRepeat(error);
  }
}

function answerFailure(site: Site, error: unknown, transfer: Transfer): Response {
  return respond(explainFailure(site, error, transfer.method, transfer.request.url), transfer);
}

function explainFailure(site: Site, error: unknown, method: string, url: string): Plan {
  const failure = planFailure(error);
  if (failure.status === 500) site.log(`${method} ${redact(url)}: ${String(error)}`);
  return failure;
}

/** The path of a request: its target, what stands there, what to send, the response. */
function answer(site: Site, transfer: Transfer): Response | Promise<Response> {
  const { root, prefix, routes } = site;
  const { request, fields, pass } = transfer;
  const { method, url } = request;
  // 1. The Host is one host.
  if (!isHost(fields.get("host"))) return respond(NO_SUCH_HOST, transfer);
  const preflight = site.cors && planPreflight(method, fields);
  if (preflight !== undefined) return respond(preflight, transfer);
  const crowded = site.limits?.connections.wait(transfer);
  if (crowded !== undefined) return whenAdmitted(site, crowded, transfer);
  // 2. The URL led to a file a moment ago. Whether it still does is seen before it is sent.
  const mayBeFile = pass?.reach !== "documents";
  const recalled = mayBeFile ? root.openFiles.recall(url, transfer.now) : undefined;
  if (recalled !== undefined) return answerFile(site, recalled, transfer);
  // 3. The target is one of the service's own, or names a place below the prefix, or none.
  const route = routes.find(url);
  if (route !== undefined) return answerRoute(route, transfer);
  const target = parseTarget(url, prefix);
  if (target.kind !== "path") return answerNowhere(site, target, transfer);
  // 4. The place is an open file, a directory or nothing.
  const place = locate(root, target);
  if (pass !== undefined && !isReached(pass, place.kind)) {
    if (place.kind !== "absent") place[Symbol.dispose]();
    return respond(REFUSED, transfer);
  }
  if (place.kind === "file") {
    const download = hasParameter(target.query, "download");
    root.openFiles.name(url, place, download);
    return answerFile(site, new Found(place, download, undefined), transfer);
  }
  // 5. A listing is read, and everything else has a plan without facts.
  if (place.kind === "absent") return answerNowhere(site, target, transfer);
  const refused = planMethod(method);
  if (target.trailingSlash && refused === undefined) {
    const page = planPage(site.pages, place, target, transfer);
    return page.then((listed) => respond(listed, transfer));
  }
  place[Symbol.dispose]();
  return respond(refused ?? planSlash(target, prefix), transfer);
}

/** Whether what stands at a place may be sent to who was admitted so. */
function isReached({ reach }: Pass, found: "file" | "directory" | "absent"): boolean {
  return reach === "all" || found === (reach === "file" ? "file" : "absent");
}

/** From an open file to the response. */
function answerFile(site: Site, found: Found, transfer: Transfer): Response | Promise<Response> {
  using held = found;
  const { swarm } = site;
  const { file, download } = held;
  const { method, fields, now } = transfer;
  const asker = new Asker(transfer);
  // 1. A client may want the document about a file in its place.
  const document = swarm.metalinkInstead(held, asker, now);
  if (document !== undefined) return document.then((plan) => respond(plan, transfer));
  // 2. Facts about a file become a plan.
  const circumstances = { now, boundary: () => crypto.randomUUID(), download };
  const decided = plan(method, fields, file.representAt(now), circumstances);
  const waits = site.limits?.downloads.wait(transfer, decided, file.path);
  if (waits !== undefined) return whenAdmitted(site, waits, transfer);
  // 3. The file is still what it was when its bytes have been read, or it is found anew.
  const bytes = take(decided, held, method);
  // 4. What else is known of it goes with the plan, and the plan becomes a response.
  const request = { method, headers: fields };
  const described = swarm.addFields(decided, file, request, now, transfer.pass);
  return respondFromFile(described, bytes, file, transfer);
}

/** Answers, or refuses, when a client that has as much as it may have has waited. */
async function whenAdmitted(
  site: Site,
  waiting: Promise<Plan | undefined>,
  transfer: Transfer,
): Promise<Response> {
  const refusal = await waiting;
  return refusal === undefined ? await answer(site, transfer) : respond(refusal, transfer);
}

/** Where no file and no directory is: the swarm's documents and its tracker, or nothing. */
function answerNowhere(
  { swarm, prefix }: Site,
  target: Target,
  transfer: Transfer,
): Response | Promise<Response> {
  const document = swarm.documentOrTracker(target, new Asker(transfer));
  if (document !== undefined) return document.then((plan) => respond(plan, transfer));
  return respond(planMethod(transfer.method) ?? planNowhere(target, prefix), transfer);
}

/** Only what the swarm decides by; the address is looked up when it asks for it. */
class Asker implements ClientRequest {
  constructor(readonly transfer: Transfer) {}

  get pass(): Pass | undefined {
    return this.transfer.pass;
  }

  get request(): ClientRequest["request"] {
    const { method, request, fields } = this.transfer;
    return { method, url: request.url, headers: fields };
  }

  get client(): string {
    return this.transfer.client;
  }

  get isOfProxy(): boolean {
    return isOfProxy(this.transfer);
  }

  get scheme(): ClientRequest["scheme"] {
    return schemeOf(this.transfer);
  }
}

/** Runs the program until a signal ends it. */
async function main(args: readonly string[]): Promise<void> {
  if (isHasher()) return await runHasher({ infoHashOf, log });
  const handed = workerOptions();
  if (handed !== undefined) return startWorker(openRoot(handed.directory, handed), handed);
  const commandLine = parseCommandLine(args);
  switch (commandLine.kind) {
    case "print":
      return printAnswer(commandLine.text);
    case "mistake":
      return fail(commandLine.reason);
    case "sign":
      return signUrl(commandLine.args);
    case "hash":
      return await hash(commandLine.options, { infoHashOf, log, print });
    case "top":
      return await top(commandLine.url).catch((error: unknown) => {
        log(error instanceof Error ? error.message : String(error));
        process.exit(1);
      });
    case "serve":
      return start(commandLine, () => parseCommandLine(args));
  }
}

/** `rangesrv sign`. */
function signUrl(args: readonly string[]): void {
  const { text, warnings } = sign(args, Date.now());
  for (const warning of warnings) log(warning);
  if (text !== "") printAnswer(text);
}

type Serving = Extract<CommandLine, { readonly kind: "serve" }>;

/** One process that serves alone, or a supervisor with its workers. */
async function start({ options, settings }: Serving, read: () => CommandLine): Promise<void> {
  const tell = logEvents(options.quiet);
  checkCertificate(options);
  const root = openRoot(options.directory, options);
  const count = countWorkers(options.workers);
  const reloader = new Reloader({ settings, read, withWorkers: count > 1, log, tell });
  const port =
    count === 1
      ? await startAlone(root, options, reloader, tell)
      : await startSupervisor(root, { options, settings }, reloader, count, tell);
  if (port === undefined) return;
  serviceManager.ready();
  if (!options.quiet) print(banner(options, port));
}

/** The questions of a worker. */
type Topics = DeskTopics & BegunTopics & ReportTopics & LiveTopics & RateTopics & DownloadTopics;

/** Serves at the port that the supervisor shares with this process, and does as it says. */
function startWorker(root: Root, options: Options): void {
  const line = lineToSupervisor<Topics>();
  const lastCalls = { called: false, draining: false };
  const held: Held = {
    desk: new RemoteDesk(line),
    gate: openGate(options, () => {}, new RemoteBegun(line)),
    seat: seatOfWorker((report) => line.ask("downloads", report)),
    show: (reporter) => new RemoteLive(line, reporter),
    rates: rateControlOfWorker(options, line),
    take: takeFrom(line),
  };
  const { server, site, metrics } = open(root, options, log, held, lastCalls);
  const { transfers } = site;
  const requestLog = keepRequestLog(transfers, options, true);
  metrics?.add(() => ({ dropped: { requests: requestLog?.lost ?? 0 } }));
  limitConnections(options.port, options, log);
  const serving = { server, transfers, requestLog, metrics };
  obeySupervisor(serving, lastCalls, line, options.grace, activityOf(transfers));
}

/** Does everything in this process. Returns the port. */
async function startAlone(
  root: Root,
  options: Options,
  reloader: Reloader,
  tell: Log,
): Promise<number> {
  // A port that listeners may share isn't known to be free.
  const reserved = options.tlsCert === undefined ? options.port : await reservePort(options);
  const { server, site, metrics } = openAlone(root, { ...options, port: reserved }, log, tell);
  const port = server.port ?? options.port;
  const { transfers } = site;
  const requestLog = keepRequestLog(transfers, options, false);
  metrics?.add(() => ({ dropped: { requests: requestLog?.lost ?? 0 } }));
  limitConnections(port, options, log);
  stopOnSignals({ server, transfers, requestLog }, site.lastCalls, options.grace, tell);
  watchCertificate(options, log, tell, server);
  onHangup(() => reloader.next()?.apply());
  const activity = activityOf(transfers);
  serviceManager.watch(async () => activity());
  return port;
}

/** Returns the port when all workers listen; undefined when a signal came before. */
async function startSupervisor(
  root: Root,
  { options, settings }: Pick<Serving, "options" | "settings">,
  reloader: Reloader,
  count: number,
  tell: Log,
): Promise<number | undefined> {
  const gate = openGate(options, log);
  const rates = controlRates(options);
  const { joined } = rates;
  const origin = new Origin({ ...options, root, gate, peers: MOST_SEEDED, log, tell, joined });
  const port = await reservePort(options);
  listenToPeers((where) => origin.listen(where), options, port, log);
  watchCertificate(options, log, tell);
  const { grace } = options;
  const metrics = options.metrics ? new SupervisorMetrics(origin, count) : undefined;
  const downloads = (told: ReportTopics["downloads"]["question"]) => void metrics?.take(told);
  const { answers: places } = placesOf(options);
  const answers = {
    ...{ ...deskAnswers(origin), ...begunAnswers(gate?.begun), ...liveAnswers(liveOf(origin)) },
    ...{ ...rates.answers, ...places, downloads },
  };
  const handed = handOver(settings, port);
  const reload = () => reloader.nextFor(port);
  const own = { handed, reload, count, grace, log, tell, answers, metrics };
  const supervisor = new Supervisor<Topics>(own);
  metrics?.start(() => ({ workers: supervisor.states, dropped: { events: stderr.lost } }));
  supervisor.obeySignals();
  return (await supervisor.start()) ? port : undefined;
}

function liveOf(origin: Origin): Live {
  return new Live({ files: () => origin.swarms(), seeded: () => origin.seeded });
}

/** A listener, and what it answers from. */
interface Listening {
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
  const gate = openGate(options, log);
  const rates = controlRates(options);
  const { joined } = rates;
  const origin = new Origin({
    ...{ ...options, root, gate, peers: MOST_SEEDED, log, tell, hasher, joined },
  });
  const seat = options.metrics ? seatAlone(origin) : undefined;
  const live = liveOf(origin);
  const show = (reporter: Reporter) => live.join(reporter);
  const { take } = placesOf(options);
  const listening = open(root, options, log, { desk: origin, gate, seat, show, rates, take });
  const port = listening.server.port ?? options.port;
  listenToPeers((where) => origin.listen(where), options, port, log);
  return { ...listening, origin };
}

/** Who may read; undefined: anyone. Throws with one line for the operator. */
function openGate(
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
interface Held {
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
function open(
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
  const live = liveRoutes({
    ...{ desk: show(reporter), isLeaving, maySeeAddresses },
    page: (json) => planLivePage(prefix, json),
  });
  const site: Site = {
    ...{ root, prefix, swarm, gate, log, transfers },
    inFlight: new InFlight(() => port, log, transfers),
    pages: { root, prefix, url, documentsOf: documentsOfFile, documentsOfFolder },
    routes: new Routes(ASSET_ROUTES, healthRoutes(leaving), metrics?.routes ?? {}, live),
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
  return { server, site, metrics };
}

/** What stands between this server and its clients: proxies, and pages of other origins. */
function outsideOf({ trustedProxies, cors }: Options): Pick<Site, "trusted" | "cors"> {
  return { trusted: trustedProxies, cors: cors.length > 0 ? cors : undefined };
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    fail(error.message);
  });
}

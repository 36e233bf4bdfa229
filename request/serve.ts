/**
 * The path of one request, top to bottom: `serve`, then `answer`. What each step decides is
 * in the file it calls.
 */

import { REFUSED } from "../access/answers.ts";
import { answerAdmitted, type Gate } from "../access/gate.ts";
import { Crowded, FileChanged, planFailure } from "../files/failure.ts";
import { InFlight } from "../files/in-flight.ts";
import { locate, type Root } from "../files/locate.ts";
import { Found } from "../files/open-file.ts";
import { respond, respondFromFile, take } from "../files/respond.ts";
import { Transfer } from "../files/transfer.ts";
import { Transfers } from "../files/transfers.ts";
import type { Network } from "../http/address.ts";
import { isOfProxy, schemeOf } from "../http/client.ts";
import { corsFields, type CorsOrigins, planPreflight } from "../http/cors.ts";
import { isHost } from "../http/host.ts";
import type { Pass } from "../http/pass.ts";
import { NO_SUCH_HOST, type Plan, plan, planMethod, planNowhere, planSlash } from "../http/plan.ts";
import { redact } from "../http/redact.ts";
import { hasParameter, parseTarget, type Target } from "../http/target.ts";
import type { Limits } from "../service/limits/limits.ts";
import type { Log } from "../service/log.ts";
import { answerRoute, Routes } from "../service/routes.ts";
import type { LastCalls } from "../service/worker.ts";
import { type ClientRequest, SwarmAnswers } from "../swarm/answers.ts";
import { type PagesOptions, planPage } from "../web/pages.ts";

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
  const { inFlight, transfers, lastCalls, trusted, mostAnswers } = site;
  const began = transfers.observed ? performance.now() : 0;
  const transfer = new Transfer(request, server, inFlight, Date.now(), began, trusted);
  // What this connection was sent before must have been complete.
  const broken = inFlight.size > 0 && !inFlight.release(transfer.peer);
  const crowded = mostAnswers !== undefined && server.pendingRequests > mostAnswers;
  const response =
    broken || crowded
      ? answerFailure(site, broken ? new FileChanged() : new Crowded(), transfer)
      : begin(site, transfer);
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

/** What needs no credentials comes first. A failure is answered, too. */
function begin(site: Site, transfer: Transfer): Response | Promise<Response> {
  try {
    return answerAtOnce(site, transfer) ?? ifAdmitted(site, transfer);
  } catch (error) {
    return answerFailure(site, error, transfer);
  }
}

/** Answers a Host that is none, and a preflight: neither needs credentials. Undefined: it is no such request. */
function answerAtOnce({ cors }: Site, transfer: Transfer): Response | undefined {
  const { method, fields } = transfer;
  if (!isHost(fields.get("host"))) return respond(NO_SUCH_HOST, transfer);
  const preflight = cors && planPreflight(method, fields);
  return preflight && respond(preflight, transfer);
}

/** Answers those who may read. */
function ifAdmitted(site: Site, transfer: Transfer): Response | Promise<Response> {
  const { gate } = site;
  if (gate === undefined) return attempt(site, transfer, ATTEMPTS);
  const { method, fields, client, now, request } = transfer;
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

export function explainFailure(site: Site, error: unknown, method: string, url: string): Plan {
  const failure = planFailure(error);
  if (failure.status === 500) site.log(`${method} ${redact(url)}: ${String(error)}`);
  return failure;
}

/** The path of a request: its target, what stands there, what to send, the response. */
function answer(site: Site, transfer: Transfer): Response | Promise<Response> {
  const { root, prefix, routes } = site;
  const { pass } = transfer;
  const { method, url } = transfer.request;
  // 1. The client has no more connections than it may have.
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
  const circumstances = { now, boundary: randomBoundary, download };
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

function randomBoundary(): string {
  return crypto.randomUUID();
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

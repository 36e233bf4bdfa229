/**
 * rangesrv: every file below a directory by byte range.
 *
 * The program: options → root → listener. `serve` and `answer` are the path of one
 * request, top to bottom; what each step decides is in the file it calls.
 */
import { FileChanged, planFailure } from "./files/failure.ts";
import { InFlight } from "./files/in-flight.ts";
import { listDirectory } from "./files/listing.ts";
import { locate, openRoot, type Root } from "./files/locate.ts";
import { type Asked, type Exchange, respond, respondFromFile } from "./files/respond.ts";
import { NOT_FOUND, plan, planMethod, planNowhere, planSlash } from "./http/plan.ts";
import { hasParameter, parseTarget } from "./http/target.ts";
import { banner, listen, reservePort } from "./service/listen.ts";
import { fail, type Log, log, print } from "./service/log.ts";
import { type Options, parseCommandLine, USAGE } from "./service/options.ts";
import { stopOnSignals } from "./service/shutdown.ts";
import { VERSION } from "./service/version.ts";
import {
  countWorkers,
  type LastCalls,
  obeySupervisor,
  Supervisor,
  workerPort,
} from "./service/workers.ts";

/** What is served, and how. */
export interface Site {
  readonly root: Root;
  readonly prefix: string;
  readonly inFlight: InFlight;
  readonly log: Log;
  readonly lastCalls: LastCalls;
}

/** How often an answer is begun again when its file changes under it. */
const ATTEMPTS = 10;

/** Answers one request. Never throws and never rejects. */
export function serve(
  site: Site,
  request: Request,
  server: Bun.Server<undefined>,
): Response | Promise<Response> {
  const { inFlight } = site;
  const exchange: Exchange = { request, server, inFlight, now: Date.now() };
  // What this connection was sent before must have been complete.
  const broken = inFlight.size > 0 && !inFlight.release(server.requestIP(request));
  if (broken) return answerFailure(site, new FileChanged(), exchange);
  const response = attempt(site, exchange, ATTEMPTS);
  if (!site.lastCalls.called) return response;
  return Promise.resolve(response).then((last) => {
    last.headers.set("connection", "close");
    return last;
  });
}

/** Answers, and begins anew up to so many times when the file changes before the answer begins. */
function attempt(site: Site, exchange: Exchange, attempts: number): Response | Promise<Response> {
  function failOrRepeat(error: unknown): Response | Promise<Response> {
    const repeat = error instanceof FileChanged && attempts > 1;
    return repeat ? attempt(site, exchange, attempts - 1) : answerFailure(site, error, exchange);
  }
  try {
    const response = answer(site, exchange);
    return response instanceof Promise ? response.catch(failOrRepeat) : response;
  } catch (error) {
    return failOrRepeat(error);
  }
}

function answerFailure(site: Site, error: unknown, asked: Asked): Response {
  const failure = planFailure(error);
  const { method, url } = asked.request;
  if (failure.status === 500) site.log(`${method} ${url}: ${String(error)}`);
  return respond(failure, asked);
}

/** The path of a request: its target, what stands there, what to send, the response. */
function answer({ root, prefix }: Site, exchange: Exchange): Response | Promise<Response> {
  const { method, url, headers } = exchange.request;
  // 1. The target names a place below the prefix, or none.
  const target = parseTarget(url, prefix);
  if (target.kind !== "path") {
    return respond(planMethod(method) ?? planNowhere(target, prefix), exchange);
  }
  // 2. The place is an open file, a directory or nothing.
  const place = locate(root, target);
  if (place.kind === "file") {
    // 3. Facts about a file become a plan, and the plan a response.
    using file = place;
    const { now } = exchange;
    const download = hasParameter(target.query, "download");
    const circumstances = { now, boundary: () => crypto.randomUUID(), download };
    const decided = plan(method, headers, file.representAt(now), circumstances);
    return respondFromFile(decided, file, exchange);
  }
  // 4. Everything else has a plan without facts, but for a listing, which is read.
  const refused = planMethod(method);
  if (place.kind === "directory" && target.trailingSlash && refused === undefined) {
    const listing = listDirectory(root, place, target, prefix, headers);
    return listing.then((listed) => respond(listed, exchange));
  }
  place[Symbol.dispose]();
  if (refused !== undefined) return respond(refused, exchange);
  const nowhere = place.kind === "directory" ? planSlash(target, prefix) : NOT_FOUND;
  return respond(nowhere, exchange);
}

/** Runs the program until a signal ends it. */
async function main(args: readonly string[]): Promise<void> {
  const commandLine = parseCommandLine(args);
  switch (commandLine.kind) {
    case "help":
      process.stdout.write(USAGE);
      return;
    case "version":
      process.stdout.write(`${VERSION}\n`);
      return;
    case "mistake":
      return fail(`${commandLine.reason}; see rangesrv --help`);
    case "serve":
      return start(commandLine.options);
  }
}

/** Opens what the options name and answers at it. Throws with one line for the operator. */
export function open(
  options: Omit<Options, "grace" | "workers" | "quiet">,
  log: Log,
  shared?: LastCalls,
): Bun.Server<undefined> {
  const root = openRoot(options.directory, options);
  const lastCalls = shared ?? { called: false };
  const site: Site = { root, prefix: options.prefix, inFlight: new InFlight(), log, lastCalls };
  const answers = {
    fetch: (request: Request, server: Bun.Server<undefined>) => serve(site, request, server),
    // The runtime opens a streamed file itself, and may fail to.
    error: (error: Error) => answerFailure(site, error, { request: UNKNOWN, now: Date.now() }),
  };
  return listen(options, answers, shared !== undefined);
}

const UNKNOWN = { method: "GET", url: "" };

/** One process, or a supervisor and its workers, or one of those. */
async function start(options: Options): Promise<void> {
  const tell: Log = options.quiet ? () => {} : log;
  const sharedPort = workerPort();
  if (sharedPort !== undefined) {
    const lastCalls = { called: false };
    const server = open({ ...options, port: sharedPort }, log, lastCalls);
    return obeySupervisor(server, lastCalls, options.grace);
  }
  const count = countWorkers(options.workers);
  let { port } = options;
  if (count === 1) {
    const server = open(options, log);
    stopOnSignals(server, options.grace, tell);
    port = server.port ?? port;
  } else {
    openRoot(options.directory, options);
    port = await reservePort(options);
    await new Supervisor(port, count, log, tell).start();
  }
  if (!options.quiet) print(banner(options, port));
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    fail(error.message);
  });
}

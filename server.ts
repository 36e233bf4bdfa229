/**
 * rangesrv: every file below a directory by byte range.
 *
 * The program: options → root → processes. request/open.ts has the listener, and
 * request/serve.ts the path of a request.
 */

import { begunAnswers, type BegunTopics, RemoteBegun } from "./access/begun.ts";
import { isHasher } from "./digests/hasher-role.ts";
import { openRoot, type Root } from "./files/locate.ts";
import { liveAnswers, type LiveTopics, RemoteLive } from "./live/topics.ts";
import {
  type Held,
  type Listening,
  open,
  openAlone,
  openCentral,
  openGate,
} from "./request/open.ts";
import { activityOf } from "./service/activity.ts";
import { limitConnections } from "./service/connection-limit.ts";
import { onHangup } from "./service/hangup.ts";
import { type DownloadTopics, takeFrom } from "./service/limits/downloads.ts";
import { banner, listenToPeers, reservePort } from "./service/listen.ts";
import { fail, type Log, log, logEvents, print, printAnswer, stderr } from "./service/log.ts";
import { type ReportTopics, seatOfWorker, SupervisorMetrics } from "./service/metrics/seat.ts";
import { type CommandLine, handOver, type Options, parseCommandLine } from "./service/options.ts";
import { rateControlOfWorker, type RateTopics } from "./service/rates/control.ts";
import { Reloader } from "./service/reloader.ts";
import { checkCertificate, watchCertificate } from "./service/renewable.ts";
import { keepRequestLog } from "./service/request-log.ts";
import { serviceManager } from "./service/service-manager.ts";
import { type Serving, stopOnSignals } from "./service/shutdown.ts";
import { countWorkers, Supervisor } from "./service/supervisor.ts";
import { lineToSupervisor, obeySupervisor, workerOptions } from "./service/worker.ts";
import { deskAnswers, type DeskTopics, RemoteDesk } from "./swarm/desk.ts";
import { infoHashOf } from "./swarm/named-job.ts";

/** Runs the program until a signal ends it. The hasher and the commands are loaded by the processes that run them. */
async function main(args: readonly string[]): Promise<void> {
  if (isHasher()) {
    const { runHasher } = await import("./digests/hasher-main.ts");
    return await runHasher({ infoHashOf, log });
  }
  const handed = workerOptions();
  if (handed !== undefined) return startWorker(openRoot(handed.directory, handed), handed);
  const commandLine = parseCommandLine(args);
  switch (commandLine.kind) {
    case "print":
      return printAnswer(commandLine.text);
    case "mistake":
      return fail(commandLine.reason);
    case "sign":
      return await signUrl(commandLine.args);
    case "hash": {
      const { hash } = await import("./digests/hash-command.ts");
      return await hash(commandLine.options, { infoHashOf, log, print });
    }
    case "top": {
      const { top } = await import("./live/top.ts");
      return await top(commandLine.url).catch((error: unknown) => {
        log(error instanceof Error ? error.message : String(error));
        process.exit(1);
      });
    }
    case "serve":
      return start(commandLine, () => parseCommandLine(args));
  }
}

/** `rangesrv sign`. */
async function signUrl(args: readonly string[]): Promise<void> {
  const { sign } = await import("./access/sign-command.ts");
  const { text, warnings } = sign(args, Date.now());
  for (const warning of warnings) log(warning);
  if (text !== "") printAnswer(text);
}

type Started = Extract<CommandLine, { readonly kind: "serve" }>;

/** One process that serves alone, or a supervisor with its workers. */
async function start({ options, settings }: Started, read: () => CommandLine): Promise<void> {
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
  const listening = open(root, options, log, held, lastCalls);
  const serving = watchOver(listening, options, true);
  const activity = activityOf(listening.site.transfers);
  obeySupervisor(serving, lastCalls, line, options.grace, activity);
}

/** Logs the requests and limits the connections of this process. `shared`: others log on its stdout, too. */
function watchOver(
  { server, site: { transfers }, metrics }: Listening,
  options: Options,
  shared: boolean,
): Serving {
  const requestLog = keepRequestLog(transfers, options, shared);
  metrics?.add(() => ({ dropped: { requests: requestLog?.lost ?? 0 } }));
  limitConnections(server.port ?? options.port, options, log);
  return { server, transfers, requestLog, metrics };
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
  const listening = openAlone(root, { ...options, port: reserved }, log, tell);
  const { server, site } = listening;
  const serving = watchOver(listening, options, false);
  stopOnSignals(serving, site.lastCalls, options.grace, tell);
  watchCertificate(options, log, tell, server);
  onHangup(() => reloader.next()?.apply());
  const activity = activityOf(site.transfers);
  serviceManager.watch(async () => activity());
  return server.port ?? options.port;
}

/** Returns the port when all workers listen; undefined when a signal came before. */
async function startSupervisor(
  root: Root,
  { options, settings }: Pick<Started, "options" | "settings">,
  reloader: Reloader,
  count: number,
  tell: Log,
): Promise<number | undefined> {
  const { gate, rates, origin, live, places } = openCentral(root, options, log, tell);
  const port = await reservePort(options);
  listenToPeers((where) => origin.listen(where), options, port, log);
  watchCertificate(options, log, tell);
  const { grace } = options;
  const metrics = options.metrics ? new SupervisorMetrics(origin, count) : undefined;
  const downloads = (told: ReportTopics["downloads"]["question"]) => void metrics?.take(told);
  const answers = {
    ...{ ...deskAnswers(origin), ...begunAnswers(gate?.begun), ...liveAnswers(live) },
    ...{ ...rates.answers, ...places.answers, downloads },
  };
  const handed = handOver(settings, port);
  const reload = () => reloader.nextFor(port);
  const own = { handed, reload, count, grace, log, tell, answers, metrics };
  const supervisor = new Supervisor<Topics>(own);
  metrics?.start(() => ({ workers: supervisor.states, dropped: { events: stderr.lost } }));
  supervisor.obeySignals();
  return (await supervisor.start()) ? port : undefined;
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof Error)) throw error;
    fail(error.message);
  });
}

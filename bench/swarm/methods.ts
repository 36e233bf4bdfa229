/** The ways to get one file to many hosts, which the benchmark compares. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pieceLengthFor } from "../../digests/piece-length.ts";
import { type Host, inHost } from "./network.ts";
import { type Course, type Race, race, type Runner, whenStarted } from "./race.ts";

const PORT = 13000;
const TRACKER = 6969;
/** Debian's Python: the binding comes as a package of it. */
const PYTHON = "/usr/bin/python3";
const LIBTORRENT = join(import.meta.dir, "libtorrent-peer.py");

/** The file, where it lies, and what else a race needs. */
export interface Setting extends Course {
  /** The compiled rangesrv. */
  readonly executable: string;
  /** What the origin serves below /data/; it has the file alone. */
  readonly site: string;
  readonly name: string;
  /** Bytes. */
  readonly length: number;
}

export interface Method {
  readonly name: string;
  readonly about: string;
  readonly needs: readonly string[];
  /** It hardly differs from round to round, and takes long. */
  readonly steady?: boolean;
  /** A comparison, left out unless it is asked for by name or N is one of these. */
  readonly only?: readonly number[];
  run(setting: Setting, peers: number): Promise<Race>;
}

export const METHODS: readonly Method[] = [
  {
    name: "origin",
    about: "one origin for all: every host runs `curl` against rangesrv",
    needs: ["curl"],
    steady: true,
    async run(setting, peers) {
      await serveFile(setting);
      return start(setting, peers, (host) => curl(setting, host, origin(setting)));
    },
  },
  {
    name: "doubling",
    about: "whole files passed on: in each round everyone who has the file serves one who hasn't",
    needs: ["curl"],
    steady: true,
    run: double,
  },
  {
    name: "libtorrent",
    about: "libtorrent's defaults over TCP, given the URL of rangesrv's .torrent",
    needs: [PYTHON],
    async run(setting, peers) {
      await serveTorrent(setting);
      const url = torrentUrl(setting, `${setting.name}.torrent`);
      return start(setting, peers, (host) => libtorrent(setting, host, url));
    },
  },
  {
    name: "libtorrent-utp",
    about: "the same with uTP between peers, libtorrent's own choice",
    needs: [PYTHON],
    only: [8],
    async run(setting, peers) {
      await serveTorrent(setting);
      const url = torrentUrl(setting, `${setting.name}.torrent`);
      return start(setting, peers, (host) => libtorrent(setting, host, url, "peer-utp"));
    },
  },
  {
    name: "aria2c",
    about: "`aria2c URL` of rangesrv's .torrent, without any option that changes a download",
    needs: ["aria2c"],
    async run(setting, peers) {
      await serveTorrent(setting);
      const url = torrentUrl(setting, `${setting.name}.torrent`);
      return start(setting, peers, (host) => aria2c(setting, host, url));
    },
  },
  {
    name: "transmission",
    about:
      "`transmission-cli URL` of rangesrv's .torrent, without any option that changes a download",
    needs: ["transmission-cli"],
    only: [1, 8],
    async run(setting, peers) {
      await serveTorrent(setting);
      const url = torrentUrl(setting, `${setting.name}.torrent`);
      return start(setting, peers, (host) => transmission(setting, host, url));
    },
  },
  {
    name: "libtorrent-seed",
    about: "libtorrent over TCP; origin: libtorrent, seeding, and opentracker",
    needs: [PYTHON, "opentracker"],
    only: [8, 32],
    async run(setting, peers) {
      const url = await seedWithLibtorrent(setting, "seed");
      return start(setting, peers, (host) => libtorrent(setting, host, url));
    },
  },
  {
    name: "libtorrent-super",
    about: "libtorrent over TCP; origin: libtorrent, super-seeding (BEP 16), and opentracker",
    needs: [PYTHON, "opentracker"],
    only: [8],
    async run(setting, peers) {
      const url = await seedWithLibtorrent(setting, "super");
      return start(setting, peers, (host) => libtorrent(setting, host, url));
    },
  },
  {
    name: "aria2c-seed",
    about: "`aria2c URL`; origin: libtorrent, seeding, and opentracker",
    needs: ["aria2c", PYTHON, "opentracker"],
    only: [8, 32],
    async run(setting, peers) {
      const url = await seedWithLibtorrent(setting, "seed");
      return start(setting, peers, (host) => aria2c(setting, host, url));
    },
  },
  {
    name: "aria2c-webseed",
    about: "`aria2c URL`; origin: a plain web seed (rangesrv by HTTP) and opentracker",
    needs: ["aria2c", PYTHON, "opentracker"],
    only: [8, 32],
    async run(setting, peers) {
      const url = torrentUrl(setting, await serveForeign(setting, true));
      return start(setting, peers, (host) => aria2c(setting, host, url));
    },
  },
];

function start(setting: Setting, peers: number, runner: (host: Host) => Runner): Promise<Race> {
  const hosts = setting.network.hosts.slice(1, peers + 1);
  return race(setting, hosts.map(runner));
}

/** Each round is a race of its own; what they show is put together. */
async function double(setting: Setting, peers: number): Promise<Race> {
  await serveFile(setting);
  const hosts = setting.network.hosts.slice(0, peers + 1);
  // They serve before the race, with nothing yet: their start is not measured.
  for (const host of hosts.slice(1)) serve(setting, host, directoryOf(setting, host));
  await Promise.all(hosts.map((host) => answers(host, "")));
  const rounds: Race[] = [];
  for (let having = 1; having < hosts.length; having *= 2) {
    const next = hosts.slice(having, 2 * having);
    const runners = next.map((host, n) => curl(setting, host, hosts[n] ?? host));
    rounds.push(await race(setting, runners));
  }
  return joinRaces(rounds, peers);
}

function joinRaces(rounds: readonly Race[], peers: number): Race {
  const sum = (of: (round: Race) => number) => rounds.reduce((all, round) => all + of(round), 0);
  const time = sum((round) => round.time);
  let [elapsed, sent] = [0, 0];
  const finishes: number[] = [];
  const originSeries: number[] = [];
  for (const round of rounds) {
    finishes.push(...round.finishes.map((at) => at + elapsed));
    originSeries.push(...round.originSeries.map((bytes) => bytes + sent));
    elapsed += round.time;
    sent += round.originSent;
  }
  return {
    finishes,
    time,
    originSent: sent,
    originSeries,
    sent: Array.from({ length: peers }, (_, n) => sum((round) => round.sent[n] ?? 0)),
    processor: sum((round) => round.processor * round.time) / time,
    processorMost: Math.max(...rounds.map((round) => round.processorMost)),
  };
}

function curl(setting: Setting, host: Host, from: Host): Runner {
  const path = join(directoryOf(setting, host), setting.name);
  const url = `http://${from.address}:${PORT}/data/${setting.name}`;
  return {
    host,
    command: whenStarted(["curl", "-sSfo", path, url], ` && sha256sum ${path}`),
  };
}

function libtorrent(
  setting: Setting,
  host: Host,
  url: string,
  role: "peer" | "peer-utp" = "peer",
): Runner {
  const directory = directoryOf(setting, host);
  return { host, command: [PYTHON, LIBTORRENT, role, host.address, url, directory], ready: true };
}

/** It seeds when it is done, as long as it does by default; a hook tells us that it is done. */
function aria2c(setting: Setting, host: Host, url: string): Runner {
  const hook = join(setting.scratch, "complete.sh");
  writeFileSync(hook, '#!/bin/sh\nexec sha256sum "$3"\n', { mode: 0o755 });
  const headless = ["--quiet", `--dir=${directoryOf(setting, host)}`];
  const command = ["aria2c", ...headless, `--on-bt-download-complete=${hook}`, url];
  return { host, command: whenStarted(command) };
}

/** As aria2c, but its progress goes to standard output, so its hook writes elsewhere. */
function transmission(setting: Setting, host: Host, url: string): Runner {
  const hook = join(setting.scratch, "finished.sh");
  const script = '#!/bin/sh\nexec sha256sum "$TR_TORRENT_DIR/$TR_TORRENT_NAME" >&3\n';
  writeFileSync(hook, script, { mode: 0o755 });
  const directory = directoryOf(setting, host);
  const own = ["-g", join(directory, "settings"), "-w", directory, "-f", hook];
  const command = ["transmission-cli", ...own, url];
  return { host, command: whenStarted(command, " 3>&1 >/dev/null") };
}

function directoryOf({ scratch }: Setting, host: Host): string {
  const directory = join(scratch, host.namespace);
  mkdirSync(directory, { recursive: true });
  return directory;
}

function origin({ network }: Setting): Host {
  const [host] = network.hosts;
  if (host === undefined) throw new Error("A network without an origin");
  return host;
}

function torrentUrl(setting: Setting, torrent: string): string {
  return `http://${origin(setting).address}:${PORT}/data/${torrent}`;
}

/** rangesrv on a host, below its usual port. */
function serve({ executable, programs, scratch }: Setting, host: Host, directory: string): void {
  const command = [executable, "--quiet", "--host", host.address, "--port", `${PORT}`, directory];
  programs.start(host, command, scratch);
}

async function serveFile(setting: Setting): Promise<void> {
  serve(setting, origin(setting), setting.site);
  await answers(origin(setting), setting.name);
}

/** Waits until the file is hashed: hashing is not measured. */
async function serveTorrent(setting: Setting): Promise<void> {
  serve(setting, origin(setting), setting.site);
  await answers(origin(setting), `${setting.name}.torrent`);
}

/** A torrent that another program made of the same file, and another program's tracker. */
async function serveForeign(setting: Setting, webSeed: boolean): Promise<string> {
  const { programs, site, name, length, scratch } = setting;
  const { address } = origin(setting);
  const torrent = `${name}.foreign.torrent`;
  const file = join(site, name);
  const made = Bun.spawnSync([
    ...[PYTHON, LIBTORRENT, "make", file, join(site, torrent)],
    ...[`http://${address}:${TRACKER}/announce`, `${pieceLengthFor(length)}`],
    ...(webSeed ? [`http://${address}:${PORT}/data/${name}`] : []),
  ]);
  if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  // Debian's opentracker knows only what is listed, in a file below its new root.
  writeFileSync(join(scratch, "listed"), made.stdout);
  const tracker = ["opentracker", "-i", address, "-p", `${TRACKER}`, "-P", `${TRACKER}`];
  programs.start(origin(setting), [...tracker, "-d", scratch, "-w", "/listed"], scratch);
  await serveFile(setting);
  return torrent;
}

/** Another program as the origin's peer. Returns the torrent's URL. */
async function seedWithLibtorrent(setting: Setting, how: "seed" | "super"): Promise<string> {
  const torrent = await serveForeign(setting, false);
  const { programs, site, scratch } = setting;
  const { address } = origin(setting);
  const command = [PYTHON, LIBTORRENT, how, address, join(site, torrent), site];
  programs.start(origin(setting), command, scratch);
  // Until it is listening and has announced itself.
  await Bun.sleep(1500);
  return torrentUrl(setting, torrent);
}

/** Until a host's server has what is asked for: it may still start, or hash the file. */
async function answers(host: Host, name: string): Promise<void> {
  const url = `http://${host.address}:${PORT}/data/${name}`;
  const command = ["curl", "-sI", "-o", "/dev/null", "-w", "%{http_code}", url];
  for (let tries = 0; tries < 200; tries++) {
    const asked = Bun.spawn(inHost(host, command), { stdout: "pipe", stderr: "ignore" });
    const status = await asked.stdout.text();
    if (status === "200") return;
    if (status !== "000" && status !== "503") throw new Error(`${url}: ${status}`);
    await Bun.sleep(100);
  }
  throw new Error(`${url}: no answer`);
}

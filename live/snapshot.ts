/**
 * The state of the whole server as `/-/status.json` and `/-/events` tell it, from what each
 * process and the swarms report. Nothing here has a clock or a socket.
 *
 * The origin's share is what this server sent, divided by all that clients received: bytes
 * by HTTP, and what peers say they got from here and from each other.
 */

import { type Download, MOST_ENDED, MOST_RUNNING, type ProcessReport } from "./reporter.ts";
import { KEPT_SECONDS } from "./throughput.ts";

/** A file or folder that peers share. */
export interface SharedFile {
  /** Percent-encoded, from the server's root; a folder's ends in a slash. */
  readonly path: string;
  /** Bytes. */
  readonly length: number;
  /** Peers by the tracker: those that have everything, and those that don't. */
  readonly seeds: number;
  readonly leechers: number;
  /** Some of them; completion from 0 to 1. */
  readonly peers: readonly SharedPeer[];
  /** Peers that are connected to this server's seeder, and how many have each stretch of pieces. */
  readonly connected: number;
  readonly spread: readonly number[];
  /** Bytes that the seeder sent, and that peers say they received. */
  readonly sent: number;
  readonly received: number;
  /** From 0 to 1; null while nothing was received. */
  readonly originShare: number | null;
}

export interface SharedPeer {
  readonly client: string;
  readonly port: number;
  readonly completion: number;
}

export interface Snapshot {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly started: number;
  readonly workers: number;
  /** Bytes since the start: acknowledged by HTTP clients, and sent to peers. */
  readonly sent: { readonly http: number; readonly seeder: number };
  /** Bytes that the peers of `files` say they received. */
  readonly received: number;
  readonly originShare: number | null;
  /** Bytes in each of the last seconds, the oldest first. */
  readonly throughput: { readonly http: readonly number[]; readonly seeder: readonly number[] };
  readonly files: readonly SharedFile[];
  /** Downloads that go on: how many, and some of them. */
  readonly running: number;
  readonly transfers: readonly Download[];
  /** The last that ended, the latest first. */
  readonly ended: readonly (Download & { readonly at: number })[];
}

/** What the process of the swarms knows. */
export interface Gathered {
  readonly now: number;
  readonly started: number;
  readonly reports: readonly ProcessReport[];
  readonly files: readonly Omit<SharedFile, "originShare">[];
  readonly seeded: number;
  readonly seederThroughput: readonly number[];
}

export function makeSnapshot(gathered: Gathered): Snapshot {
  const { now, started, reports, files, seeded, seederThroughput } = gathered;
  const http = sum(reports, ({ sent }) => sent);
  const received = sum(files, (file) => file.received);
  return {
    ...{ now, started, workers: reports.length },
    ...{ sent: { http, seeder: seeded }, received },
    originShare: share(http + seeded, http + Math.max(seeded, received)),
    throughput: { http: addUp(reports, now), seeder: seederThroughput },
    files: files.map((file) => ({
      ...file,
      originShare: share(file.sent, Math.max(file.sent, file.received)),
    })),
    running: sum(reports, ({ running }) => running),
    transfers: reports.flatMap(({ transfers }) => transfers).slice(0, MOST_RUNNING),
    ended: reports
      .flatMap(({ ended }) => ended)
      .sort((a, b) => b.at - a.at)
      .slice(0, MOST_ENDED),
  };
}

/** The same with other names for the addresses. */
export function renameClients(snapshot: Snapshot, rename: (client: string) => string): Snapshot {
  function renamed<Of extends { readonly client: string }>(all: readonly Of[]): Of[] {
    return all.map((one) => ({ ...one, client: rename(one.client) }));
  }
  return {
    ...snapshot,
    files: snapshot.files.map((file) => ({
      ...file,
      // The port that a peer listens at would tell who it is.
      peers: renamed(file.peers).map((peer) => ({ ...peer, port: 0 })),
    })),
    transfers: renamed(snapshot.transfers),
    ended: renamed(snapshot.ended),
  };
}

function share(of: number, all: number): number | null {
  return all > 0 ? of / all : null;
}

/** Processes were asked at about the same time: their last seconds may differ by one. */
function addUp(reports: readonly ProcessReport[], now: number): number[] {
  const total = new Array<number>(KEPT_SECONDS).fill(0);
  const second = Math.floor(now / 1000);
  for (const { throughput, second: last } of reports) {
    const first = KEPT_SECONDS - throughput.length + (last - second);
    for (const [n, bytes] of throughput.entries()) {
      const at = first + n;
      if (at >= 0 && at < KEPT_SECONDS) total[at] = (total[at] ?? 0) + bytes;
    }
  }
  return total;
}

function sum<Of>(all: readonly Of[], of: (one: Of) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

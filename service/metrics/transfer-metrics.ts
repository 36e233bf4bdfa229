/**
 * What is counted of every answer, from its record (files/transfer.ts). On the path of a
 * small answer this is a dozen additions: series are found by small numbers, not by names.
 */

import type { OpenFile } from "../../files/open-file.ts";
import type { Outcome, Transfer } from "../../files/transfer.ts";
import type { TransferObserver } from "../../files/transfers.ts";
import type { Window } from "../../range.ts";
import type { DownloadReports } from "./download-reports.ts";
import { observe } from "./registry.ts";
import {
  CODES,
  DOWNLOADS,
  DURATIONS,
  FIRST_BYTES,
  KINDS,
  METHODS,
  RANGE_SIZES,
  TABLE,
} from "./table.ts";

const { requests, bytes, durations, firstBytes, ranges, aborted, started, completed } =
  TABLE.metrics;
const { downloadTimes, rejected } = TABLE.metrics;
const REASONS = rejected.labels["reason"] ?? [];

const METHOD = new Map<string, number>(METHODS.map((method, index) => [method, index]));
const OTHER_METHOD = METHODS.length - 1;
const KIND = new Map<string, number>(KINDS.map((kind, index) => [kind, index]));
const RANGE = KINDS.indexOf("range");
const MULTIPART = KINDS.indexOf("multipart");
const FULL = KINDS.indexOf("full");
/** By status, the index of its series. */
const CODE = new Uint8Array(600).fill(CODES.length - 1);
CODES.forEach((code, index) => code !== "_OTHER" && (CODE[Number(code)] = index));

/** By outcome, who ended it early. */
const BY: Readonly<Record<Outcome, (typeof BYS)[number] | undefined>> = {
  ...{ complete: undefined, aborted: "client", changed: "changed", "timed out": "timeout" },
};
const BYS = ["client", "changed", "timeout"] as const;

export class TransferMetrics implements TransferObserver {
  readonly #numbers: Float64Array;
  readonly #reports: DownloadReports;

  /** `numbers`: of this process. */
  constructor(numbers: Float64Array, reports: DownloadReports) {
    this.#numbers = numbers;
    this.#reports = reports;
  }

  began(transfer: Transfer): void {
    const { file } = transfer;
    if (file !== undefined && transfer.windows.length > 0) {
      this.#reports.begin(transfer.client, file, transfer.now);
    }
  }

  ended(transfer: Transfer): void {
    const numbers = this.#numbers;
    const { kind: name, status, outcome, owed, duration } = transfer;
    const kind = KIND.get(name) ?? KINDS.length - 1;
    const method = METHOD.get(transfer.method) ?? OTHER_METHOD;
    const code = CODE[status] ?? CODES.length - 1;
    numbers[requests.at + (method * CODES.length + code) * KINDS.length + kind]!++;
    numbers[bytes.at + kind]! += transfer.acknowledged ?? 0;
    observe(numbers, durations.at + kind * durations.width, DURATIONS, duration / 1000);
    const first = transfer.firstByte / 1000;
    observe(numbers, firstBytes.at + kind * firstBytes.width, FIRST_BYTES, first);
    if (outcome !== "complete") this.#countAbort(outcome);
    const { refusedBy } = transfer.plan;
    if (refusedBy !== undefined) numbers[rejected.at + REASONS.indexOf(refusedBy)]!++;
    const isRange = kind === RANGE || kind === MULTIPART;
    if (isRange) observe(numbers, ranges.at, RANGE_SIZES, owed);
    const { file } = transfer;
    if (file === undefined || !(isRange || kind === FULL)) return;
    if (isRange || transfer.streamed) this.#report(transfer, file, kind === FULL);
    else if (outcome === "complete") this.#countWhole(duration);
  }

  #countAbort(outcome: Outcome | undefined): void {
    const by = outcome === undefined ? undefined : BY[outcome];
    if (by !== undefined) this.#numbers[aborted.at + BYS.indexOf(by)]!++;
  }

  /** A file that was sent at once: whether the client had a part of it isn't asked. */
  #countWhole(duration: number): void {
    const numbers = this.#numbers;
    numbers[started.at]!++;
    numbers[completed.at]!++;
    observe(numbers, downloadTimes.at, DOWNLOADS, duration / 1000);
  }

  #report(transfer: Transfer, file: OpenFile, isWhole: boolean): void {
    const { now, duration, outcome, acknowledged = 0, windows } = transfer;
    const reports = this.#reports;
    const ended = now + duration;
    if (outcome === "complete") {
      if (isWhole) return reports.addWhole(transfer.client, file, now, ended);
      for (const window of windows) {
        if (isCrumb(window, file)) continue;
        reports.add(transfer.client, file, window, now, ended);
      }
      return;
    }
    // Between the windows of several are headers of parts; bytes of a changed file are of no version.
    const [window, ...more] = windows;
    if (window === undefined || more.length > 0 || outcome === "changed") return;
    const got = beginOf(window, acknowledged);
    const perhaps = beginOf(window, acknowledged + possible(acknowledged, duration));
    reports.add(transfer.client, file, got, now, ended, perhaps.end);
  }
}

/** Bytes of a piece that some program may fetch a file in: BitTorrent's block is the smallest. */
const PIECE = 16 * 1024;
/** A file of so many pieces or fewer may have smaller ones. */
const FEW = 64;

/**
 * Whether a window is too small to be a part of a download: its client reads a little of the
 * file. Asking for the client's address would take longer than the rest of this file.
 */
function isCrumb({ start, end }: Window, { version: { size } }: OpenFile): boolean {
  const length = end - start;
  return length < PIECE && FEW * length < size && end < size;
}

/** Milliseconds that pass between two looks at a connection on a busy machine. */
const UNSEEN = 20;
/** Bytes that may be on their way to a client of which nothing else is known. */
const ON_THE_WAY = 64 * 1024;
/** By how much faster than on average they may be. */
const FASTER = 4;
/** Bytes that a client takes at once when it reads in bursts, of an answer of which it has much. */
const BURST = 1024 * 1024;

/** Bytes that a client may have acknowledged since the last look, when it cut an answer off. */
function possible(acknowledged: number, duration: number): number {
  const average = acknowledged / Math.max(1, duration);
  const burst = Math.min(BURST, acknowledged / 2);
  return ON_THE_WAY + Math.ceil(Math.max(burst, FASTER * average * UNSEEN));
}

function beginOf({ start, end }: Window, length: number): Window {
  return { start, end: Math.min(end, start + length) };
}

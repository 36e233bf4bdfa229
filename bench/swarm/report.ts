/** Records of races as Markdown, and their place in a file. */

import { row, spread, table } from "../setup.ts";
import { type Race, SAMPLE } from "./race.ts";

/** One round of one way with so many peers. */
export interface Record {
  readonly method: string;
  readonly peers: number;
  readonly race: Race;
}

/** What the figures are relative to. */
export interface Scale {
  /** Bytes. */
  readonly length: number;
  /** Bits a second. */
  readonly rate: number;
  /** Milliseconds of one download by one host from an idle origin. */
  readonly alone: number;
}

/** The median time of a way with so many peers, in milliseconds; undefined when it was never run. */
export function medianTime(
  records: readonly Record[],
  method: string,
  peers: number,
): number | undefined {
  const races = select(records, method, peers);
  return races.length === 0 ? undefined : median(races.map(({ time }) => time));
}

/** T/T(1) and origin bytes / file of every way, by the number of peers. */
export function summary(records: readonly Record[], methods: readonly string[], scale: Scale) {
  const present = methods.filter((name) => records.some(({ method }) => method === name));
  const rows = sizes(records).map((peers) => {
    const cells = present.map((name) => {
      const races = select(records, name, peers);
      if (races.length === 0) return "–";
      if (races.some(({ finishes }) => finishes.length < peers)) return "not finished";
      const [time, sent] = relative(races, scale);
      return `${median(time).toFixed(2)} / ${median(sent).toFixed(2)}`;
    });
    return row(String(peers), ...cells);
  });
  return table(["peers", ...present], rows);
}

/** The details of one way: the spread, when peers finish, how busy links and processors are. */
export function details(records: readonly Record[], method: string, scale: Scale): string {
  const rows = sizes(records).flatMap((peers) => {
    const races = select(records, method, peers);
    if (races.length === 0) return [];
    const [time, sent] = relative(races, scale);
    const at = (place: (finishes: readonly number[]) => number) =>
      median(races.map(({ finishes }) => place(finishes) / 1000)).toFixed(1);
    const first = at((finishes) => finishes[0] ?? NaN);
    const half = at((finishes) => finishes[Math.floor(finishes.length / 2)] ?? NaN);
    const last = at((finishes) => finishes.at(-1) ?? NaN);
    const percent = (of: (race: Race) => number) => `${Math.round(100 * median(races.map(of)))} %`;
    return row(
      `${peers}`,
      `${races.length}`,
      spread(time, 2),
      spread(sent, 2),
      `${first} / ${half} / ${last}`,
      percent((race) => busy(race.originSent, race.time, scale)),
      percent((race) => (scale.alone / race.time) * (race.finishes.length / peers)),
      `${percent((race) => race.processor)}, ${percent((race) => race.processorMost)}`,
    );
  });
  const columns = [
    "peers",
    "rounds",
    "T/T(1)",
    "origin bytes/file",
    "first, median, last s",
    "origin's link",
    "peers' links, down",
    "CPU, busiest second",
  ];
  return table(columns, rows);
}

/** One race on one line, for the eye while it runs. */
export function line({ method, peers, race }: Record, scale: Scale): string {
  const { finishes, time, originSent, originSeries } = race;
  const middle = finishes[Math.floor(finishes.length / 2)];
  const seconds = (at: number | undefined) => ((at ?? NaN) / 1000).toFixed(2);
  const second = Math.round(1000 / SAMPLE);
  const series = originSeries
    .filter((_, n) => n % second === second - 1)
    .map((bytes) => (bytes / scale.length).toFixed(2));
  return [
    `${method} N=${peers}: ${(time / scale.alone).toFixed(2)} × T(1)`,
    `origin ${(originSent / scale.length).toFixed(2)} × file`,
    `finished ${finishes.length}: ${seconds(finishes[0])} ${seconds(middle)} ${seconds(finishes.at(-1))} s`,
    `CPU ${race.processor.toFixed(2)}, busiest second ${race.processorMost.toFixed(2)}`,
    `sent by peers ${spread(
      race.sent.map((bytes) => bytes / scale.length),
      2,
    )}`,
    `origin second by second ${series.join(" ")}`,
  ].join("\n    ");
}

/** Replaces a file's text from the section's heading on, or appends the section. */
export function replaceSection(text: string, section: string): string {
  const heading = section.slice(0, section.indexOf("\n") + 1);
  const at = `\n${text}`.indexOf(`\n${heading}`);
  const kept = at < 0 ? text : text.slice(0, at);
  return kept.trim() === "" ? section : `${kept.trimEnd()}\n\n${section}`;
}

function sizes(records: readonly Record[]): number[] {
  return [...new Set(records.map(({ peers }) => peers))].toSorted((a, b) => a - b);
}

function select(records: readonly Record[], method: string, peers: number): Race[] {
  return records
    .filter((record) => record.method === method && record.peers === peers)
    .map(({ race }) => race);
}

function relative(races: readonly Race[], { alone, length }: Scale): [number[], number[]] {
  return [
    races.map(({ time }) => time / alone),
    races.map(({ originSent }) => originSent / length),
  ];
}

/** 0 to 1. */
function busy(bytes: number, milliseconds: number, { rate }: Scale): number {
  return (bytes * 8 * 1000) / (milliseconds * rate);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

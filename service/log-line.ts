/**
 * One line of the request log, pure. Everything that a client sent is escaped and cut: a
 * line is ASCII, and at most 4 KiB long, which a pipe takes whole.
 *
 *     combined  CLIENT - KEY [TIME] "METHOD TARGET HTTP/1.1" STATUS SENT "REFERER" "AGENT" "RANGE" OWED SECONDS OUTCOME
 *     json      {"time":…,"client":…,"method":…,"path":…,"range":…,"kind":…,"status":…,"sent":…,
 *               "owed":…,"seconds":…,"first_byte":…,"outcome":…,"throttled":…,"key":…,"worker":…,
 *               "referer":…,"agent":…}
 *
 * Combined Log Format as Apache and nginx write it, with four fields behind it. The runtime
 * doesn't tell the version of HTTP, so that is always 1.1.
 */

import { targetOf, type Transfer } from "../files/transfer.ts";
import { redact } from "../http/redact.ts";
import { jsonText, quotable } from "./log-text.ts";

export type LogFormat = "combined" | "json";

/** What a line says of a transfer that has ended. */
export type Logged = Pick<
  Transfer,
  | "now"
  | "client"
  | "range"
  | "kind"
  | "status"
  | "owed"
  | "acknowledged"
  | "firstByte"
  | "duration"
  | "outcome"
  | "fields"
  | "pass"
  | "throttled"
> & { readonly request: Pick<Request, "method" | "url"> };

/** Characters of an escaped text; together they leave room for the rest of a line of 4 KiB. */
const LONGEST = { method: 32, name: 64, target: 2048, referer: 512, agent: 512, range: 256 };

/** Texts whose escaped form is remembered, and characters of the longest one. */
const MOST_KNOWN = 512;
const LONGEST_KNOWN = 512;

/**
 * The same ASCII text. The engine keeps a joined text as a tree of its parts, which it would
 * walk for every line that this is joined into.
 */
function inOnePiece(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** Remembers what is made of texts: clients send the same ones again and again. */
class Known {
  readonly #make: (text: string) => string;
  readonly #known = new Map<string, string>();

  constructor(make: (text: string) => string) {
    this.#make = make;
  }

  get(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const made = inOnePiece(this.#make(text));
    if (text.length > LONGEST_KNOWN) return made;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(text, made);
    return made;
  }
}

/** Remembers what was made of the latest two texts. */
class Latest {
  readonly #make: (one: string, other: string) => string;
  #one = "";
  #other = "";
  #made: string;

  constructor(make: (one: string, other: string) => string) {
    this.#make = make;
    this.#made = inOnePiece(make("", ""));
  }

  get(one: string, other: string): string {
    if (one === this.#one && other === this.#other) return this.#made;
    this.#one = one;
    this.#other = other;
    return (this.#made = inOnePiece(this.#make(one, other)));
  }
}

export type Formatter = (logged: Logged) => string;

/** Makes lines in a format; `worker`: the process, for JSON. A line is joined of few texts, since that is most of its cost. */
export function formatterOf(format: LogFormat, worker?: number): Formatter {
  return format === "json" ? jsonFormatter(worker) : combinedFormatter();
}

function combinedFormatter(): Formatter {
  const clock = new Clock(combinedTime);
  const heads = new Latest((client, time) => `${client || "-"} - - [${time}] "`);
  // Whose token or password it was.
  const namedHead = (client: string, name: string, time: string) =>
    `${client || "-"} - ${quotable(name, LONGEST.name).replaceAll(" ", "_")} [${time}] "`;
  const targets = new Known(
    (url) => ` ${quotable(redact(targetOf(url)), LONGEST.target)} HTTP/1.1" `,
  );
  const referers = new Known((text) => quotable(redact(text), LONGEST.referer));
  const agents = new Known((text) => quotable(text, LONGEST.agent));
  const senders = new Latest((referer, agent) => {
    return ` "${referers.get(referer) || "-"}" "${agents.get(agent) || "-"}" `;
  });
  return (logged) => {
    const { now, client, request, status, owed, acknowledged, fields, range, pass } = logged;
    const { method, url } = request;
    const name = pass?.name;
    return (
      (name ? namedHead(client, name, clock.at(now)) : heads.get(client, clock.at(now))) +
      (METHODS.has(method) ? method : quotable(method, LONGEST.method)) +
      targets.get(url) +
      (STATUSES[status] ??= inOnePiece(`${status} `)) +
      (acknowledged ?? "-") +
      senders.get(fields.get("referer") ?? "", fields.get("user-agent") ?? "") +
      (range === null ? '"-" ' : `"${quotable(range, LONGEST.range)}" `) +
      owed +
      combinedEnd(logged)
    );
  };
}

const METHODS = new Set(["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE"]);
/** By number, each made for the first line that has it: a status, three digits, and the end of a line about what was complete after so many milliseconds. */
const STATUSES: string[] = [];
const THOUSANDTHS: string[] = [];
const SOON: string[] = [];

function combinedEnd({ duration, outcome }: Logged): string {
  if (outcome === "complete" && duration < 999) {
    const thousandths = Math.round(duration);
    return (SOON[thousandths] ??= inOnePiece(` 0.${threeDigits(thousandths)} complete\n`));
  }
  return ` ${seconds(duration)} ${outcome === "timed out" ? "timed-out" : outcome}\n`;
}

function jsonFormatter(process: number | undefined): Formatter {
  const iso = (second: number) => new Date(second * 1000).toISOString();
  const clock = new Clock((second) => `{"time":"${iso(second).slice(0, 19)}.`);
  const clients = new Latest((client, method) => {
    const one = client === "" ? "" : `,"client":"${client}"`;
    return `Z"${one},"method":${jsonText(method, LONGEST.method)}`;
  });
  const targets = new Known((url) => `,"path":${jsonText(redact(targetOf(url)), LONGEST.target)}`);
  const referers = new Known((text) => jsonText(redact(text), LONGEST.referer));
  const agents = new Known((text) => jsonText(text, LONGEST.agent));
  const ends = new Latest((referer, agent) => {
    const one = referer === "" ? "" : `,"referer":${referers.get(referer)}`;
    return `${one}${agent === "" ? "" : `,"agent":${agents.get(agent)}`}}\n`;
  });
  const worker = process === undefined ? "" : `,"worker":${process}`;
  return (logged) => {
    const { now, client, request, status, owed, acknowledged, fields, range } = logged;
    const { method, url } = request;
    const { pass, throttled } = logged;
    return (
      clock.at(now) +
      threeDigits(now % 1000) +
      clients.get(client, method) +
      targets.get(url) +
      (range === null ? "" : `,"range":${jsonText(range, LONGEST.range)}`) +
      `,"kind":"${logged.kind}","status":${status}` +
      (acknowledged === undefined ? "" : `,"sent":${acknowledged}`) +
      `,"owed":${owed},"seconds":${seconds(logged.duration)}` +
      `,"first_byte":${seconds(logged.firstByte)},"outcome":"${logged.outcome}"` +
      (throttled === 0 ? "" : `,"throttled":${seconds(throttled)}`) +
      (pass?.name ? `,"key":${jsonText(pass.name, LONGEST.name)}` : "") +
      worker +
      ends.get(fields.get("referer") ?? "", fields.get("user-agent") ?? "")
    );
  };
}

/** Milliseconds as seconds with three digits. */
function seconds(milliseconds: number): string {
  const whole = Math.max(0, Math.round(milliseconds));
  return `${Math.floor(whole / 1000)}.${threeDigits(whole % 1000)}`;
}

function threeDigits(number: number): string {
  return (THOUSANDTHS[number] ??= String(number).padStart(3, "0"));
}

/** The text of a second, made once. */
class Clock {
  #second = -1;
  #text = "";

  constructor(readonly format: (second: number) => string) {}

  at(now: number): string {
    const second = Math.floor(now / 1000);
    if (second === this.#second) return this.#text;
    this.#second = second;
    return (this.#text = inOnePiece(this.format(second)));
  }
}

/** `24/Nov/2026:15:10:21 +0000` */
function combinedTime(second: number): string {
  const [, day, month, year, time] = new Date(second * 1000).toUTCString().split(" ");
  return `${day}/${month}/${year}:${time} +0000`;
}

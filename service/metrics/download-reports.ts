/**
 * What each process tells of the files that it sends, to the one process that knows which
 * downloads are complete (downloads.ts): the connections of one client are at several
 * workers. Reports are gathered and sent four times a second, sooner when there are many.
 * Adding to one is on the path of a small range: it is six numbers in an array.
 */

import type { OpenFile } from "../../files/open-file.ts";
import type { Window } from "../../range.ts";
import type { Downloads, FileVersion } from "./downloads.ts";

/** Answers that are gathered at most: 200 KiB of a message. */
const MOST_GATHERED = 4_096;

/** An answer begins; it has ended, with part of the file or with all of it. */
type What = typeof BEGIN | typeof PART | typeof WHOLE;
const BEGIN = 0;
const PART = 1;
const WHOLE = 2;
/**
 * Numbers of an answer: what, start, end, perhaps (see downloads.ts), when it began and when
 * it ended, in milliseconds since 1970.
 */
const WIDTH = 6;

/** What one client has fetched of one version of a file. */
interface Fetched {
  readonly client: string;
  readonly file: FileVersion;
  /** {@link WIDTH} for each answer. */
  readonly numbers: readonly number[];
}

export interface DownloadReport {
  readonly fetched: readonly Fetched[];
  /** Stands for the process. */
  readonly from: number;
  /** Addresses that are being sent streamed answers; undefined: as in the last report. */
  readonly clients: readonly string[] | undefined;
}

export class DownloadReports {
  readonly #from: number;
  readonly #send: (report: DownloadReport) => Promise<unknown> | void;
  #gathered = new Map<OpenFile, Map<string, number[]>>();
  #count = 0;

  /** `send` may fail: the other process is gone then, and this one is about to end. */
  constructor(from: number, send: (report: DownloadReport) => Promise<unknown> | void) {
    this.#from = from;
    this.#send = send;
  }

  begin(client: string, file: OpenFile, began: number): void {
    this.#add(client, file, BEGIN, 0, 0, 0, began, began);
  }

  /** Bytes that the client has acknowledged; of an answer that was cut off, also up to where perhaps. */
  add(
    client: string,
    file: OpenFile,
    { start, end }: Window,
    began: number,
    ended: number,
    perhaps = end,
  ): void {
    this.#add(client, file, PART, start, end, perhaps, began, ended);
  }

  addWhole(client: string, file: OpenFile, began: number, ended: number): void {
    const { size } = file.version;
    this.#add(client, file, WHOLE, 0, size, size, began, ended);
  }

  /** Sends what was gathered. Never rejects. */
  async send(clients?: readonly string[]): Promise<void> {
    if (this.#count === 0 && clients === undefined) return;
    const fetched: Fetched[] = [];
    for (const [file, byClient] of this.#gathered) {
      const version = versionOf(file);
      for (const [client, numbers] of byClient) fetched.push({ client, file: version, numbers });
    }
    this.#gathered = new Map();
    this.#count = 0;
    try {
      await this.#send({ fetched, from: this.#from, clients });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }

  #add(
    client: string,
    file: OpenFile,
    what: What,
    start: number,
    end: number,
    perhaps: number,
    began: number,
    ended: number,
  ): void {
    let byClient = this.#gathered.get(file);
    if (byClient === undefined) this.#gathered.set(file, (byClient = new Map()));
    const numbers = byClient.get(client);
    if (numbers === undefined) byClient.set(client, [what, start, end, perhaps, began, ended]);
    else numbers.push(what, start, end, perhaps, began, ended);
    this.#count += 1;
    if (this.#count >= MOST_GATHERED) void this.send();
  }
}

/** By path and by what the entity tag is made of: a download that a client resumes is one. */
function versionOf({ path, version }: OpenFile): FileVersion {
  return { key: `${path}\0${version.size} ${version.modified}`, length: version.size };
}

/**
 * Adds a report to the downloads. Clients count by their source; `counted` is called with
 * the bytes that each has acknowledged.
 */
export function takeReport(
  downloads: Downloads,
  { fetched }: DownloadReport,
  sourceOf: (client: string) => string | undefined,
  counted: (client: string, bytes: number) => void,
): void {
  for (const { client, file, numbers } of fetched) {
    const source = sourceOf(client) ?? client;
    let bytes = 0;
    for (let at = 0; at < numbers.length; at += WIDTH) {
      const what = numbers[at];
      const [start, end] = [numbers[at + 1]!, numbers[at + 2]!];
      const perhaps = numbers[at + 3]!;
      const [began, ended] = [numbers[at + 4]!, numbers[at + 5]!];
      const part = { start, end, perhaps, began, ended };
      bytes += end - start;
      if (what === BEGIN) downloads.begin(source, file, began);
      else if (what === WHOLE) downloads.addWhole(source, file, part);
      else downloads.add(source, file, part);
    }
    if (bytes > 0) counted(client, bytes);
  }
}

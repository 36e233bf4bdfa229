/**
 * A page of very many entries, sent while it is made: entries are looked at as the client
 * takes the page, so that its first rows come at once and a stalled client costs no more.
 * All clients of one version of a directory share its names.
 *
 * Pages that are being made take turns: an ordinary request waits for one turn, however
 * many pages there are.
 */

import { fstatSync } from "node:fs";
import type { Maker } from "../http/plan.ts";
import { Crowded } from "./failure.ts";
import { type Names, readEntry } from "./listing-entries.ts";
import { addToTotals, type Entry, type Form, NOTHING, type Totals } from "./listing-text.ts";
import { type OpenDirectory, pathOf, type Root } from "./locate.ts";
import { Turn } from "./turns.ts";

/** Names of all lists that are being sent: about 100 bytes each. */
const MOST_NAMES = 2_000_000;
let listed = 0;

/** Milliseconds: another change of a directory within them could leave the same time stamp. */
const COARSEST_STAMP = 2_000;

const live = new WeakMap<Root, Map<string, NameList>>();

/** The sorted names of a directory, and the directory, open while clients are sent its page. */
export class NameList {
  readonly kind = "names";
  readonly #root: Root;
  readonly #directory: OpenDirectory;
  readonly #names: Names;
  readonly #version: string | undefined;
  #clients = 0;
  #open = true;

  /** Owns the directory from now on. Throws Crowded when too many names are held. */
  constructor(root: Root, directory: OpenDirectory, names: Names, version: string | undefined) {
    if (listed + countNames(names) > MOST_NAMES) throw new Crowded();
    this.#root = root;
    this.#directory = directory;
    this.#names = names;
    this.#version = version;
    listed += countNames(names);
    if (version !== undefined) liveOf(root).set(version, this);
    this.#closeSoon();
  }

  /** The list for `version` that other clients are sent. */
  static find(root: Root, version: string | undefined): NameList | undefined {
    return version === undefined ? undefined : liveOf(root).get(version);
  }

  /** The page in this form. `maker` is told of what is made of it. */
  stream(form: Form, maker: Maker): ReadableStream<Uint8Array> {
    this.#clients += 1;
    let open = true;
    const pieces = this.#pieces(form);
    const end = (how: Parameters<Maker["made"]>[0]) => {
      if (!open) return;
      open = false;
      this.#leave();
      maker.made(how);
    };
    return new ReadableStream<Uint8Array>({
      pull: (controller) =>
        inTurn(() => {
          if (!open) return;
          const { done, value } = pieces.next();
          if (value !== undefined) {
            maker.sent(value.length);
            controller.enqueue(value);
          }
          if (!done) return;
          end("whole");
          controller.close();
        }).catch((error: unknown) => {
          end("failed");
          // The header is sent: only a broken connection tells that the page isn't complete.
          controller.error(error);
        }),
      cancel: () => end("unwanted"),
    });
  }

  /** Each takes one turn. */
  *#pieces(form: Form): Generator<Uint8Array, void> {
    const { directories, files, unreachable } = this.#names;
    const named = { files: files.length, directories: directories.length };
    let totals: Totals = { ...NOTHING, partial: true };
    let text = form.head({ ...named, bytes: 0, partial: true });
    let turn = new Turn();
    for (const entry of this.#entries()) {
      if (entry !== undefined) {
        totals = addToTotals(totals, entry);
        text += form.entry(entry);
      }
      if (!turn.isOver) continue;
      yield Buffer.from(text);
      text = "";
      turn = new Turn();
    }
    for (const entry of unreachable) text += form.entry(entry);
    yield Buffer.from(text + form.tail(unreachable.reduce(addToTotals, totals)));
  }

  *#entries(): Generator<Entry | undefined> {
    const path = pathOf(this.#directory);
    for (const names of [this.#names.directories, this.#names.files]) {
      for (const name of names) yield readEntry(this.#root, `${path}/${name}`, name);
    }
  }

  #leave(): void {
    this.#clients -= 1;
    if (this.#clients === 0) this.#closeSoon();
  }

  /** Others that waited for it begin meanwhile. */
  #closeSoon(): void {
    setImmediate(() => {
      if (this.#clients > 0 || !this.#open) return;
      this.#open = false;
      listed -= countNames(this.#names);
      if (this.#version !== undefined) liveOf(this.#root).delete(this.#version);
      this.#directory[Symbol.dispose]();
    });
  }
}

/** Stands for the names in a directory; undefined while they may change without a trace. */
export function versionOf({ descriptor }: OpenDirectory, now: number): string | undefined {
  if (descriptor === undefined) return undefined;
  const { dev, ino, mtimeNs, mtimeMs, ctimeNs } = fstatSync(descriptor, { bigint: true });
  if (now - Number(mtimeMs) < COARSEST_STAMP) return undefined;
  return [dev, ino, mtimeNs, ctimeNs].join();
}

function liveOf(root: Root): Map<string, NameList> {
  const known = live.get(root) ?? new Map<string, NameList>();
  live.set(root, known);
  return known;
}

function countNames({ directories, files }: Names): number {
  return directories.length + files.length;
}

let last: Promise<unknown> = Promise.resolve();

/** Does `work` when the others before it are done, one in a turn of the event loop. */
function inTurn(work: () => void): Promise<void> {
  const done = last.then(() => new Promise(setImmediate)).then(work);
  last = done.catch(() => {});
  return done;
}

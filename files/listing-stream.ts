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
import { sortNames } from "./listing-order.ts";
import type { Entry, Form } from "./listing-text.ts";
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
  /** Begun when the list is made: the top of the page needs no order. */
  readonly #sorted: Promise<Names>;
  readonly #version: string | undefined;
  #clients = 0;
  #open = true;

  /** Owns the directory from now on. Throws Crowded when too many names are held. */
  constructor(
    root: Root,
    directory: OpenDirectory,
    names: Names,
    descending: boolean,
    version: string | undefined,
  ) {
    if (listed + countNames(names) > MOST_NAMES) throw new Crowded();
    this.#root = root;
    this.#directory = directory;
    this.#names = names;
    this.#version = version;
    this.#sorted = lastSort.then(() => orderNames(names, descending));
    lastSort = this.#sorted.catch(() => undefined);
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
    let pieces: Generator<Uint8Array, void> | undefined;
    const end = (how: Parameters<Maker["made"]>[0]) => {
      if (!open) return;
      open = false;
      this.#leave();
      maker.made(how);
    };
    const send = (controller: ReadableStreamDefaultController<Uint8Array>, piece: Uint8Array) => {
      maker.sent(piece.length);
      controller.enqueue(piece);
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => send(controller, this.#top(form)),
      pull: async (controller) => {
        try {
          pieces ??= this.#pieces(form, await this.#sorted);
          const { done, value } = await inTurn(pieces);
          if (!open) return;
          if (value !== undefined) send(controller, value);
          if (!done) return;
          end("whole");
          controller.close();
        } catch (error) {
          end("failed");
          // The header is sent: only a broken connection tells that the page isn't complete.
          controller.error(error);
        }
      },
      cancel: () => end("unwanted"),
    });
  }

  #top(form: Form): Uint8Array {
    const { files, directories } = this.#names;
    const named = { files: files.length, directories: directories.length };
    return Buffer.from(form.head({ ...named, bytes: 0, partial: true }));
  }

  /** Each takes one turn. */
  *#pieces(form: Form, names: Names): Generator<Uint8Array, void> {
    const sums = { files: 0, directories: 0, bytes: 0, partial: true };
    let text = "";
    let turn = new Turn();
    for (const entry of this.#entries(names)) {
      if (entry !== undefined) {
        if (entry.type === "directory") sums.directories += 1;
        else sums.files += 1;
        sums.bytes += entry.size ?? 0;
        text += form.entry(entry);
      }
      if (!turn.isOver) continue;
      yield Buffer.from(text);
      text = "";
      turn = new Turn();
    }
    yield Buffer.from(text + form.tail(sums));
  }

  *#entries({ directories, files, unreachable }: Names): Generator<Entry | undefined> {
    const path = pathOf(this.#directory);
    for (const names of [directories, files]) {
      for (const name of names) yield readEntry(this.#root, `${path}/${name}`, name);
    }
    yield* unreachable;
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

/** One list is sorted at a time. */
let lastSort: Promise<unknown> = Promise.resolve();

async function orderNames(names: Names, descending: boolean): Promise<Names> {
  const turn = new Turn();
  const directories = await sortNames(names.directories, turn);
  const files = await sortNames(names.files, turn);
  if (!descending) return { ...names, directories, files };
  return { ...names, directories: directories.reverse(), files: files.reverse() };
}

let last: Promise<unknown> = Promise.resolve();

/** The next of `pieces` when the others before it are made: one in a turn of the event loop. */
function inTurn<T>(pieces: Iterator<T, void>): Promise<IteratorResult<T, void>> {
  const made = last.then(() => new Promise(setImmediate)).then(() => pieces.next());
  last = made.catch(() => undefined);
  return made;
}

/**
 * A directory as JSON, or as a page that web/ writes. A large directory is listed in turns
 * with other work, and once for all requests that wait for it. A page of very many entries
 * in the order of their names is sent while it is made.
 */

import { type Plan, planListing } from "../http/plan.ts";
import { type Names, readEntries, readNames } from "./listing-entries.ts";
import { type Order, sortEntries, sortStrings } from "./listing-order.ts";
import { NameList, versionOf } from "./listing-stream.ts";
import { type Entry, type Form, sumUp } from "./listing-text.ts";
import { type OpenDirectory, pathOf, type Root } from "./locate.ts";
import { Queue, Turn } from "./turns.ts";

/** What is listed, and how. */
interface Listed extends Disposable {
  readonly root: Root;
  readonly directory: OpenDirectory;
  /** Undefined: by code unit, and never while it is sent. */
  readonly order: Order | undefined;
  readonly makeForm: () => Form;
  /** Leaves the directory open. */
  keep(): void;
}

/** A listing, or the names for one. */
type Made = { readonly kind: "plan"; readonly plan: Plan } | NameList;

/** One for each root: its policies decide what is listed. */
const queues = new WeakMap<Root, Queue<Listed, Made>>();

/** Entries from which on a page is sent while it is made. */
const MANY = 5_000;

/**
 * Plans the answer that lists `directory`, and takes the directory. `key` stands for the
 * path, the form and the order. Throws Crowded when too many others wait.
 */
export async function listDirectory(
  root: Root,
  directory: OpenDirectory,
  key: string,
  makeForm: () => Form,
  order?: Order,
): Promise<Plan> {
  const queue = queues.get(root) ?? new Queue(make);
  queues.set(root, queue);
  let kept = false;
  const subject: Listed = {
    ...{ root, directory, order, makeForm },
    keep: () => void (kept = true),
    [Symbol.dispose]: () => {
      if (!kept) directory[Symbol.dispose]();
    },
  };
  const made = await queue.ask(key, subject);
  if (made.kind === "plan") return made.plan;
  const form = makeForm();
  return planListing(form.mediaType, { kind: "stream", open: (maker) => made.stream(form, maker) });
}

async function make(listed: Listed): Promise<Made> {
  const { root, directory, order, makeForm } = listed;
  const turn = new Turn();
  const version = order?.by === "name" ? versionOf(directory, Date.now()) : undefined;
  const versioned = version && `${version} ${order?.descending}`;
  const known = NameList.find(root, versioned);
  if (known !== undefined) return known;
  const names = await readNames(root, directory, turn);
  const many = names.directories.length + names.files.length >= MANY;
  if (many && order?.by === "name") {
    const list = new NameList(root, directory, names, order.descending, versioned);
    listed.keep();
    return list;
  }
  const entries = await sortedEntries(root, pathOf(directory), names, order, turn);
  const form = makeForm();
  const bytes = await render(entries, form, turn);
  return { kind: "plan", plan: planListing(form.mediaType, { kind: "bytes", bytes }) };
}

/** Directories first, each type in its order. */
async function sortedEntries(
  root: Root,
  path: string,
  names: Names,
  order: Order | undefined,
  turn: Turn,
): Promise<Entry[]> {
  const all = [...names.directories, ...names.files];
  if (order === undefined) await sortStrings(all, turn);
  const entries = await readEntries(root, path, all, turn);
  const directories = entries.filter(({ type }) => type === "directory");
  const files = entries.filter(({ type }) => type === "file");
  if (order === undefined) return [...directories, ...files];
  // Directories have no size.
  const ofDirectories = order.by === "size" ? { ...order, by: "name" as const } : order;
  return [
    ...(await sortEntries(directories, ofDirectories, turn)),
    ...(await sortEntries(files, order, turn)),
    ...names.unreachable,
  ];
}

/** Characters of text that are turned into bytes at once. */
const PIECE = 64 * 1024;

async function render(
  entries: readonly Entry[],
  { head, entry, separator, tail }: Form,
  turn: Turn,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Buffer<ArrayBuffer>[] = [];
  const totals = sumUp(entries);
  let text = head(totals);
  for (const [n, one] of entries.entries()) {
    text += (n > 0 ? separator : "") + entry(one);
    if (text.length < PIECE) continue;
    pieces.push(Buffer.from(text));
    text = "";
    if (turn.isOver) await turn.pass();
  }
  return Buffer.concat([...pieces, Buffer.from(text + tail(totals))]);
}

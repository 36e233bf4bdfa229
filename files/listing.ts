/**
 * A directory as HTML or JSON. It lists the entries that a request would find: files and
 * directories whose names are served, and links that the policy allows. A large directory
 * is listed in turns with other work, and once for all requests that wait for it.
 */

import { lstatSync, readdir, statSync } from "node:fs";
import type { Fields } from "../http/conditional.ts";
import { prefersJson } from "../http/negotiate.ts";
import { type Plan, planListing } from "../http/plan.ts";
import type { PathTarget } from "../http/target.ts";
import { errorCode } from "../os/error-code.ts";
import { type DocumentsOf, type Entry, type Form, htmlForm, jsonForm } from "./listing-text.ts";
import { isLinkAllowed, isNameServed, type OpenDirectory, pathOf, type Root } from "./locate.ts";
import { Queue, Turn } from "./turns.ts";

/** What is listed, and how. */
interface Listed extends Disposable {
  readonly root: Root;
  readonly directory: OpenDirectory;
  readonly form: Form;
}

/** One for each root: its policies decide what is listed. */
const queues = new WeakMap<Root, Queue<Listed, Plan>>();

/**
 * Plans the answer that lists `directory` in the form that the client prefers, and closes
 * the directory. Throws Crowded when too many others wait.
 */
export function listDirectory(
  root: Root,
  directory: OpenDirectory,
  { segments }: Pick<PathTarget, "segments">,
  prefix: string,
  fields: Fields,
  documentsOf: DocumentsOf,
): Promise<Plan> {
  const json = prefersJson(fields.get("accept"));
  const form = json ? jsonForm(documentsOf) : htmlForm(prefix, segments);
  const key = [form.mediaType, prefix, ...segments].join("/");
  const queue = queues.get(root) ?? new Queue(planList);
  queues.set(root, queue);
  const close = () => directory[Symbol.dispose]();
  return queue.ask(key, { root, directory, form, [Symbol.dispose]: close });
}

async function planList({ root, directory, form }: Listed): Promise<Plan> {
  const turn = new Turn();
  const names = await readNames(root, directory);
  await sortNames(names, turn);
  const entries = await readEntries(root, directory, names, turn);
  return planListing(form.mediaType, await render(entries, form, turn));
}

/** Reads on another thread. */
function readNames(root: Root, directory: OpenDirectory): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  readdir(pathOf(directory), (error, names) => {
    if (error === null) resolve(names.filter((name) => isNameServed(root, name)));
    else reject(error);
  });
  return promise;
}

/** Names that are sorted within one turn. */
const RUN = 256;

/** Sorts by code unit, as `<` does: sorts runs of names, then merges the runs. */
async function sortNames(names: string[], turn: Turn): Promise<void> {
  for (let start = 0; start < names.length; start += RUN) {
    const run = names.slice(start, start + RUN).sort();
    for (const [n, name] of run.entries()) names[start + n] = name;
    if (turn.isOver) await turn.pass();
  }
  for (let width = RUN; width < names.length; width *= 2) {
    const runs = [...names];
    for (let start = 0; start < runs.length; start += 2 * width) {
      let [left, right] = [start, start + width];
      const [leftEnd, rightEnd] = [right, right + width];
      for (let to = start; to < Math.min(rightEnd, runs.length); to++) {
        const a = left < leftEnd ? runs[left] : undefined;
        const b = right < rightEnd ? runs[right] : undefined;
        const first = b === undefined || (a !== undefined && a <= b);
        names[to] = (first ? a : b) ?? "";
        if (first) left++;
        else right++;
        if (to % RUN === 0 && turn.isOver) await turn.pass();
      }
    }
  }
}

/** Directories first, each kind in the order of the names. */
async function readEntries(
  root: Root,
  directory: OpenDirectory,
  names: readonly string[],
  turn: Turn,
): Promise<Entry[]> {
  const path = pathOf(directory);
  const directories: Entry[] = [];
  const files: Entry[] = [];
  for (const [n, name] of names.entries()) {
    if (turn.isOver) await turn.pass();
    // A name that is no UTF-8 may read the same as another name.
    if (name === names[n - 1]) continue;
    const entry = readEntry(root, `${path}/${name}`, name);
    if (entry !== undefined) (entry.type === "directory" ? directories : files).push(entry);
  }
  return directories.concat(files);
}

/** Characters of text that are turned into bytes at once. */
const PIECE = 64 * 1024;

async function render(
  entries: readonly Entry[],
  { head, entry, separator, tail }: Form,
  turn: Turn,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Buffer<ArrayBuffer>[] = [];
  let text = head;
  for (const [n, one] of entries.entries()) {
    text += (n > 0 ? separator : "") + entry(one);
    if (text.length < PIECE) continue;
    pieces.push(Buffer.from(text));
    text = "";
    if (turn.isOver) await turn.pass();
  }
  return Buffer.concat([...pieces, Buffer.from(text + tail)]);
}

/** Milliseconds since 1970: the largest that a Date takes. File systems have later times. */
const LAST_DATE = 8.64e15;

/** Undefined for an entry that isn't served, was deleted meanwhile or can't be read. */
function readEntry(root: Root, path: string, name: string): Entry | undefined {
  try {
    if (lstatSync(path).isSymbolicLink() && !isLinkAllowed(root, path)) return undefined;
    const stats = statSync(path);
    const time = Math.max(-LAST_DATE, Math.min(LAST_DATE, Math.floor(stats.mtimeMs)));
    const mtime = new Date(time).toISOString();
    if (stats.isDirectory()) return { name, type: "directory", mtime };
    return stats.isFile() ? { name, type: "file", size: stats.size, mtime } : undefined;
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/**
 * The pages of a directory: its listing (a page or JSON, by Accept), and below `?file=NAME`
 * the panel of a file in it. The panel's URL is that of the directory with a query: no file
 * is hidden by it, what the operator allows for the directory holds for it, and links in a
 * file's own text lead where they lead from the file.
 */

import { FileChanged } from "../files/failure.ts";
import { formatTime } from "../files/listing-entries.ts";
import { parseOrder } from "../files/listing-order.ts";
import { type DocumentsOf, type DocumentsOfFolder, jsonForm } from "../files/listing-text.ts";
import { listDirectory } from "../files/listing.ts";
import { locate, type OpenDirectory, type Root } from "../files/locate.ts";
import type { OpenFile } from "../files/open-file.ts";
import { fill } from "../files/page-cache.ts";
import type { Transfer } from "../files/transfer.ts";
import { Queue } from "../files/turns.ts";
import { baseUrl } from "../http/base-url.ts";
import type { Fields } from "../http/conditional.ts";
import { prefersJson } from "../http/negotiate.ts";
import { NOT_FOUND, type Plan, planListing } from "../http/plan.ts";
import { encodeName, type PathTarget } from "../http/target.ts";
import { listingForm } from "./listing.ts";
import { LONGEST_MARKDOWN, markdownHtml } from "./markdown.ts";
import { filePanel, folderPanel } from "./panel.ts";

/** What is served, and what is known of it. */
export interface PagesOptions {
  readonly root: Root;
  /** Begins and ends with a slash. */
  readonly prefix: string;
  /** URL of this server without a path; undefined: the one that the client used. */
  readonly url: string | undefined;
  readonly documentsOf: DocumentsOf;
  readonly documentsOfFolder?: DocumentsOfFolder;
}

/** Answers GET of a directory, which it takes. */
export async function planPage(
  options: PagesOptions,
  directory: OpenDirectory,
  target: PathTarget,
  { request, fields }: Pick<Transfer, "request" | "fields">,
): Promise<Plan> {
  const parameters = target.query === "" ? undefined : new URLSearchParams(target.query);
  const name = parameters?.get("file") ?? decode(parameters?.get("encoded") ?? undefined);
  if (name !== undefined || parameters?.has("folder")) {
    directory[Symbol.dispose]();
    const base = baseUrl({ url: request.url, host: fields.get("host") }, options.url);
    const { segments } = target;
    return name === undefined
      ? planFolder(options, segments, base)
      : planFile(options, segments, name, base);
  }
  return await planListed(options, directory, target, fields);
}

/** A name as it stands in a path, as forms send one with a line break. */
function decode(encoded: string | undefined): string | undefined {
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return "";
    throw error;
  }
}

/** The panel of a file, which the name in the query stands for as a name in the path would. */
async function planFile(
  options: PagesOptions,
  segments: readonly string[],
  name: string,
  base: string | undefined,
): Promise<Plan> {
  const { root } = options;
  if (/[/\0]/.test(name) || name === "" || name === "." || name === "..") return NOT_FOUND;
  using file = locate(root, { segments: [...segments, name], trailingSlash: false });
  if (file.kind !== "file") return NOT_FOUND;
  const { entityTag, settled } = file.representAt(Date.now());
  const key = JSON.stringify([entityTag, options.prefix, base, ...segments, name]);
  const panels = panelsOf(root);
  const known = settled ? panels.kept.get(key) : undefined;
  if (known !== undefined) return known;
  // The file stays open here until the answer is there.
  const asked = { options, segments, name, base, file, [Symbol.dispose]: () => undefined };
  const plan = await panels.queue.ask(key, asked);
  if (settled) keep(panels.kept, key, plan);
  return plan;
}

interface Asked extends Disposable {
  readonly options: PagesOptions;
  readonly segments: readonly string[];
  readonly name: string;
  readonly base: string | undefined;
  readonly file: OpenFile;
}

/** Long Markdown takes a tenth of a second: panels are made once for all who wait, and the last are kept. */
interface Panels {
  readonly queue: Queue<Asked, Plan>;
  readonly kept: Map<string, Plan>;
}

/** Panels that are kept: up to 3 MiB each. */
const MOST_KEPT = 8;

/** One for each root: its policies decide what is served. */
const allPanels = new WeakMap<Root, Panels>();

function panelsOf(root: Root): Panels {
  const panels = allPanels.get(root) ?? { queue: new Queue(makePanel), kept: new Map() };
  allPanels.set(root, panels);
  return panels;
}

function keep(kept: Map<string, Plan>, key: string, plan: Plan): void {
  kept.set(key, plan);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) return;
    kept.delete(oldest);
  }
}

/** Panels are made one in a turn of the event loop. */
let last: Promise<unknown> = Promise.resolve();

async function makePanel({ options, segments, name, base, file }: Asked): Promise<Plan> {
  const { prefix, documentsOf: documentsOfFile } = options;
  const { completeLength: size, entityTag, mediaType } = file.representAt(Date.now());
  const mtime = formatTime(Number(file.version.modified / 1_000_000n));
  const documents = documentsOfFile(size);
  const isMarkdown = mediaType.startsWith("text/markdown") && size <= LONGEST_MARKDOWN;
  const text = isMarkdown ? await readText(file) : undefined;
  await (last = last.then(() => new Promise(setImmediate)));
  const html = text === undefined ? undefined : markdownHtml(text);
  const facts = { name, size, mtime, entityTag, mediaType, documents, html };
  const bytes = Buffer.from(filePanel({ prefix, segments }, facts, base));
  return planListing("text/html; charset=utf-8", { kind: "bytes", bytes });
}

/** Throws FileChanged when it became another version meanwhile. */
async function readText(file: OpenFile): Promise<string> {
  const bytes = Buffer.alloc(file.version.size);
  const length = await fill(file, bytes, 0);
  if (length < bytes.length || !file.isUnchanged()) throw new FileChanged();
  return bytes.toString("utf8");
}

function planFolder(
  { prefix }: PagesOptions,
  segments: readonly string[],
  base: string | undefined,
): Plan {
  return page(folderPanel({ prefix, segments }, base, documentsOf(prefix, segments)));
}

/** Documents about a folder, relative to it. The root's stand beside the prefix, if that has a name. */
function documentsOf(prefix: string, segments: readonly string[]): Record<string, string> {
  const own = segments.at(-1);
  const name = own === undefined ? prefix.split("/").at(-2) : encodeName(own);
  const inside = { sha256sums: "SHA256SUMS" };
  if (name === undefined || name === "") return inside;
  const above = `../${name}`;
  const documents = { meta4: `${above}.meta4`, txt: `${above}.txt`, ...inside };
  if (own === undefined) return documents;
  return { torrent: `${above}.torrent`, magnet: `${above}.magnet`, ...documents };
}

function page(html: string): Plan {
  return planListing("text/html; charset=utf-8", { kind: "text", text: html });
}

async function planListed(
  { root, prefix, documentsOf: documentsOfFile, documentsOfFolder }: PagesOptions,
  directory: OpenDirectory,
  { segments, query }: PathTarget,
  fields: Fields,
): Promise<Plan> {
  const path = [prefix, ...segments].join("/");
  if (prefersJson(fields.get("accept"))) {
    return listDirectory(root, directory, `json ${path}`, () =>
      jsonForm(documentsOfFile, documentsOfFolder),
    );
  }
  const order = parseOrder(query);
  const way = { prefix, segments };
  const key = `${order.by} ${order.descending} ${path}`;
  return listDirectory(root, directory, key, () => listingForm(way, order), order);
}

/**
 * The pages of a directory: its listing (a page or JSON, by Accept), and below `?file=NAME`
 * the panel of a file in it. The panel's URL is that of the directory with a query: no file
 * is hidden by it, what the operator allows for the directory holds for it, and links in a
 * file's own text lead where they lead from the file.
 */

import { parseOrder } from "../files/listing-order.ts";
import { type DocumentsOf, jsonForm } from "../files/listing-text.ts";
import { listDirectory } from "../files/listing.ts";
import type { OpenDirectory, Root } from "../files/locate.ts";
import type { Fields } from "../http/conditional.ts";
import { prefersJson } from "../http/negotiate.ts";
import type { Plan } from "../http/plan.ts";
import type { PathTarget } from "../http/target.ts";
import { listingForm } from "./listing.ts";

/** What is served, and what is known of it. */
export interface PagesOptions {
  readonly root: Root;
  /** Begins and ends with a slash. */
  readonly prefix: string;
  /** URL of this server without a path; undefined: the one that the client used. */
  readonly url: string | undefined;
  readonly documentsOf: DocumentsOf;
}

/** Answers GET of a directory, which it takes. */
export async function planPage(
  options: PagesOptions,
  directory: OpenDirectory,
  target: PathTarget,
  request: Request,
  fields: Fields,
): Promise<Plan> {
  const plan = await planListed(options, directory, target, fields);
  const { content } = plan;
  // Nobody would end it.
  if (content.kind === "stream" && request.signal.aborted) void content.body.cancel();
  return plan;
}

function planListed(
  { root, prefix, documentsOf }: PagesOptions,
  directory: OpenDirectory,
  { segments, query }: PathTarget,
  fields: Fields,
): Promise<Plan> {
  const path = [prefix, ...segments].join("/");
  if (prefersJson(fields.get("accept"))) {
    return listDirectory(root, directory, `json ${path}`, () => jsonForm(documentsOf));
  }
  const order = parseOrder(query);
  const way = { prefix, segments };
  const key = `${order.by} ${order.descending} ${path}`;
  return listDirectory(root, directory, key, () => listingForm(way, order), order);
}

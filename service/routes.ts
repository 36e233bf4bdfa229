/**
 * The service's own URLs, below `/-/`: a table from path to what answers. They come before
 * the files, so that none shadows them when files are served below `/`. GET and HEAD only;
 * no answer is stored by a cache. The tracker's URLs are not here: swarm/answers.ts finds
 * them where no file is.
 */

import { respond } from "../files/respond.ts";
import { targetOf, type Transfer } from "../files/transfer.ts";
import { type Plan, planMethod } from "../http/plan.ts";
import type { LastCalls } from "./worker.ts";

/** Answers a GET or HEAD: with a plan, or with a response of its own that goes on, such as a stream of events. */
export type Route = (transfer: Transfer) => Plan | Response | Promise<Plan | Response>;

/** By path, such as `/-/healthy`. */
export type RouteTable = Readonly<Record<string, Route>>;

const SERVICE = "/-/";

export class Routes {
  readonly #tables: readonly (() => RouteTable)[];
  #byPath: ReadonlyMap<string, Route> | undefined;

  /** Later tables have precedence. They are made for the first URL of the service. */
  constructor(...tables: readonly (() => RouteTable)[]) {
    this.#tables = tables;
  }

  /** What answers at this URL, whatever its query; undefined: it isn't the service's. */
  find(url: string): Route | undefined {
    if (!url.includes(SERVICE)) return undefined;
    const [path = ""] = targetOf(url).split("?", 1);
    this.#byPath ??= new Map(this.#tables.flatMap((table) => Object.entries(table())));
    return this.#byPath.get(path);
  }
}

export async function answerRoute(route: Route, transfer: Transfer): Promise<Response> {
  const refused = planMethod(transfer.method);
  if (refused !== undefined) return respond(refused, transfer);
  const answered = await route(transfer);
  return answered instanceof Response ? answered : respond(answered, transfer);
}

/** An answer of one line that no cache keeps. */
export function planLine(status: number, line: string): Plan {
  return {
    status,
    fields: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
    content: { kind: "text", text: `${line}\n` },
  };
}

/**
 * `/-/healthy`: this process answers. `/-/ready`: it also takes new requests; 503 while it
 * finishes what is in flight before it ends.
 */
export function healthRoutes(leaving: LastCalls): RouteTable {
  return {
    "/-/healthy": () => planLine(200, "ok"),
    "/-/ready": () =>
      leaving.called || leaving.draining ? planLine(503, "draining") : planLine(200, "ok"),
  };
}

/**
 * The URLs of the live view:
 *
 *   /-/status.json   what goes on now, as JSON
 *   /-/events        the same once a second, as server-sent events
 *   /-/live          the same as a page
 *
 * Addresses of clients are told to those who may see them; others get made-up names.
 */

import type { Transfer } from "../files/transfer.ts";
import { DATA_POLICY } from "../http/browser.ts";
import { type Plan, refuse } from "../http/plan.ts";
import { Events } from "./events.ts";
import type { LiveDesk } from "./live.ts";

type Answer = Plan | Response | Promise<Plan>;

export interface LiveRoutesOptions {
  readonly desk: LiveDesk;
  /** Whether this process is about to end. */
  readonly isLeaving: () => boolean;
  /** The page that shows what `json` says. */
  readonly page: (json: string) => Plan;
  /** Whether a request may see who the clients are. */
  readonly maySeeAddresses: (transfer: Transfer) => boolean;
}

export function liveRoutes({
  desk,
  isLeaving,
  page,
  maySeeAddresses,
}: LiveRoutesOptions): Readonly<Record<string, (transfer: Transfer) => Answer>> {
  const events = new Events(desk, isLeaving);
  return {
    "/-/status.json": async (transfer) => planStatus(await desk.status(maySeeAddresses(transfer))),
    "/-/live": async (transfer) => page(await desk.status(maySeeAddresses(transfer))),
    "/-/events": (transfer) => {
      if (transfer.method === "HEAD") return { status: 200, fields: STREAM, content: NOTHING };
      const body = events.open(maySeeAddresses(transfer));
      if (body === undefined) return refuse(503, "Too many clients watch", { "retry-after": "30" });
      // A quiet stream is no idle connection: heartbeats find clients that are gone.
      transfer.server.timeout(transfer.request, 0);
      return new Response(body, { headers: STREAM });
    },
  };
}

const NOTHING = { kind: "none" } as const;

const STREAM = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx: pass each event on at once.
  "x-accel-buffering": "no",
};

function planStatus(json: string): Plan {
  return {
    status: 200,
    fields: { "content-type": "application/json", "cache-control": "no-store", ...DATA_POLICY },
    content: { kind: "text", text: `${json}\n` },
  };
}

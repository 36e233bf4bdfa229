/** What one client may have at a time; the limits change at SIGHUP. Unset ones cost nothing. */

import type { Transfers } from "../../files/transfers.ts";
import { ConnectionTable } from "../../os/connection-table.ts";
import type { Options } from "../option-table.ts";
import { reloads } from "../reload.ts";
import { ClientConnectionLimit } from "./client-connections.ts";
import { DownloadLimit, DownloadPlaces, type TakePlace } from "./downloads.ts";

export type LimitOptions = Pick<Options, "maxClient" | "maxDownloadsClient">;

export interface Limits {
  readonly connections: ClientConnectionLimit;
  readonly downloads: DownloadLimit;
}

/** Those of the server at `port`. */
export function limitClients(
  options: LimitOptions,
  take: TakePlace,
  transfers: Transfers,
  port: () => number,
): Limits {
  let now = options;
  reloads.on((changed) => () => void (now = changed));
  return {
    connections: new ClientConnectionLimit(() => now.maxClient, new ConnectionTable(port)),
    downloads: new DownloadLimit(() => now.maxDownloadsClient, take, transfers),
  };
}

/** The places of all downloads, in the supervisor or the only process. */
export function placesOf(options: LimitOptions): DownloadPlaces {
  let now = options;
  reloads.on((changed) => () => void (now = changed));
  return new DownloadPlaces(() => now.maxDownloadsClient);
}

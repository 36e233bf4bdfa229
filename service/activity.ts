/** What the process is sending, for `systemctl status`: how many downloads, and how fast. */

import type { Transfer } from "../files/transfer.ts";
import type { TransferObserver, Transfers } from "../files/transfers.ts";

/** What one process, or all together, have done and do. */
export interface Activity {
  /** Streamed answers that go on. */
  readonly downloads: number;
  /** Bytes of bodies that clients have acknowledged since the start. */
  readonly bytes: number;
}

export const IDLE: Activity = { downloads: 0, bytes: 0 };

/** Returns what looks at the activity. Transfers count from the first look: who never looks has no cost. */
export function activityOf(transfers: Transfers): () => Activity {
  let ended: Ended | undefined;
  return () => {
    if (ended === undefined) transfers.observe((ended = new Ended()));
    let bytes = ended.bytes;
    for (const { acknowledged } of transfers) bytes += acknowledged ?? 0;
    return { downloads: transfers.size, bytes };
  };
}

class Ended implements TransferObserver {
  bytes = 0;

  ended({ acknowledged }: Transfer): void {
    this.bytes += acknowledged ?? 0;
  }
}

export function together(all: Iterable<Activity>): Activity {
  let { downloads, bytes } = IDLE;
  for (const one of all) {
    downloads += one.downloads;
    bytes += one.bytes;
  }
  return { downloads, bytes };
}

/** `12 downloads, 180 MB/s`, from what was `before` and is `now`, so many milliseconds later. */
export function describe(before: Activity, now: Activity, milliseconds: number): string {
  // A download that ended with less than was counted takes bytes back.
  const rate = Math.max(0, now.bytes - before.bytes) / milliseconds / 1_000;
  const digits = rate < 9.95 && rate > 0 ? 1 : 0;
  return `${now.downloads} download${now.downloads === 1 ? "" : "s"}, ${rate.toFixed(digits)} MB/s`;
}

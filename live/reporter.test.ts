/** What a process tells of its downloads. */

import { expect, test } from "bun:test";
import { MOST_ENDED, Reporter, type StreamedTransfer } from "./reporter.ts";

const NOW = Date.UTC(2026, 10, 4);

/** A transfer that ended, with the content that it sent. */
class Ended implements StreamedTransfer {
  readonly client = "10.0.0.1";
  readonly method = "GET";
  readonly target = "/data/folder.meta4";
  readonly kind = "document";
  readonly status = 200;
  readonly range = null;
  readonly owed = 1;
  readonly acknowledged = 1;
  readonly now = NOW;
  readonly outcome = "complete";
  readonly content = new Uint8Array(1);
}

test("Of a download that ended, only what is told is kept: its content may be large", async () => {
  const reporter = new Reporter(new Set());
  function end(): WeakRef<Ended> {
    const transfer = new Ended();
    reporter.ended(transfer);
    return new WeakRef(transfer);
  }
  const transfers = Array.from({ length: MOST_ENDED }, end);
  // A WeakRef keeps what it is of until the end of the turn, and the stack may keep one longer.
  await new Promise(setImmediate);
  Bun.gc(true);
  const kept = transfers.filter((one) => one.deref() !== undefined).length;
  const told = reporter.report(NOW).ended.length;
  expect([kept > 1 ? kept : "none", told]).toEqual(["none", MOST_ENDED]);
});

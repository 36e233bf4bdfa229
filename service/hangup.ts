/**
 * SIGHUP: one reload after another, and systemd is told of each. Several signals within a
 * tenth of a second are one: systemd 253 sends one itself before it runs the unit's
 * ExecReload, which sends another.
 */

import { serviceManager } from "./service-manager.ts";

/** Milliseconds. */
const ONE_SIGNAL = 100;

/** Calls `reload`, which never rejects, after each SIGHUP; what was written before the signal is read. */
export function onHangup(reload: () => Promise<void> | void): void {
  let running = Promise.resolve();
  let isWaiting = false;
  async function next(): Promise<void> {
    await Bun.sleep(ONE_SIGNAL);
    isWaiting = false;
    await reload();
    if (!isWaiting) serviceManager.ready();
  }
  process.on("SIGHUP", () => {
    serviceManager.reloading();
    if (isWaiting) return;
    isWaiting = true;
    running = running.then(next);
  });
}

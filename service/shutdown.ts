/** SIGTERM and SIGINT: stop accepting, finish what is in flight, end. */
import { INTERRUPTED, type Log } from "./log.ts";

/**
 * Ends the process with code 0 when every response in flight is finished, or after
 * `grace` seconds. A second signal ends it at once.
 */
export function stopOnSignals(server: Bun.Server<undefined>, grace: number, log: Log): void {
  let stopping = false;
  async function stop(): Promise<void> {
    if (stopping) process.exit(INTERRUPTED);
    stopping = true;
    log(`stopping; ${server.pendingRequests} in flight`);
    const late = setTimeout(() => {
      log(`still ${server.pendingRequests} in flight after ${grace} s`);
      process.exit(0);
    }, grace * 1000);
    await server.stop();
    clearTimeout(late);
    process.exit(0);
  }
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  process.on("SIGHUP", () => log("a single process has nothing to roll; see --workers"));
}

/**
 * What systemd is told of the service, by sd_notify(3): that it is ready, reads its options
 * again or ends, what it is doing, and that it answers. Without NOTIFY_SOCKET in the
 * environment nothing is sent. Children aren't given that variable (os/child-process.ts).
 */

import { type NotifySocket, openNotifySocket } from "../os/notify.ts";
import { type Activity, describe, IDLE } from "./activity.ts";

/** The most milliseconds between two looks at what the service is doing. */
const LOOK_EVERY = 1_000;

type Environment = Readonly<Record<string, string | undefined>>;

export class ServiceManager {
  readonly #socket: NotifySocket | undefined;
  /** Milliseconds within which systemd wants to hear from the service. */
  readonly #watchdog: number;
  #activity = IDLE;
  #status = "";
  /** When the activity was looked at last, and when systemd was told of an answer. */
  #looked = performance.now();
  #answered = performance.now();

  constructor(environment: Environment, pid: number) {
    const address = environment["NOTIFY_SOCKET"];
    this.#socket = address === undefined ? undefined : openNotifySocket(address);
    this.#watchdog = watchdogOf(environment, pid);
  }

  ready(): void {
    this.#socket?.send("READY=1");
  }

  reloading(): void {
    const now = this.#socket?.microseconds();
    this.#socket?.send(`RELOADING=1\nMONOTONIC_USEC=${now}`);
  }

  stopping(): void {
    this.#socket?.send("STOPPING=1");
  }

  /**
   * Asks every second what the service is doing, which `systemctl status` shows, and tells
   * systemd that it answers. While `ask` doesn't resolve nothing is told, and systemd
   * restarts the service when its time is over.
   */
  watch(ask: () => Promise<Activity>): void {
    if (this.#socket === undefined) return;
    let isAsking = false;
    const look = async () => {
      if (isAsking) return;
      isAsking = true;
      this.#tell(await ask(), performance.now());
      isAsking = false;
    };
    setInterval(() => void look(), this.#every).unref();
  }

  #tell(activity: Activity, now: number): void {
    const status = describe(this.#activity, activity, now - this.#looked);
    const lines = status === this.#status ? [] : [`STATUS=${status}`];
    if (now - this.#answered >= this.#watchdog / 2 - this.#every) {
      lines.push("WATCHDOG=1");
      this.#answered = now;
    }
    [this.#activity, this.#looked, this.#status] = [activity, now, status];
    if (lines.length > 0) this.#socket?.send(lines.join("\n"));
  }

  /** Milliseconds between two looks. */
  get #every(): number {
    return Math.min(LOOK_EVERY, this.#watchdog / 4);
  }
}

/** Milliseconds; Infinity when systemd doesn't wait for this process. */
function watchdogOf(environment: Environment, pid: number): number {
  const microseconds = Number(environment["WATCHDOG_USEC"]);
  const other = environment["WATCHDOG_PID"] ?? String(pid);
  return microseconds > 0 && other === String(pid) ? microseconds / 1_000 : Infinity;
}

/** That of this process; a worker has none. */
export const serviceManager = new ServiceManager(process.env, process.pid);

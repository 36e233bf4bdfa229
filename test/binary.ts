/** The compiled executable, built once for a run of the tests, and started as an operator would. */

import { join } from "node:path";
import { build } from "../deploy/build.ts";
import { freePort } from "./clients.ts";
import { temporaryDirectory } from "./site.ts";
import { ask, Wire } from "./wire.ts";

let built: Promise<string> | undefined;

/** Path of the executable for this machine: the one that the environment names, or a new one. */
export function binary(): Promise<string> {
  built ??= (async () => {
    const named = process.env["RANGESRV_BINARY"];
    if (named !== undefined) return named;
    const path = join(temporaryDirectory(), "rangesrv");
    await build(path);
    return path;
  })();
  return built;
}

export interface Running extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT`, or https */
  readonly origin: string;
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Everything printed on stderr so far. */
  readonly stderr: () => string;
  /** Waits until `text` was printed on stderr. */
  readonly printed: (text: string) => Promise<void>;
}

/**
 * Starts the executable on a free port and waits for its banner; `wrapper` is a
 * program to start it with, as in `["setpriv", "--reuid=65534"]`.
 */
export async function startBinary(
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Running> {
  const started = await spawn(0, args, wrapper);
  await started.printed("://");
  const [, scheme = "", digits] = /(https?):\/\/\S*:(\d+)\//.exec(started.stderr()) ?? [];
  const port = Number(digits);
  return { ...started, port, origin: `${scheme}://127.0.0.1:${port}` };
}

/** The same for one that prints no banner: on a port that was free a moment ago. */
export async function startSilently(
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Running> {
  const port = freePort();
  const started = await spawn(port, args, wrapper);
  while (started.process.exitCode === null && !(await isAnswered(port)));
  return { ...started, port, origin: `http://127.0.0.1:${port}` };
}

async function spawn(port: number, args: readonly string[], wrapper: readonly string[]) {
  const command = [...wrapper, await binary(), "--port", String(port), ...args];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let text = "";
  let over = false;
  let wake: () => void = () => {};
  void (async () => {
    for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      wake();
    }
    over = true;
    wake();
  })();
  async function printed(wanted: string): Promise<void> {
    while (!text.includes(wanted)) {
      if (over) throw new Error(`It ended without printing "${wanted}": ${text}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  return {
    process: child,
    stderr: () => text,
    printed,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Whether requests are answered there; a port that is being reserved is listened on, too. */
async function isAnswered(port: number): Promise<boolean> {
  if (await isRefused(port)) return false;
  try {
    const { status } = await ask(port, "GET", "/");
    return status >= 200 && status < 500;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ECONNREFUSED") return false;
    throw error;
  }
}

/** Whether nobody listens there. */
export async function isRefused(port: number, host = "127.0.0.1"): Promise<boolean> {
  try {
    using _ = await Wire.connect(port, host);
    return false;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ECONNREFUSED") return true;
    // It was in the queue of a listener that was closed just then.
    if (code === "ECONNRESET") return false;
    throw error;
  }
}

/** Signals a process again and again until it has ended. */
export async function insist(
  { process: child }: Running,
  signal: "SIGTERM" | "SIGINT",
): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await new Promise(setImmediate);
  }
}

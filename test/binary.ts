/** The compiled executable, built once for a run of the tests, and started as an operator would. */
import { join } from "node:path";
import { build } from "../deploy/build.ts";
import { temporaryDirectory } from "./site.ts";

let built: Promise<string> | undefined;

/** Path of the executable for this machine. */
export function binary(): Promise<string> {
  built ??= (async () => {
    const path = join(temporaryDirectory(), "rangesrv");
    await build(path);
    return path;
  })();
  return built;
}

export interface Running extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:PORT` */
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
  const child = Bun.spawn([...wrapper, await binary(), "--port", "0", ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
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
  await printed("http://");
  const port = Number(/:(\d+)\//.exec(text)?.[1]);
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    process: child,
    stderr: () => text,
    printed,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
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

/**
 * Programs that tests need and that a machine may lack: with CI set a missing one
 * fails its tests, elsewhere it skips them and says so.
 */

import { test } from "bun:test";
import { errorCode } from "../os/error-code.ts";

/** Debian's own Python, which is the one that has libtorrent. */
export const PYTHON = "/usr/bin/python3";

/** What {@link testWith} asks for where {@link PYTHON} needs libtorrent. */
export const LIBTORRENT =
  Bun.which(PYTHON) !== null && Bun.spawnSync([PYTHON, "-c", "import libtorrent"]).success
    ? PYTHON
    : "python3-libtorrent";

/** `test`, for what needs all of `programs`. */
export function testWith(...programs: readonly string[]): typeof test {
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (missing.length === 0) return test;
  const reason = `not installed: ${missing.join(", ")}`;
  if (process.env["CI"] === undefined) {
    console.warn(`SKIPPED, ${reason}`);
    return test.skip as typeof test;
  }
  const fail = (label: string) => test(label, () => Promise.reject(new Error(reason)));
  const failing = Object.assign(fail, { each: () => fail, if: () => fail });
  return Object.assign(failing, { concurrent: failing }) as unknown as typeof test;
}

/**
 * A port for programs that take one and can't say which: free a moment ago, and below those
 * that the kernel gives to programs that take any.
 */
export function freePort(): number {
  for (;;) {
    const port = 10_000 + Math.floor(20_000 * Math.random());
    try {
      using _ = Bun.listen({ hostname: "0.0.0.0", port, socket: { data() {} } });
      return port;
    } catch (error) {
      if (errorCode(error) !== "EADDRINUSE") throw error;
    }
  }
}

/** What a program printed and how it ended. */
export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function run(command: readonly string[], cwd?: string): Promise<Ran> {
  const child = Bun.spawn([...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C" },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
}

/**
 * This same program in another process: a worker, or the one that hashes. A variable
 * says which, and counts only in a process that was started with a channel to its
 * parent: what an operator's environment holds makes no server into something else.
 * The child is given that variable, and of ours only what the system needs to run it.
 */

/** The loader's path, SQLite's directory for temporary files, and Windows' own. */
const NEEDED = ["LD_LIBRARY_PATH", "TMPDIR", "SystemRoot"];

/** The command that starts this program. */
export function thisProgram(): readonly string[] {
  return Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
}

/** All that a child has in its environment when it is started as `role`. */
export function environmentFor(role: string, value: string): Record<string, string> {
  const needed = NEEDED.map((name) => [name, process.env[name]] as const);
  const given = needed.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(given), [role]: value };
}

/** The value of `role` when this process was started as that. */
export function startedAs(role: string): string | undefined {
  return process.send === undefined ? undefined : process.env[role];
}

/**
 * This same program started in another process: a worker, or the hasher. An environment
 * variable says which. It counts only in a process with a channel to its parent, so an
 * operator's environment can't turn a server into a worker. The child gets that variable,
 * and of this process's environment only the variables that it needs to run.
 */

/** The loader's path, SQLite's directory for temporary files, and Windows' own. */
const NEEDED = ["LD_LIBRARY_PATH", "TMPDIR", "SystemRoot"];

/** The command that starts this program. */
export function thisProgram(): readonly string[] {
  return Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
}

/** The whole environment of a child that is started as `role`. */
export function environmentFor(role: string, value: string): Record<string, string> {
  const needed = NEEDED.map((name) => [name, process.env[name]] as const);
  const given = needed.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { ...Object.fromEntries(given), [role]: value };
}

/** The value of `role` when this process was started as such a child; else undefined. */
export function startedAs(role: string): string | undefined {
  return process.send === undefined ? undefined : process.env[role];
}

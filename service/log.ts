/** Lines for the operator, on stderr. systemd and containers add the time. */
import { MISTAKE } from "../os/exit-code.ts";

export type Log = (line: string) => void;

/** One line, whatever is in it. */
export const log: Log = (line) => print(`rangesrv: ${line.replaceAll(/[\r\n]+/g, " ")}\n`);

/** Writes to stderr. A full disk or a closed pipe there ends nothing. */
export function print(text: string): void {
  process.stderr.write(text);
}

process.stderr.on("error", () => {});

/** Ends the program over an operator's mistake: one line, exit code 2. */
export function fail(reason: string): never {
  log(reason);
  process.exit(MISTAKE);
}

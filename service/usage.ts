/** The text of `--help`, made of the table of options. Pure. */

import type { Row } from "./option-row.ts";
import { COMMANDS, GROUPS, REQUESTS } from "./option-table.ts";

/** Characters of a terminal's line. */
const WIDTH = 80;

/** Characters before the explanation of an option. */
const COLUMN = 24;

export function usage(): string {
  const groups = GROUPS.map(({ title, rows }) => {
    const flags = rows.filter((row) => row.argument === undefined);
    return `${title}\n${flags.map(describe).join("")}`;
  });
  const requests = REQUESTS.map(({ name, placeholder, about }) =>
    line(placeholder === undefined ? `--${name}` : `--${name} ${placeholder}`, about),
  );
  return [head(), ...groups, `Other\n${requests.join("")}`, FOOT].join("\n");
}

function describe(row: Row<unknown>): string {
  return line(flagOf(row), `${row.about}${remark(row)}`);
}

/** The flag that changes the default. */
export function flagOf({ name, placeholder, standard }: Row<unknown>): string {
  if (placeholder !== undefined) return `--${name} ${placeholder}`;
  return standard[0] === "true" ? `--no-${name}` : `--${name}`;
}

/** What follows an explanation: the default, and whether the option may be given again. */
export function remark({ placeholder, standard, many, unset }: Row<unknown>): string {
  const again = many ? "; may be given again" : "";
  const value = placeholder === undefined ? unset : (standard[0] ?? unset);
  return value === undefined ? again : `${again} (${value})`;
}

/** An option and its explanation, in as many lines as it needs. */
function line(flag: string, about: string): string {
  const lines: string[] = [];
  let current = `  ${flag}`.padEnd(COLUMN - 1);
  // A flag as long as the column leaves no room beside it.
  if (current.length >= COLUMN) {
    lines.push(current);
    current = " ".repeat(COLUMN - 1);
  }
  for (const word of about.split(" ")) {
    if (current.length + 1 + word.length > WIDTH) {
      lines.push(current);
      current = " ".repeat(COLUMN - 1);
    }
    current += ` ${word}`;
  }
  return [...lines, current].map((text) => `${text.trimEnd()}\n`).join("");
}

function head(): string {
  return `rangesrv serves every file below a directory, whole or by byte range.

Usage: rangesrv [options] DIR
${COMMANDS.map(({ name, rest, about }) => `       rangesrv ${name} ${rest}`.padEnd(39) + about).join("\n")}
`;
}

const FOOT = `A flag wins over a variable (RANGESRV_MAX_CONNECTIONS=100), a variable over the
file of --config (max-connections = 100), the file over the default. DIR may be
RANGESRV_DIRECTORY or \`directory\` too. --no-NAME switches an option off that
takes no value.

Example: rangesrv ./data     http://127.0.0.1:13000/data/NAME is ./data/NAME
`;

/** The text of `--print-config`: a file of options that has all values, each with its source. Pure. */

import type { Row } from "./option-row.ts";
import type { Settings } from "./option-sources.ts";
import { ROWS } from "./option-table.ts";

/** Characters before a comment. */
const COLUMN = 32;

/** Valid TOML: `rangesrv --config` with it has the same values. */
export function printConfig(settings: Settings): string {
  const lines = ROWS.map(([field, row]) => {
    const { texts, from } = settings[field];
    return `${setting(row, texts).padEnd(COLUMN)}  # ${escaped(from)}\n`;
  });
  return lines.join("");
}

/** One line, and a comment alone for an option without a value. */
function setting(row: Row<unknown>, texts: readonly string[]): string {
  if (row.many) return `${row.name} = [${texts.map(quoted).join(", ")}]`;
  const text = texts.at(-1);
  if (text === undefined) return `# ${row.name}: ${row.unset ?? "none"}`;
  const isBare = row.placeholder === undefined || /^(?:0|[1-9]\d{0,14})$/.test(text);
  return `${row.name} = ${isBare ? text : quoted(text)}`;
}

/** A basic string, whose escapes are JSON's. TOML wants DEL escaped, too. */
function quoted(text: string): string {
  return escaped(JSON.stringify(text));
}

/** Control characters may stand in no comment either: the name of a file may have them. */
function escaped(text: string): string {
  return text.replaceAll(/[\0-\x08\x0a-\x1f\x7f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, "0");
    return `\\u${code}`;
  });
}

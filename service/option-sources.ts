/**
 * Where options are given: flags, variables of the environment, a TOML file. Each source is
 * read to texts by the name of the option. Of several sources the first that has an option
 * wins: flags, then variables, then the file, then the default. A name that no option has
 * is a mistake.
 */

import { parseArgs } from "node:util";
import { nearest } from "./nearest.ts";
import type { Row } from "./option-row.ts";
import { type Field, REQUESTS, ROWS } from "./option-table.ts";
import { Mistake } from "./option-values.ts";

/** What one source says of an option. */
export interface Given {
  readonly texts: readonly string[];
  /** For the operator: `flag`, `RANGESRV_PORT`, `/etc/rangesrv.toml, line 3`, `default`. */
  readonly from: string;
}

/** By the name of the option. */
export type Source = ReadonlyMap<string, Given>;

/** Every option with what counts of it. */
export type Settings = { readonly [F in Field]: Given };

export const FLAG = "flag";
export const DEFAULT = "default";

const OPTIONS = ROWS.map(([, row]) => row);

/** The program's own variables: a worker, the hasher, and the executable that tests drive. */
const NO_OPTIONS = ["RANGESRV_WORKER", "RANGESRV_HASHER", "RANGESRV_BINARY"];

/** What the arguments after the program's name say. */
export interface Arguments {
  readonly flags: Source;
  /** Flags that aren't settings, with their values. */
  readonly requests: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
}

export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parse(args);
  const flags = new Map<string, Given>();
  const requests = new Map<string, string>();
  for (const [name, value] of Object.entries(values)) {
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    if (REQUESTS.some((request) => request.name === name)) requests.set(name, texts.at(-1) ?? "");
    else flags.set(name, { texts, from: FLAG });
  }
  return { flags, requests, positionals };
}

function parse(args: readonly string[]) {
  const rows = [...OPTIONS.filter((row) => row.argument === undefined), ...REQUESTS];
  const options = rows.map((row) => {
    const type = row.placeholder === undefined ? ("boolean" as const) : ("string" as const);
    return [row.name, { type, multiple: "many" in row }] as const;
  });
  try {
    return parseArgs({
      ...{ args: [...args], options: Object.fromEntries(options) },
      ...{ allowPositionals: true, allowNegative: true },
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /^Unknown option '([^']*)'/.exec(error.message)?.[1];
    if (unknown !== undefined) throw unknownName("option", unknown, rows.flatMap(flagsOf), "--");
    // The first sentence says what is wrong.
    throw new Mistake(error.message.split(/\.?(?:\n|\. |$)/)[0] ?? error.message);
  }
}

function flagsOf({ name, placeholder }: { name: string; placeholder: string | undefined }) {
  return placeholder === undefined ? [name, `no-${name}`] : [name];
}

/** `what` has a name that no option has; `names` are those that there are, each without `prefix`. */
function unknownName(
  what: string,
  written: string,
  names: readonly string[],
  prefix = "",
  where = "",
): Mistake {
  const near = nearest(written.replace(prefix, ""), names);
  const unknown = `Unknown ${what} "${written}"${where}`;
  if (near === undefined) return new Mistake(unknown);
  return new Mistake(`${unknown}; did you mean ${prefix}${near}?`, "");
}

const PREFIX = "RANGESRV_";

/** The variable of an option: `RANGESRV_MAX_CONNECTIONS` of `max-connections`. */
export function variableOf({ name }: { readonly name: string }): string {
  return `${PREFIX}${name.toUpperCase().replaceAll("-", "_")}`;
}

/** What the environment says; values of an option that may be given again stand between spaces. */
export function readVariables(environment: Readonly<Record<string, string | undefined>>): {
  readonly variables: Source;
  /** The file of options. */
  readonly config: string | undefined;
} {
  const variables = new Map<string, Given>();
  const rows = new Map(OPTIONS.map((row) => [variableOf(row), row]));
  const config = variableOf({ name: "config" });
  for (const [name, text] of Object.entries(environment)) {
    if (text === undefined || !name.startsWith(PREFIX)) continue;
    if (name === config || NO_OPTIONS.includes(name)) continue;
    const row = rows.get(name);
    if (row === undefined) {
      const names = [...rows.keys(), config].map((one) => one.slice(PREFIX.length));
      throw unknownName("variable", name, names, PREFIX);
    }
    const texts = row.many ? text.split(/\s+/).filter((one) => one !== "") : [text];
    variables.set(row.name, { texts, from: name });
  }
  return { variables, config: environment[config] };
}

/** What a TOML file says: `text`, which stands at `path`. */
export function readFileOfOptions(path: string, text: string): Source {
  const source = new Map<string, Given>();
  for (const [key, value] of Object.entries(parseToml(path, text))) {
    const from = `${path}, line ${lineOf(key, text)}`;
    const row = OPTIONS.find(({ name }) => name === key);
    if (row === undefined) {
      const names = OPTIONS.map(({ name }) => name);
      throw unknownName("key", key, names, "", ` (${from})`);
    }
    source.set(key, { texts: textsOf(row, value, from), from });
  }
  return source;
}

function parseToml(path: string, text: string): Readonly<Record<string, unknown>> {
  try {
    return Bun.TOML.parse(text) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const what = error.message.replace(/^TOML Parse error: /, "");
    throw new Mistake(`Cannot read "${path}", line ${badLine(text)}: ${what}`, "");
  }
}

/** The parser doesn't say where a mistake is: behind the most lines that it takes. */
function badLine(text: string): number {
  const lines = text.split("\n");
  for (let count = lines.length - 1; count > 0; count--) {
    try {
      Bun.TOML.parse(lines.slice(0, count).join("\n"));
      return count + 1;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return 1;
}

/** The line that sets a key, counted from 1; the first one if that isn't seen. */
function lineOf(key: string, text: string): number {
  const lines = text.split("\n");
  const index = lines.findIndex((line) => {
    const [, quoted, bare] = /^\s*\[?\s*(?:["']([^"']*)["']|([A-Za-z0-9_-]+))/.exec(line) ?? [];
    return (quoted ?? bare) === key;
  });
  return Math.max(index, 0) + 1;
}

/** The texts that a flag would have for a value in the file. */
function textsOf(row: Row<unknown>, value: unknown, from: string): string[] {
  const values: readonly unknown[] = row.many && Array.isArray(value) ? value : [value];
  const expected = row.placeholder === undefined ? ["boolean"] : ["string", "number"];
  if (!values.every((one) => expected.includes(typeof one))) {
    const kind = row.placeholder === undefined ? "true or false" : "a string or a number";
    throw new Mistake(
      `Cannot use ${row.name} (${from}): not ${kind}${row.many ? " or a list" : ""}`,
    );
  }
  return values.map(String);
}

/** What counts of each option. */
export function settle(
  sources: readonly Source[],
  environment: Readonly<Record<string, string | undefined>>,
): Settings {
  const settled = ROWS.map(([field, row]) => {
    const given = sources.map((source) => source.get(row.name)).find((one) => one !== undefined);
    return [field, given ?? fallback(row, environment)] as const;
  });
  return Object.fromEntries(settled) as Settings;
}

function fallback(
  row: Row<unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Given {
  // systemd names several directories with colons between them.
  const text = row.fallback === undefined ? undefined : environment[row.fallback]?.split(":")[0];
  if (text === undefined) return { texts: row.standard, from: DEFAULT };
  return { texts: [text], from: `$${row.fallback}` };
}

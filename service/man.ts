/** The manual page rangesrv.1 for `--man`, in the man macros of roff, made of the table of options. Pure. */

import { version } from "../package.json" with { type: "json" };
import type { Row } from "./option-row.ts";
import { variableOf } from "./option-sources.ts";
import { COMMANDS, GROUPS, REQUESTS } from "./option-table.ts";
import { flagOf, remark } from "./usage.ts";

export function manPage(): string {
  return [
    `.TH RANGESRV 1 "" "rangesrv ${version}" "User Commands"`,
    // No word is parted: options are copied from here.
    ".nh",
    ".SH NAME",
    plain("rangesrv - file server for downloads in pieces"),
    ".SH SYNOPSIS",
    ".B rangesrv",
    "[options] DIR",
    ...COMMANDS.flatMap(({ name, rest }) => [".br", `.B rangesrv ${plain(name)}`, plain(rest)]),
    ...[".SH DESCRIPTION", ...paragraphs(DESCRIPTION)],
    ...COMMANDS.flatMap(({ name, about }) => item(`rangesrv ${name}`, sentence(about))),
    ...[".SH OPTIONS", ...GROUPS.flatMap(({ title, rows }) => group(title, rows))],
    ".SS Other",
    ...REQUESTS.flatMap(({ name, placeholder, about }) =>
      item(`--${name}`, sentence(about), placeholder),
    ),
    ...[".SH CONFIGURATION", ...paragraphs(CONFIGURATION)],
    ...[".SH SIGNALS", ...SIGNALS.flatMap(([name, text]) => item(name, text))],
    ...[".SH EXIT STATUS", ...CODES.flatMap(([code, text]) => item(code, text))],
    ...[".SH ENVIRONMENT", ...VARIABLES.flatMap(([name, text]) => item(name, text))],
    ...[".SH EXAMPLES", ...EXAMPLES.flatMap(([text, line]) => item(text, line))],
    ...[".SH SEE ALSO", ".BR aria2c (1),", ".BR curl (1),", ".BR systemd.service (5)", ""],
  ].join("\n");
}

function group(title: string, rows: readonly Row<unknown>[]): string[] {
  const flags = rows.filter((row) => row.argument === undefined);
  return [`.SS ${plain(title)}`, ...flags.flatMap(option)];
}

function option(row: Row<unknown>): string[] {
  const { placeholder } = row;
  const flag = flagOf(row).split(" ")[0] ?? "";
  const when = { now: "SIGHUP changes it.", workers: "SIGHUP changes it with workers." };
  const change = row.reload === undefined ? "" : ` ${when[row.reload]}`;
  const text = `${sentence(`${row.about}${remark(row)}`)}${change}`;
  return item(flag, text, placeholder);
}

/** A term, perhaps with a value behind it, and what is said of it. */
function item(term: string, text: string, value?: string): string[] {
  const behind = value === undefined ? "" : ` \\fI${plain(value)}\\fR`;
  return [".TP", `\\fB${plain(term)}\\fR${behind}`, plain(text)];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, index) => (index === 0 ? [plain(text)] : [".PP", plain(text)]));
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** Text that roff prints as it is: hyphens that can be copied, no requests. */
function plain(text: string): string {
  const escaped = text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq");
  return escaped.replace(/^\./, "\\&.");
}

const DESCRIPTION = [
  "rangesrv serves every file below DIR, whole or by byte range, at http://HOST:13000/data/. " +
    "Clients resume and check each file, and share it with each other while they download it: " +
    "NAME.torrent, NAME.magnet, NAME.meta4 and NAME.sha256 are documents about NAME.",
];

const CONFIGURATION = [
  "Each option can be a flag, a variable or a key of a TOML file that --config names. A flag " +
    "wins over a variable, a variable over the file, the file over the default. " +
    "--max-connections 100 is RANGESRV_MAX_CONNECTIONS=100 or max-connections = 100. " +
    'An option that may be given again is a list, mirror = ["http://a/", "http://b/"], and ' +
    "has spaces between its values in the variable. DIR is RANGESRV_DIRECTORY or directory.",
  "An option that takes no value is true or false. --no-NAME switches it off; --no-seed is " +
    "seed = false.",
  "A name that no option has is a mistake.",
];

const SIGNALS = [
  [
    "SIGTERM, SIGINT",
    "Finish the responses in flight within --grace seconds and end. A second signal ends at once.",
  ],
  ["SIGHUP", "Read the options again. With --workers above 1, replace the workers one by one."],
] as const;

const CODES = [
  ["0", "Stopped by a signal, or printed what was asked for."],
  ["2", "A mistake of the operator. One line on stderr says which."],
  ["130", "Ended by a second signal."],
] as const;

const VARIABLES = [
  [`${variableOf({ name: "NAME" })}`, "The option NAME, with underscores for hyphens."],
  ["STATE_DIRECTORY", "The directory of --state when nothing else names one. systemd sets it."],
] as const;

const EXAMPLES = [
  ["Serve ./data:", "rangesrv ./data"],
  [
    "Show every value and where it came from:",
    "rangesrv --config /etc/rangesrv.toml --print-config",
  ],
] as const;

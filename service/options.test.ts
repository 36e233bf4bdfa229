/** Which source an option's value comes from, and what a mistake in each source is called. */

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "../test/site.ts";
import { variableOf } from "./option-sources.ts";
import { GROUPS, REQUESTS, ROWS } from "./option-table.ts";
import { handOver, parseCommandLine, takeOver } from "./options.ts";

const HOME = temporaryDirectory();
const FILE = join(HOME, "a.toml");

type Environment = Readonly<Record<string, string>>;

/** What differs from the defaults, or the mistake. */
function read(args: string, environment: Environment, toml?: string): unknown {
  if (toml !== undefined) writeFileSync(FILE, toml);
  const given = [...(toml === undefined ? [] : ["--config", FILE]), ...args.split(" ")];
  const parsed = parseCommandLine(
    given.filter((one) => one !== ""),
    environment,
  );
  if (parsed.kind === "mistake") return parsed.reason.replace(FILE, "FILE");
  if (parsed.kind !== "serve") return parsed;
  const standard = parseCommandLine(["."], {});
  const before = standard.kind === "serve" ? standard.options : {};
  const changed = Object.entries(parsed.options).filter(
    ([field, value]) => !Bun.deepEquals(value, before[field as keyof typeof before]),
  );
  return Object.fromEntries(changed);
}

const A = "http://a/";
const B = "http://b/";

// [why, arguments, variables, file, what differs from the defaults]
test.each<[string, string, Environment, string | undefined, unknown]>([
  ["nothing", ".", {}, undefined, {}],
  ["a flag", "--port 1 .", {}, undefined, { port: 1 }],
  ["a variable", ".", { RANGESRV_PORT: "2" }, undefined, { port: 2 }],
  ["a file", ".", {}, "port = 3", { port: 3 }],
  ["a flag over a variable", "--port 1 .", { RANGESRV_PORT: "2" }, undefined, { port: 1 }],
  ["a flag over the file", "--port 1 .", {}, "port = 3", { port: 1 }],
  ["a variable over the file", ".", { RANGESRV_PORT: "2" }, "port = 3", { port: 2 }],
  ["a default given again wins too", "--port 13000 .", {}, "port = 3", {}],
  ["a string for a number", ".", {}, 'port = "3"', { port: 3 }],
  ["a number or a word", ".", {}, 'workers = "auto"', { workers: "auto" }],
  ["several words", ".", { RANGESRV_MAX_CONNECTIONS: "9" }, undefined, { maxConnections: 9 }],
  ["several words in a file", ".", {}, "max-connections = 9", { maxConnections: 9 }],
  // Rates
  ["a rate", "--rate 50M .", {}, undefined, { rate: 50e6 }],
  ["a part of a unit", "--rate-client 1.5G .", {}, undefined, { rateClient: 1.5e9 }],
  ["thousands", "--rate-connection 800k .", {}, undefined, { rateConnection: 800e3 }],
  ["powers of 1024", ".", { RANGESRV_RATE: "64Mi" }, undefined, { rate: 64 * 1024 * 1024 }],
  ["bytes in a file", ".", {}, "rate = 50000000", { rate: 50e6 }],
  [
    "limits",
    "--max-client 9 --max-downloads-client 2 .",
    {},
    undefined,
    { maxClient: 9, maxDownloadsClient: 2 },
  ],
  // Booleans
  ["on by a flag", "--hash --state s .", {}, undefined, { hash: true, state: "s" }],
  ["on by a variable", ".", { RANGESRV_QUIET: "true" }, undefined, { quiet: true }],
  ["on by a file", ".", {}, "quiet = true", { quiet: true }],
  ["off by a flag", "--no-quiet .", {}, "quiet = true", {}],
  ["off by a variable", ".", { RANGESRV_QUIET: "false" }, "quiet = true", {}],
  ["no seeding by a flag", "--no-seed .", {}, undefined, { seed: false }],
  ["no seeding by a file", ".", {}, "seed = false", { seed: false }],
  ["seeding by a flag", "--seed .", {}, "seed = false", {}],
  // What may be given again
  ["two flags", `--mirror ${A} --mirror ${B} .`, {}, undefined, { mirrors: [A, B] }],
  ["a list", ".", {}, `mirror = ["${A}", "${B}"]`, { mirrors: [A, B] }],
  ["a string for a list", ".", {}, `mirror = "${A}"`, { mirrors: [A] }],
  ["two in a variable", ".", { RANGESRV_MIRROR: `${A} ${B}` }, undefined, { mirrors: [A, B] }],
  ["sources aren't joined", `--mirror ${A} .`, {}, `mirror = ["${B}"]`, { mirrors: [A] }],
  ["an empty list", ".", { RANGESRV_MIRROR: "" }, `mirror = ["${B}"]`, {}],
  // DIR
  ["by a variable", "", { RANGESRV_DIRECTORY: "v" }, undefined, { directory: "v" }],
  ["by a file", "", {}, 'directory = "f"', { directory: "f" }],
  [
    "an argument over both",
    "a",
    { RANGESRV_DIRECTORY: "v" },
    'directory = "f"',
    { directory: "a" },
  ],
  ["a directory named hash", "hash", {}, undefined, { directory: "hash" }],
  // The state directory
  ["systemd's", ".", { STATE_DIRECTORY: "/s:/t" }, undefined, { state: "/s" }],
  ["a file over systemd's", ".", { STATE_DIRECTORY: "/s" }, 'state = "/f"', { state: "/f" }],
  // The file
  ["by a variable", ".", { RANGESRV_CONFIG: "/absent" }, "port = 3", { port: 3 }],
  ["an empty file", ".", {}, "", {}],
  ["comments, and line ends of Windows", ".", {}, "# a\r\nport = 3 # b\r\n", { port: 3 }],
  // The program's own variables
  ["a worker's", ".", { RANGESRV_WORKER: "1", RANGESRV_HASHER: "" }, undefined, {}],
])("%s: %p, %p, %p", (_why, args, environment, toml, expected) => {
  expect(read(args, environment, toml)).toEqual(expected);
});

const SEE = "; see rangesrv --help";

// [arguments, variables, file, the line]
test.each<[string, Environment, string | undefined, string]>([
  ["--prot 1 .", {}, undefined, 'Unknown option "--prot"; did you mean --port?'],
  ["--prot=1 .", {}, undefined, 'Unknown option "--prot"; did you mean --port?'],
  ["--dotfile .", {}, undefined, 'Unknown option "--dotfile"; did you mean --dotfiles?'],
  ["--no-sed .", {}, undefined, 'Unknown option "--no-sed"; did you mean --no-seed?'],
  ["--no-port .", {}, undefined, `Unknown option "--no-port"${SEE}`],
  ["--directory .", {}, undefined, `Unknown option "--directory"${SEE}`],
  [
    ".",
    { RANGESRV_PROT: "" },
    undefined,
    'Unknown variable "RANGESRV_PROT"; did you mean RANGESRV_PORT?',
  ],
  [".", { RANGESRV_X: "" }, undefined, `Unknown variable "RANGESRV_X"${SEE}`],
  [".", {}, "quiet = true\nprot = 1", 'Unknown key "prot" (FILE, line 2); did you mean port?'],
  [".", {}, "config = '/b'", `Unknown key "config" (FILE, line 1)${SEE}`],
  [".", {}, "[server]\nport = 1", `Unknown key "server" (FILE, line 1)${SEE}`],
  [".", {}, "[port]\nx = 1", `Cannot use port (FILE, line 1): not a string or a number${SEE}`],
  [".", {}, "\nport = [1]", `Cannot use port (FILE, line 2): not a string or a number${SEE}`],
  [".", {}, "quiet = 'yes'", `Cannot use quiet (FILE, line 1): not true or false${SEE}`],
  [
    ".",
    {},
    "mirror = [true]",
    `Cannot use mirror (FILE, line 1): not a string or a number or a list${SEE}`,
  ],
  [
    ".",
    { RANGESRV_PORT: "x" },
    undefined,
    `Cannot use port "x": not 0 to 65535 (RANGESRV_PORT)${SEE}`,
  ],
  [
    ".",
    { RANGESRV_PORT: "" },
    undefined,
    `Cannot use port "": not 0 to 65535 (RANGESRV_PORT)${SEE}`,
  ],
  [
    ".",
    { RANGESRV_QUIET: "1" },
    undefined,
    `Cannot use quiet "1": not true or false (RANGESRV_QUIET)${SEE}`,
  ],
  [".", {}, "\n\nport = 99999", `Cannot use port "99999": not 0 to 65535 (FILE, line 3)${SEE}`],
  [".", {}, "port = 1.5", `Cannot use port "1.5": not 0 to 65535 (FILE, line 1)${SEE}`],
  ["", {}, "port = 1", `Missing DIR, the directory to serve${SEE}`],
  [".", {}, "hash = true", `Cannot use hash without --state, where digests are kept${SEE}`],
  [
    ".",
    {},
    "port = 1\nhost = \n",
    `Cannot read "FILE", line 2: Missing value after '='; values must be on the same line`,
  ],
  [".", {}, "#".repeat(65_537), `Cannot read "FILE": larger than 65536 bytes`],
  [".", {}, "port = 1\nport = 2", `Cannot read "FILE", line 2: Cannot redefine key 'port'`],
])("%p, %p, %p: %s", (args, environment, toml, line) => {
  expect(read(args, environment, toml)).toBe(line);
});

test("A file that can't be read is an error that names it", () => {
  expect(() => parseCommandLine(["--config", `${HOME}/none`, "."], {})).toThrow(
    new Error(`Cannot read "${HOME}/none": no such file`),
  );
});

test("`hash` takes the directory from a file, and its own options alone", () => {
  expect(read("hash", {}, 'directory = "d"\nstate = "s"\nport = 1\nsymlinks = "all"')).toEqual({
    kind: "hash",
    options: { directory: "d", state: "s", dotfiles: false, symlinks: "all" },
  });
});

test("A worker has the supervisor's options, whichever source they came from", () => {
  writeFileSync(FILE, `mirror = ["${A}", "${B}"]\nseed = false`);
  const variables = { RANGESRV_GRACE: "5", STATE_DIRECTORY: "/s" };
  const parsed = parseCommandLine(["--config", FILE, "--hash", "."], variables);
  if (parsed.kind !== "serve") throw new Error(parsed.kind);
  expect(takeOver(handOver(parsed.settings, 1234))).toEqual({ ...parsed.options, port: 1234 });
});

test("Every row has a name and a variable of its own, and stands in the usage text", () => {
  const rows = ROWS.map(([, row]) => row);
  const names = [...rows, ...REQUESTS].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(rows.map(variableOf)).size).toBe(rows.length);
  expect(GROUPS.flatMap((group) => group.rows)).toEqual(rows);
  expect(names.filter((name) => !/^[a-z]+\d?(?:-[a-z]+)*$/.test(name))).toEqual([]);
});

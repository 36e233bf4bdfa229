/**
 * The command line: what it means, and one line for the operator about a mistake in it.
 * The options are the rows of option-table.ts; option-sources.ts says where each may be given.
 */

import { readOperatorFile } from "../files/operator-file.ts";
import { completionsFor } from "./completions.ts";
import { manPage } from "./man.ts";
import {
  type Arguments,
  DEFAULT,
  FLAG,
  type Given,
  readArguments,
  readFileOfOptions,
  readVariables,
  type Settings,
  settle,
  type Source,
} from "./option-sources.ts";
import { type Options, ROWS } from "./option-table.ts";
import { Mistake } from "./option-values.ts";
import { printConfig } from "./print-config.ts";
import { usage } from "./usage.ts";
import { VERSION } from "./version.ts";

export type { Options } from "./option-table.ts";

/** What `rangesrv hash` needs. */
export type HashOptions = Pick<Options, "directory" | "dotfiles" | "symlinks"> & {
  readonly state: string;
};

export type CommandLine =
  | { readonly kind: "serve"; readonly options: Options; readonly settings: Settings }
  | { readonly kind: "hash"; readonly options: HashOptions }
  /** Its arguments are read by the command itself. */
  | { readonly kind: "sign"; readonly args: readonly string[] }
  /** Of the server whose downloads and swarms are to be shown. */
  | { readonly kind: "top"; readonly url: string }
  /** Something that the operator asked for, and nothing else. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "mistake"; readonly reason: string };

/** Reads the arguments after the program's name, the environment and the file that one of them names. */
export function parseCommandLine(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = process.env,
): CommandLine {
  if (args[0] === "sign" && args.length > 1) return { kind: "sign", args: args.slice(1) };
  try {
    const { flags, requests, positionals } = readArguments(args);
    const asked = textAskedFor(requests);
    if (asked !== undefined) return { kind: "print", text: asked };
    if (positionals[0] === "top" && positionals.length === 2) return readTop(positionals[1] ?? "");
    const { variables, config } = readVariables(environment);
    const file = readConfig(requests.get("config") ?? config);
    const hasDirectory = variables.has("directory") || file.has("directory");
    const { isHash, directory } = readPositionals(positionals, hasDirectory);
    const settings = settle([directory, flags, variables, file], environment);
    if (requests.get("print-config") === "true") return readForPrint(settings);
    return readCommand(isHash, settings);
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return { kind: "mistake", reason: `${error.message}${error.hint}` };
  }
}

/** What doesn't depend on other options. */
function textAskedFor(requests: Arguments["requests"]): string | undefined {
  if (requests.get("help") === "true") return usage();
  if (requests.get("version") === "true") return `${VERSION}\n`;
  if (requests.get("man") === "true") return manPage();
  const shell = requests.get("completions");
  return shell === undefined ? undefined : completionsFor(shell);
}

/** Bytes of a file of options: a worker gets them in one variable, which holds twice as many. */
const LONGEST_CONFIG = 64 * 1024;

function readTop(url: string): CommandLine {
  if (/^https?:\/\//i.test(url) && URL.canParse(url)) return { kind: "top", url };
  throw new Mistake(`Cannot look at "${url}": give a URL such as http://127.0.0.1:13000`);
}

function readConfig(path: string | undefined): Source {
  if (path === undefined) return new Map();
  const text = readOperatorFile(path);
  if (Buffer.byteLength(text) <= LONGEST_CONFIG) return readFileOfOptions(path, text);
  throw new Mistake(`Cannot read "${path}": larger than ${LONGEST_CONFIG} bytes`, "");
}

/** `hash` alone is the command when the directory is known, else the directory. */
function readPositionals(positionals: readonly string[], hasDirectory: boolean) {
  const isHash = positionals[0] === "hash" && (positionals.length > 1 || hasDirectory);
  const [directory, ...others] = isHash ? positionals.slice(1) : positionals;
  if (others.length > 0) {
    throw new Mistake(`Cannot serve "${others[0]}" too: one directory at a time`);
  }
  const given = directory === undefined ? [] : [["directory", flag(directory)] as const];
  return { isHash, directory: new Map(given) };
}

function flag(text: string): Given {
  return { texts: [text], from: FLAG };
}

function readCommand(isHash: boolean, settings: Settings): CommandLine {
  if (isHash) {
    const { directory, dotfiles, symlinks, state } = readOptions(settings);
    if (state === undefined) throw new Mistake("Missing --state, where digests are kept");
    return { kind: "hash", options: { directory, dotfiles, symlinks, state } };
  }
  return { kind: "serve", options: optionsOf(settings), settings };
}

/** Only DIR may be missing. */
function readForPrint(settings: Settings): CommandLine {
  const { directory } = settings;
  optionsOf(directory.texts.length === 0 ? { ...settings, directory: flag(".") } : settings);
  return { kind: "print", text: printConfig(settings) };
}

/** What a server is started with. Throws a {@link Mistake} in one option, or in two that don't fit. */
export function optionsOf(settings: Settings): Options {
  const options = readOptions(settings);
  if (options.hash && options.state === undefined) {
    throw new Mistake("Cannot use hash without --state, where digests are kept");
  }
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    throw new Mistake("Cannot use one of --tls-cert and --tls-key without the other");
  }
  if (options.http2 && options.tlsCert === undefined) {
    throw new Mistake("Cannot use http2 without --tls-cert: it is spoken over TLS alone");
  }
  return options;
}

/** Throws a {@link Mistake} for a text that isn't a value of its option; it says where the text stands. */
function readOptions(settings: Settings): Options {
  const read = ROWS.map(([field, row]) => {
    const { texts, from } = settings[field];
    try {
      return [field, row.read(texts)] as const;
    } catch (error) {
      if (!(error instanceof Mistake) || from === FLAG || from === DEFAULT) throw error;
      throw new Mistake(`${error.message} (${from})`, error.hint);
    }
  });
  return Object.fromEntries(read) as Options;
}

/**
 * The settings as one text for a worker, which reads neither arguments nor variables nor
 * the file: a worker that is replaced after the file was edited serves as the others do.
 */
export function handOver(settings: Settings, port: number): string {
  const changed = Object.entries({ ...settings, port: flag(String(port)) })
    .filter(([, { from }]) => from !== DEFAULT)
    .map(([field, { texts }]) => [field, texts]);
  return JSON.stringify(Object.fromEntries(changed));
}

/** What {@link handOver} made a text of. */
export function takeOver(text: string): Options {
  const handed = JSON.parse(text) as Readonly<Record<string, readonly string[]>>;
  const source = new Map(
    ROWS.flatMap(([field, row]) => {
      const texts = handed[field];
      return texts === undefined ? [] : [[row.name, { texts, from: FLAG }] as const];
    }),
  );
  return readOptions(settle([source], {}));
}

/** Completions for `--completions SHELL`, made of the table of options. Pure. */

import { COMMANDS, REQUESTS, ROWS } from "./option-table.ts";
import { Mistake } from "./option-values.ts";

/** A flag that a shell offers. */
interface Flag {
  readonly name: string;
  readonly about: string;
  /** What stands for the value; undefined: it takes none. */
  readonly placeholder: string | undefined;
  readonly choices: readonly string[];
  readonly again: boolean;
}

/** Every flag, and the negation of each that takes no value. */
function allFlags(): readonly Flag[] {
  return [
    ...ROWS.filter(([, row]) => row.argument === undefined).flatMap(([, row]) => {
      const { name, placeholder, about, standard, choices = [], many: again = false } = row;
      const flag = { name, placeholder, about, choices, again };
      if (placeholder !== undefined) return [flag];
      const [on, off] = standard[0] === "true" ? ["the default", about] : [about, "the default"];
      return [
        { ...flag, about: on },
        { ...flag, name: `no-${name}`, about: off },
      ];
    }),
    ...REQUESTS.map((request) => ({ choices: [], again: false, ...request })),
  ];
}

const SHELLS: Readonly<Record<string, (flags: readonly Flag[]) => string>> = { bash, zsh, fish };

function commandNames(): string {
  return COMMANDS.map(({ name }) => name).join(" ");
}

/** Throws a {@link Mistake} for another shell. */
export function completionsFor(shell: string): string {
  const completions = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (completions !== undefined) return completions(allFlags());
  throw new Mistake(`Cannot use completions "${shell}": not bash, zsh or fish`);
}

/** Flags whose values are the same kind are one case. */
function bash(flags: readonly Flag[]): string {
  const names = (some: readonly Flag[]) => some.map(({ name }) => `--${name}`);
  const valued = flags.filter(({ placeholder }) => placeholder !== undefined);
  const free = valued.filter((flag) => flag.choices.length === 0 && kindOf(flag) === undefined);
  const named = (kind: string) => names(valued.filter((flag) => kindOf(flag) === kind)).join("|");
  const choices = valued
    .filter((flag) => flag.choices.length > 0)
    .map(
      ({ name, choices: words }) =>
        `    --${name}) COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current")); return ;;`,
    );
  return `# bash completion for rangesrv
_rangesrv() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  # The shell makes a word of its own of the sign in --name=value.
  if [[ $current == "=" ]]; then
    current=
  elif [[ $previous == "=" ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  case $previous in
    ${named("file")}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${named("directory")}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
${choices.join("\n")}
    ${names(free).join("|")}) return ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "${names(flags).join(" ")}" -- "$current"))
    return
  fi
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -d -- "$current")
  if ((COMP_CWORD == 1)); then
    COMPREPLY+=($(compgen -W "${commandNames()}" -- "$current"))
  fi
}
complete -F _rangesrv rangesrv
`;
}

function zsh(flags: readonly Flag[]): string {
  const lines = flags.map((flag) => {
    const { name, about, placeholder, again } = flag;
    const value = placeholder === undefined ? "" : `:${placeholder}:${zshValues(flag)}`;
    const explained = `[${about.replaceAll(/[[\]\\]/g, "\\$&")}]`;
    const sign = placeholder === undefined ? "" : "=";
    return `    ${singly(`${again ? "*" : ""}--${name}${sign}${explained}${value}`)} \\`;
  });
  return `#compdef rangesrv
_rangesrv_directory() {
  _alternative 'commands:command:(${commandNames()})' 'directories:directory:_files -/'
}
_rangesrv() {
  _arguments -S \\
${lines.join("\n")}
    '*:DIR:_rangesrv_directory'
}
if [[ $funcstack[1] == _rangesrv ]]; then
  _rangesrv "$@"
else
  compdef _rangesrv rangesrv
fi
`;
}

function zshValues(flag: Flag): string {
  if (flag.choices.length > 0) return `(${flag.choices.join(" ")})`;
  const kind = kindOf(flag);
  if (kind === undefined) return " ";
  return kind === "file" ? "_files" : "_files -/";
}

function fish(flags: readonly Flag[]): string {
  const line = (rest: string) => `complete -c rangesrv ${rest}\n`;
  const commands = COMMANDS.map(({ name, about }) =>
    line(`-n __fish_use_subcommand -a ${name} -d ${quoted(about)}`),
  );
  const own = flags.map((flag) =>
    line(`-l ${flag.name} ${fishValues(flag)}-d ${quoted(flag.about)}`),
  );
  const directories = "-a '(__fish_complete_directories (commandline -ct))'";
  return [
    "# fish completion for rangesrv\n",
    line("-f"),
    line(directories),
    ...commands,
    ...own,
  ].join("");
}

function fishValues(flag: Flag): string {
  if (flag.placeholder === undefined) return "";
  if (flag.choices.length > 0) return `-x -a ${quoted(flag.choices.join(" "))} `;
  const kind = kindOf(flag);
  if (kind === undefined) return "-x ";
  return kind === "file" ? "-r -F " : "-x -a '(__fish_complete_directories (commandline -ct))' ";
}

/** What a value names, by what stands for it in the usage text. */
function kindOf({ placeholder }: Flag): "file" | "directory" | undefined {
  if (placeholder === "FILE") return "file";
  return placeholder === "DIR" ? "directory" : undefined;
}

/** One word of a Bourne shell. */
function singly(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** One word of fish. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}

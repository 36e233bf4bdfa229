/** `--man` and `--completions` as the executable prints them, read by the programs that they are for. */

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binary } from "./binary.ts";
import { run, testWith } from "./clients.ts";
import { temporaryDirectory } from "./site.ts";

setDefaultTimeout(60_000);

/** A directory with one folder and one file in it, where the shells run. */
const HERE = temporaryDirectory();
mkdirSync(join(HERE, "a folder"));
writeFileSync(join(HERE, "options.toml"), "");

/** Writes what the executable prints to a file. */
async function printed(...args: string[]): Promise<string> {
  const { stdout, exitCode, stderr } = await run([await binary(), ...args]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const path = join(temporaryDirectory(), "rangesrv.1");
  writeFileSync(path, stdout);
  return path;
}

/** The options that begin a line, up to the text about the file of options. */
function optionsIn(text: string): (string | undefined)[] {
  const [table = ""] = text.split(/^CONFIGURATION/m);
  return [...table.matchAll(/^ +(--[a-z-]+)/gm)].map(([, name]) => name);
}

testWith("man")("man shows every option of --help, without a warning", async () => {
  const page = await printed("--man");
  const { exitCode, stdout, stderr } = await run(["man", "-l", "--warnings", page]);
  const { stdout: usage } = await run([await binary(), "--help"]);
  const names = optionsIn(usage);
  expect({ exitCode, stderr, names: optionsIn(stdout) }).toEqual({
    exitCode: 0,
    stderr: "",
    names,
  });
  expect(names.length).toBeGreaterThan(20);
});

testWith("mandoc")("mandoc finds no fault in it but that it has no date", async () => {
  const { stdout } = await run(["mandoc", "-Tlint", "-W", "warning", await printed("--man")]);
  const found = stdout.split("\n").filter((line) => !/^$|missing date/.test(line));
  expect(found).toEqual([]);
});

/** What bash offers for the last of `words`. */
async function bashOffers(script: string, words: readonly string[]): Promise<string[]> {
  // What readline would set. Outside of readline `compopt` has nothing to change.
  const drive = `compopt() { :; }; source "$1"; shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); \${COMPLETE}
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const registered = "$(complete -p rangesrv | sed 's/.*-F \\([^ ]*\\).*/\\1/')";
  const command = drive.replace("${COMPLETE}", registered);
  const { stdout, stderr } = await run(
    ["bash", "--norc", "-c", command, "bash", script, ...words],
    HERE,
  );
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

// [the line, its last word perhaps empty, what is offered]
const OFFERS: [string, string[]][] = [
  ["rangesrv --sy", ["--symlinks"]],
  ["rangesrv --symlinks ", ["inside", "all", "none"]],
  ["rangesrv --symlinks a", ["all"]],
  ["rangesrv --workers ", ["auto"]],
  ["rangesrv --no-se", ["--no-seed"]],
  ["rangesrv --port ", []],
  ["rangesrv --state ", ["a folder"]],
  ["rangesrv --config o", ["options.toml"]],
  ["rangesrv ", ["a folder", "hash", "sign", "top"]],
  ["rangesrv hash ", ["a folder"]],
  ["rangesrv --completions ", ["bash", "zsh", "fish"]],
];

testWith("bash")("bash completes flags, values, files and directories", async () => {
  const script = await printed("--completions", "bash");
  const offered = await Promise.all(
    OFFERS.map(async ([line]) => [line, await bashOffers(script, line.split(" "))]),
  );
  expect(offered).toEqual(OFFERS);
  const values = ["rangesrv", "--symlinks", "="];
  expect(await bashOffers(script, values)).toEqual(["inside", "all", "none"]);
  expect(await bashOffers(script, [...values, "n"])).toEqual(["none"]);
});

testWith("fish")("fish completes them too", async () => {
  const script = await printed("--completions", "fish");
  const offered = await Promise.all(
    OFFERS.map(async ([line]) => {
      const command = 'source $argv[1]; complete -C "$argv[2]"';
      const { stdout, stderr } = await run(["fish", "-N", "-c", command, script, line], HERE);
      expect(stderr).toBe("");
      const words = stdout.split("\n").map((one) => one.split("\t")[0]?.replace(/\/$/, ""));
      return [line, words.filter((word) => word !== "").toSorted()];
    }),
  );
  expect(offered).toEqual(OFFERS.map(([line, words]) => [line, words.toSorted()]));
});

/** Types a line and a tab in a zsh on a terminal, and waits for what it shows then. */
const TYPE = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PROMPT=; autoload -Uz compinit; compinit -u -D; source '$1'; print RE''ADY'
zpty -r shell out '*READY*'
zpty -w -n shell $2$'\\t'
zpty -r shell out $3 && print shown
zpty -d shell`;

testWith("zsh", "timeout")("zsh completes them too", async () => {
  const script = await printed("--completions", "zsh");
  expect(await run(["zsh", "-n", script])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  // [the line, what then stands on the terminal]
  const lines = [
    ["rangesrv --sy", "*--symlinks*"],
    ["rangesrv --symlinks ", "*all*inside*none*"],
    ["rangesrv --workers ", "*auto*"],
    ["rangesrv --state ", "*a\\\\ folder*"],
    ["rangesrv --config o", "*options.toml*"],
    ["rangesrv h", "*hash*"],
  ] as const;
  const shown = await Promise.all(
    lines.map(async ([line, pattern]) => {
      const command = ["timeout", "20", "zsh", "-f", "-c", TYPE, "zsh", script, line, pattern];
      return [line, (await run(command, HERE)).stdout];
    }),
  );
  expect(shown).toEqual(lines.map(([line]) => [line, "shown\n"]));
});

test.each(["csh", "constructor"])("another shell is a mistake: %s", async (shell) => {
  expect(await run([await binary(), "--completions", shell])).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: `rangesrv: Cannot use completions "${shell}": not bash, zsh or fish; see rangesrv --help\n`,
  });
});

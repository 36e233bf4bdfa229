/** Commands that take a file or a folder, exact for every name: POSIX shells run them as they are. */

export interface Command {
  readonly label: string;
  readonly text: string;
}

/** Controls, and characters that show otherwise than they are: a terminal would act on them. */
const UNSEEN = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

/**
 * | word   | quoted        |
 * | ------ | ------------- |
 * | `a b`  | `'a b'`       |
 * | `a'b`  | `'a'\''b'`    |
 * | a line break | `$'\012'`: bash, zsh, ksh, BusyBox; not dash |
 */
export function quote(word: string): string {
  if (!UNSEEN.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  let quoted = "";
  for (const character of word.toWellFormed()) {
    if (character === "'" || character === "\\") quoted += `\\${character}`;
    else if (!UNSEEN.test(character)) quoted += character;
    else
      for (const byte of new TextEncoder().encode(character))
        quoted += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return `$'${quoted}'`;
}

/** A file name as an argument: never an option, never the standard output. */
function quoteFile(name: string): string {
  return quote(name.startsWith("-") ? `./${name}` : name);
}

/** `documents`: the kinds that there are of the file. */
export function fileCommands(url: string, name: string, documents: readonly string[]): Command[] {
  const [from, to] = [quote(url), quoteFile(name)];
  const commands = [
    { label: "curl, resumes", text: `curl -fL --retry 9 -C - -o ${to} ${from}` },
    { label: "wget, resumes", text: `wget -c -O ${to} ${from}` },
    { label: "aria2, 16 connections", text: `aria2c -c -x16 -s16 -k1M -o ${to} ${from}` },
  ];
  if (documents.includes("meta4")) {
    const text = `aria2c --retry-wait=1 --seed-time=0 ${quote(`${url}.meta4`)}`;
    commands.push({ label: "aria2 by Metalink: checks, mends", text });
  }
  if (documents.includes("torrent")) {
    const text = `aria2c --retry-wait=1 ${quote(`${url}.torrent`)}`;
    commands.push({ label: "aria2 by torrent: fetches and shares", text });
  }
  if (documents.includes("sha256")) {
    const text = `curl -fsS --retry 9 ${quote(`${url}.sha256`)} | sha256sum -c`;
    commands.push({ label: "Check what was fetched", text });
  }
  return commands;
}

/** `url` ends in a slash; `documents` are the URLs of the documents about the folder, by kind. */
export function folderCommands(
  url: string,
  documents: Readonly<Partial<Record<"torrent" | "meta4" | "txt" | "sha256sums", string>>>,
): Command[] {
  const commands = [{ label: "wget, all files", text: `wget -r -np -nH -c ${quote(url)}` }];
  const { torrent, meta4, txt, sha256sums } = documents;
  if (meta4 !== undefined) {
    const text = `aria2c --retry-wait=1 --seed-time=0 ${quote(meta4)}`;
    commands.push({ label: "aria2 by Metalink: checks, mends", text });
  }
  if (txt !== undefined) {
    commands.push({ label: "aria2 by list", text: `curl -fsS ${quote(txt)} | aria2c -c -i -` });
  }
  if (torrent !== undefined) {
    const text = `aria2c --retry-wait=1 ${quote(torrent)}`;
    commands.push({ label: "aria2 by torrent: fetches and shares", text });
  }
  if (sha256sums !== undefined) {
    const text = `curl -fsS --retry 9 ${quote(sha256sums)} | sha256sum -c`;
    commands.push({ label: "Check, in the folder", text });
  }
  return commands;
}

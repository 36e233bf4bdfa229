/** `rangesrv sign`: prints a URL that admits whoever has it, for a time. */

import { parseArgs } from "node:util";
import { makeSecretFile } from "../files/operator-file.ts";
import type { SignedWindow, Terms } from "../http/pass.ts";
import { loadKeys } from "./gate.ts";
import { makeKey } from "./keys.ts";
import { clientName, signUrl } from "./link.ts";

export const SIGN_USAGE = `rangesrv sign prints a URL with a signature: who has it may read.

Usage: rangesrv sign --key-file FILE --expires TIME [options] URL
       rangesrv sign --key-file FILE --new-key     makes the file with a key

  --key-file FILE      one or two keys; the first signs
  --expires TIME       how long the link admits: 90s, 15m, 2h, 7d
  --prefix             for all below URL, a directory: it ends in a slash
  --client ADDRESS     for this client alone
  --range FIRST-LAST   for these bytes of a file alone, counted from 0
`;

/** What the command did: text for stdout, and lines about what may be wrong. */
export interface SignOutcome {
  readonly text: string;
  readonly warnings: readonly string[];
}

/** Reads the arguments after `sign`. Throws an error with one line for the operator. */
export function sign(args: readonly string[], now: number): SignOutcome {
  const { values, positionals } = parse(args);
  if (values.help) return { text: SIGN_USAGE, warnings: [] };
  const path = values["key-file"];
  if (path === undefined || path === "") throw new Error("Missing --key-file");
  if (values["new-key"]) {
    makeSecretFile(path, `${makeKey()}\n`);
    return { text: "", warnings: [] };
  }
  const [url, ...others] = positionals;
  if (url === undefined) throw new Error("Missing URL, the one to sign");
  if (others.length > 0) throw new Error(`Cannot sign "${others[0]}" too: one URL at a time`);
  const isPrefix = values.prefix;
  checkUrl(url, isPrefix);
  if (isPrefix && values.range !== undefined) {
    throw new Error("Cannot use --range with --prefix: a range is of one file");
  }
  const terms: Terms = {
    expires: Math.floor(now / 1000) + readDuration(values.expires),
    client: values.client === undefined ? undefined : readClient(values.client),
    window: values.range === undefined ? undefined : readWindow(values.range),
  };
  const warnings: string[] = [];
  const keys = loadKeys(path, warnings);
  return { text: `${signUrl(keys, url, terms, isPrefix)}\n`, warnings };
}

function checkUrl(url: string, isPrefix: boolean): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new Error(`Cannot sign "${url}": not an http or https URL`);
  }
  // The path must be the one that a server reads.
  const path = /^https?:\/\/[^/?#]+(\/[^?#]*)/i.exec(url)?.[1];
  if (path === undefined) throw new Error(`Cannot sign "${url}": no path of a file`);
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path) || /[\\\s]/.test(url)) {
    throw new Error(`Cannot sign "${url}": dot segments, backslashes or blanks in it`);
  }
  if (isPrefix && !path.endsWith("/")) {
    throw new Error(`Cannot sign prefix "${url}": its path has no slash at its end`);
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** Seconds: ten years. */
const LONGEST = 3650 * 86_400;

function readDuration(text: string | undefined): number {
  if (text === undefined) throw new Error("Missing --expires, as in --expires 2h");
  const [, count = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNITS[unit] ?? 0);
  if (!(seconds >= 1 && seconds <= LONGEST)) {
    throw new Error(`Cannot use expires "${text}": not a time like 90s, 15m, 2h or 7d`);
  }
  return seconds;
}

function readClient(text: string): string {
  const name = clientName(text);
  if (name === undefined) throw new Error(`Cannot use client "${text}": not an address`);
  return name;
}

function readWindow(text: string): SignedWindow {
  const [, first = "", last = ""] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  if (first === "" || Number(first) > Number(last)) {
    throw new Error(`Cannot use range "${text}": not first and last byte, as in 0-1023`);
  }
  return { first: Number(first), last: Number(last) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        "key-file": { type: "string" },
        "new-key": { type: "boolean", default: false },
        expires: { type: "string" },
        prefix: { type: "boolean", default: false },
        client: { type: "string" },
        range: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    // The first sentence says what is wrong.
    throw new Error(error.message.split(/\.?(?:\n|\. |$)/)[0] ?? error.message, { cause: error });
  }
}

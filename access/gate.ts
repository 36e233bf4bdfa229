/**
 * The rules of who may read, as they are now: read from files at start, and replaced when
 * other files have been read. Who began to use a link is remembered over that.
 */

import { isReadByAll, readOperatorFile } from "../files/operator-file.ts";
import type { Pass, Terms } from "../http/pass.ts";
import type { Plan } from "../http/plan.ts";
import { clientNetwork } from "../os/client-network.ts";
import { type Begun, BegunTable } from "./begun.ts";
import { type Keys, parseKeys } from "./keys.ts";
import { clientName, isForSwarm, readLink, signAnnounce, signUrl } from "./link.ts";
import { Passwords } from "./passwords.ts";
import { Rules, type RulesOptions, type Ways } from "./rules.ts";
import { Unusable } from "./secret-file.ts";
import { Tokens } from "./tokens.ts";
import type { Facts, Verdict } from "./verdict.ts";

/** Paths of the files; undefined: that way isn't open. */
export interface AccessFiles {
  readonly tokenFile: string | undefined;
  readonly basicFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** What was read of the files, and lines for the operator about them. */
export interface LoadedWays extends Ways {
  readonly warnings: readonly string[];
}

/**
 * Reads the files; undefined when none is named: then everybody may read. Throws an error
 * with one line for the operator.
 */
export function loadWays(files: AccessFiles): LoadedWays | undefined {
  const { tokenFile, basicFile, keyFile } = files;
  if (tokenFile === undefined && basicFile === undefined && keyFile === undefined) return undefined;
  const warnings: string[] = [];
  const load = <T>(what: string, path: string | undefined, parse: (text: string) => T) =>
    path === undefined ? undefined : loadFile(what, path, parse, warnings);
  return {
    tokens: load("token file", tokenFile, (text) => new Tokens(text)),
    passwords: load("password file", basicFile, (text) => new Passwords(text)),
    keys: load("key file", keyFile, parseKeys),
    warnings,
  };
}

/** Reads the keys that links are signed with. Throws as above. */
export function loadKeys(path: string, warnings: string[]): Keys {
  return loadFile("key file", path, parseKeys, warnings);
}

function loadFile<T>(
  what: string,
  path: string,
  parse: (text: string) => T,
  warnings: string[],
): T {
  const text = readOperatorFile(path);
  if (isReadByAll(path)) warnings.push(`Every user of this machine can read ${what} "${path}"`);
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    throw new Error(`Cannot use ${what} "${path}": ${error.message}`, { cause: error });
  }
}

/**
 * The gate for the files that are named; undefined when none is. `prepare` reads them again,
 * perhaps under other names, and returns what puts them in force; both throw an error with
 * one line for the operator. `log` takes what may be wrong with the files.
 */
export function gateOf(
  files: AccessFiles,
  options: GateOptions & { readonly log: (line: string) => void },
) {
  const load = (named: AccessFiles) => {
    const ways = loadWays(named);
    for (const warning of ways?.warnings ?? []) options.log(warning);
    return ways;
  };
  const first = load(files);
  const gate = first && new Gate(first, options);
  function prepare(named: AccessFiles): () => void {
    const ways = load(named);
    if ((ways === undefined) !== (gate === undefined)) {
      throw new Error("Whether anyone may read can't change without a restart");
    }
    return () => ways && gate?.replace(ways);
  }
  return { gate, prepare };
}

export interface GateOptions extends Pick<RulesOptions, "prefix" | "aboutOf"> {
  /** Undefined: this process's own. */
  readonly begun?: Begun;
}

export class Gate {
  readonly #options: GateOptions & { readonly begun: Begun };
  #rules: Rules;

  constructor(ways: Ways, options: GateOptions) {
    this.#options = { ...options, begun: options.begun ?? new BegunTable() };
    this.#rules = this.#rulesOf(ways);
  }

  /** The rules for requests from now on. */
  replace(ways: Ways): void {
    this.#rules = this.#rulesOf(ways);
  }

  get begun(): Begun {
    return this.#options.begun;
  }

  judge(facts: Facts): Verdict | Promise<Verdict> {
    return this.#rules.judge(facts);
  }

  /** `url` as `terms` have it: signed, or as it is when they are undefined or there is no key. */
  signUrl(url: string, terms: Terms | undefined): string {
    const { keys } = this.#rules;
    return keys === undefined || terms === undefined ? url : signUrl(keys, url, terms);
  }

  /** The announce URL for a swarm (20 bytes), likewise. */
  signAnnounce(url: string, infoHash: Uint8Array, terms: Terms | undefined): string {
    const { keys } = this.#rules;
    return keys === undefined || terms === undefined
      ? url
      : signAnnounce(keys, url, infoHash, terms);
  }

  /** Whether the query of an announce or scrape has a key for this swarm. `now`: milliseconds since 1970. */
  admitsPeer(query: string, infoHash: Uint8Array, client: string, now: number): boolean {
    const { keys } = this.#rules;
    const sent = keys && readLink(query);
    if (keys === undefined || sent === undefined) return false;
    if (!isForSwarm(keys, sent, infoHash, clientName(client) ?? "")) return false;
    const use = { link: sent.mac, client: clientNetwork(client), expires: sent.expires };
    // Announces are answered by the process that has the table.
    if (now >= sent.expires * 1000) return this.begun.goesOn(use, now) === true;
    this.begun.note(use, now);
    return true;
  }

  #rulesOf({ tokens, passwords, keys }: Ways): Rules {
    return new Rules({ tokens, passwords, keys, ...this.#options });
  }
}

/** Makes the answers to a request that is admitted, and to one that isn't. */
export interface Answering {
  readonly answer: (pass: Pass | undefined) => Response | Promise<Response>;
  readonly refuse: (plan: Plan) => Response;
}

/** Answers a request, if it may be answered. Rejects as `answer` does. */
export function answerAdmitted(
  gate: Gate,
  facts: Facts,
  answering: Answering,
): Response | Promise<Response> {
  const verdict = gate.judge(facts);
  return verdict instanceof Promise
    ? verdict.then((known) => obey(known, answering))
    : obey(verdict, answering);
}

function obey(verdict: Verdict, { answer, refuse }: Answering): Response | Promise<Response> {
  if (verdict.kind === "refused") return refuse(verdict.plan);
  if (verdict.kind === "open") return answer(undefined);
  const { cookie } = verdict.pass;
  const finish = (response: Response) => keepPrivate(response, cookie);
  const response = answer(verdict.pass);
  return response instanceof Promise ? response.then(finish) : finish(response);
}

/** RFC 9111 §5.2.2.7: caches that several users share keep nothing that only some may read. */
function keepPrivate(response: Response, cookie: string | undefined): Response {
  const { headers } = response;
  const policy = headers.get("cache-control");
  if (policy !== "private") {
    headers.set("cache-control", policy === null ? "private" : `private, ${policy}`);
  }
  if (cookie !== undefined) headers.append("set-cookie", cookie);
  return response;
}

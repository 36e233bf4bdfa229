/**
 * Who may read: bearer tokens, passwords and signed links, each way enough by itself. From
 * the facts of a request to what becomes of it: admitted, challenged or refused.
 *
 * | URL                                          | who                                              |
 * | -------------------------------------------- | ------------------------------------------------ |
 * | below the prefix                             | a token, a password or a link                    |
 * | a document about a file                      | also a link to the file, unless a file is there  |
 * | `/-/announce`, `/-/scrape`                   | anyone gets here: the tracker looks for a key    |
 * | `/-/healthy`, `/-/ready`, `/-/NAME.HASH.css` | anyone                                           |
 * | other URLs below `/-/`                       | as below the prefix, and clients on this machine |
 * | all others lead nowhere                      | anyone                                           |
 */

import { isOnThisMachine } from "../http/forwarded.ts";
import type { Plan } from "../http/plan.ts";
import { parseTarget } from "../http/target.ts";
import { clientNetwork } from "../os/client-network.ts";
import { BUSY, challenge, REFUSED, TOO_MANY } from "./answers.ts";
import { judgeLinks, type LinkOptions } from "./by-link.ts";
import { type Credentials, readCredentials } from "./credentials.ts";
import type { Keys } from "./keys.ts";
import type { PasswordOutcome, Passwords } from "./passwords.ts";
import type { Tokens } from "./tokens.ts";
import type { Admitted, Facts, Verdict } from "./verdict.ts";

/** What is configured; at least one of the three ways. */
export interface Ways {
  readonly tokens: Tokens | undefined;
  readonly passwords: Passwords | undefined;
  readonly keys: Keys | undefined;
}

export interface RulesOptions extends Ways, LinkOptions {
  /** Of files; begins and ends with a slash. */
  readonly prefix: string;
}

/** Who guards a URL. */
type Guard = "files" | "service" | "tracker" | "nobody";

const OPEN: Verdict = { kind: "open" };
/** Who has no credentials may have a key, which the tracker looks for. */
const TRACKER: Verdict = {
  kind: "admitted",
  pass: { name: "", hasCredentials: false, terms: undefined, query: "", reach: "documents" },
};
/** Seconds that links live in a document that was asked for with a token or password, and what they are rounded up to. */
const LINKS_LIVE = 24 * 3600;
const ROUNDED = 3600;

export class Rules {
  readonly #options: RulesOptions;
  /** Names of the prefix. */
  readonly #names: readonly string[];
  readonly #refused: Verdict;

  constructor(options: RulesOptions) {
    this.#options = options;
    this.#names = options.prefix.split("/").filter((name) => name !== "");
    this.#refused = { kind: "refused", plan: this.#refusal(false) };
  }

  get keys(): Keys | undefined {
    return this.#options.keys;
  }

  /** Never rejects. A promise only where a password is computed or a link has expired. */
  judge(facts: Facts): Verdict | Promise<Verdict> {
    const { keys } = this.#options;
    const target = parseTarget(facts.url, "/");
    if (target.kind !== "path") return OPEN;
    const guard = this.#guardOf(target.segments);
    if (guard === "nobody") return OPEN;
    if (guard === "service" && isOnThisMachine(facts)) return OPEN;
    const linked = keys && judgeLinks(keys, this.#options, target, facts);
    const otherwise = (judged: Admitted | undefined) => {
      if (judged !== undefined && judged.pass.reach !== "documents") return judged;
      return this.#judgeCredentials(facts, guard === "tracker" ? TRACKER : judged);
    };
    return linked instanceof Promise ? linked.then(otherwise) : otherwise(linked);
  }

  #guardOf(segments: readonly string[]): Guard {
    const [first, name, ...others] = segments;
    const isOwn = first === "-" && name !== undefined && others.length === 0;
    const own = isOwn ? guardOfOwn(name) : undefined;
    if (own !== undefined) return own;
    // A document about the root stands beside the prefix.
    const about = this.#options.aboutOf(segments) ?? segments;
    if (this.#isBelow(segments) || this.#isBelow(about)) return "files";
    return first === "-" ? "service" : "nobody";
  }

  #isBelow(segments: readonly string[]): boolean {
    return this.#names.every((name, at) => name === segments[at]);
  }

  /** `otherwise`: what becomes of a request without credentials that are right; undefined: it is refused. */
  #judgeCredentials(facts: Facts, otherwise: Verdict | undefined): Verdict | Promise<Verdict> {
    const field = facts.fields.get("authorization");
    const sent = field === null ? undefined : readCredentials(field);
    if (sent === undefined) return otherwise ?? this.#refused;
    const orElse = (judged: Verdict) =>
      judged.kind === "refused" ? (otherwise ?? judged) : judged;
    const verdict = this.#judgeSent(sent, facts);
    return verdict instanceof Promise ? verdict.then(orElse) : orElse(verdict);
  }

  #judgeSent(sent: Credentials, { client, now }: Facts): Verdict | Promise<Verdict> {
    const { tokens, passwords, keys } = this.#options;
    if (sent.kind === "bearer") {
      const name = tokens?.nameOf(sent.token);
      if (name !== undefined) return admit(name, keys, now);
      return { kind: "refused", plan: this.#refusal(true) };
    }
    if (passwords === undefined) return this.#refused;
    const verdictOf = (outcome: PasswordOutcome): Verdict => {
      if (outcome === "right") return admit(sent.user, keys, now);
      if (outcome === "wrong") return this.#refused;
      return { kind: "refused", plan: outcome === "busy" ? BUSY : TOO_MANY };
    };
    const outcome = passwords.check(sent.user, sent.password, clientNetwork(client));
    return outcome instanceof Promise ? outcome.then(verdictOf) : verdictOf(outcome);
  }

  #refusal(isInvalidToken: boolean): Plan {
    const { tokens, passwords } = this.#options;
    const ways = { basic: passwords !== undefined, bearer: tokens !== undefined, isInvalidToken };
    return ways.basic || ways.bearer ? challenge(ways) : REFUSED;
  }
}

/** Style and script of pages: they are the same everywhere. */
const ASSET = /^[a-z]+\.[0-9a-f]{12}\.(?:css|js)$/;
/** They tell of files and of clients. */
const SERVICES = ["metrics", "live", "status.json", "events"];

/** Of a URL of the program's own, `/-/NAME`; undefined: not known to be one. */
function guardOfOwn(name: string): Guard | undefined {
  if (name === "healthy" || name === "ready" || ASSET.test(name)) return "nobody";
  if (name === "announce" || name === "scrape") return "tracker";
  return SERVICES.includes(name) ? "service" : undefined;
}

/** By a token or a password. */
function admit(name: string, keys: Keys | undefined, now: number): Verdict {
  const expires = Math.ceil((now / 1000 + LINKS_LIVE) / ROUNDED) * ROUNDED;
  const terms = keys && { expires };
  return {
    kind: "admitted",
    pass: { name, hasCredentials: true, terms, query: "", reach: "all" },
  };
}

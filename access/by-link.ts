/**
 * Whether a request is admitted by a signed link: one in its URL, or one that an earlier
 * answer put into a cookie. A link to a folder is put there with the folder's pages, so that
 * what they refer to is admitted, too: a browser sends it for all below that folder.
 */

import type { Pass, SignedWindow } from "../http/pass.ts";
import type { PathTarget } from "../http/target.ts";
import { clientNetwork } from "../os/client-network.ts";
import { parseRange } from "../range.ts";
import type { Begun } from "./begun.ts";
import type { Keys } from "./keys.ts";
import { clientName, isForPlace, readLink, type SentLink } from "./link.ts";
import type { Admitted, Facts } from "./verdict.ts";

export interface LinkOptions {
  readonly begun: Begun;
  /** The file that a path would be a document about. */
  readonly aboutOf: (segments: readonly string[]) => readonly string[] | undefined;
}

/** What a signature for GET admits. Everything else is no reading. */
const METHODS = ["GET", "HEAD", "OPTIONS"];

/** Undefined: there is no link, or none is for this request. A promise only where one has expired. */
export function judgeLinks(
  keys: Keys,
  options: LinkOptions,
  target: PathTarget,
  facts: Facts,
): Admitted | undefined | Promise<Admitted | undefined> {
  if (!METHODS.includes(facts.method)) return undefined;
  const inUrl = readLink(target.query);
  const links = inUrl === undefined ? readCookies(facts.fields.get("cookie")) : [inUrl];
  for (const sent of links) {
    const admitted = judge(keys, options, target, facts, sent, inUrl !== undefined);
    if (admitted !== undefined) return admitted;
  }
  return undefined;
}

const COOKIE = "rangesrv-link";
/** Characters of a Cookie field, and links in it that are looked at: one for each folder above. */
const LONGEST_COOKIES = 4096;
const MOST_COOKIES = 4;

function readCookies(field: string | null): readonly SentLink[] {
  if (field === null || field.length > LONGEST_COOKIES) return NONE;
  const mark = `${COOKIE}=`;
  return field
    .split(/; */)
    .filter((cookie) => cookie.startsWith(mark))
    .slice(0, MOST_COOKIES)
    .flatMap((cookie) => readLink(cookie.slice(mark.length)) ?? []);
}

const NONE: readonly SentLink[] = [];

function judge(
  keys: Keys,
  { begun, aboutOf }: LinkOptions,
  target: PathTarget,
  facts: Facts,
  sent: SentLink,
  isInUrl: boolean,
): Admitted | undefined | Promise<Admitted | undefined> {
  const { client, now } = facts;
  const name = clientName(client) ?? "";
  const about = target.trailingSlash ? undefined : aboutOf(target.segments);
  const reach = reachOf(keys, sent, target, about, name);
  if (reach === undefined) return undefined;
  if (sent.window !== undefined && !isWithin(sent.window, facts)) return undefined;
  const cookie = isInUrl ? cookieOf(sent, target, facts.url) : undefined;
  const admitted = admit(sent, name, reach, isInUrl, cookie);
  const use = { link: sent.mac, client: clientNetwork(client), expires: sent.expires };
  if (now < sent.expires * 1000) {
    begun.note(use, now);
    return admitted;
  }
  const goesOn = begun.goesOn(use, now);
  if (goesOn instanceof Promise) return goesOn.then((may) => (may ? admitted : undefined));
  return goesOn ? admitted : undefined;
}

/** What a link reaches at a URL; undefined: nothing. */
function reachOf(
  keys: Keys,
  sent: SentLink,
  target: PathTarget,
  about: readonly string[] | undefined,
  name: string,
): Pass["reach"] | undefined {
  // Listings and documents are sent whole.
  if (isForPlace(keys, sent, target, name)) return sent.window === undefined ? "all" : "file";
  if (about === undefined || sent.window !== undefined) return undefined;
  const subject = { segments: about, trailingSlash: false };
  return isForPlace(keys, sent, subject, name) ? "documents" : undefined;
}

function admit(
  { expires, isForClient, window, query }: SentLink,
  name: string,
  reach: Pass["reach"],
  isInUrl: boolean,
  cookie: string | undefined,
): Admitted {
  const client = isForClient ? name : undefined;
  const pass = {
    name: "",
    hasCredentials: false,
    terms: window === undefined ? { expires, client } : undefined,
    query: window === undefined && isInUrl ? query : "",
    reach,
    cookie,
  };
  return { kind: "admitted", pass };
}

/**
 * Whether a request for a file stays within the window that its link is signed for: one
 * closed range, or HEAD. Whatever may be answered by more bytes is refused.
 */
function isWithin(window: SignedWindow, { method, fields }: Facts): boolean {
  if (method !== "GET") return true;
  const range = fields.get("range");
  if (range === null || fields.get("if-range") !== null) return false;
  const parsed = parseRange(range);
  if (parsed.kind !== "ranges" || parsed.specs.length !== 1) return false;
  const [spec] = parsed.specs;
  if (spec?.kind !== "first-last") return false;
  return spec.first >= window.first && spec.last <= window.last;
}

/** Names in a URL as browsers send them, and none that would end an attribute. */
const PLAIN_PATH = /^[A-Za-z0-9/._~%!$&'()*+,:@=-]+$/;

/** With a page of the folder that a link is for: the link, for all below that folder. */
function cookieOf(sent: SentLink, target: PathTarget, url: string): string | undefined {
  const { scope, query } = sent;
  if (scope.kind !== "below" || !target.trailingSlash || !URL.canParse(url)) return undefined;
  const { pathname, protocol } = new URL(url);
  // Spelled as in this request: browsers compare letters.
  const names = pathname.split("/").filter((name) => name !== "");
  const above = names.slice(0, scope.depth).map((name) => `${name}/`);
  const path = `/${above.join("")}`;
  if (!PLAIN_PATH.test(path) || !pathname.startsWith(path)) return undefined;
  const secure = protocol === "https:" ? "; Secure" : "";
  return `${COOKIE}=${query.slice(1)}; Path=${path}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * The swarm's part in answering a request: documents about files and folders, the tracker,
 * and the Digest and Link fields of a file's answer. The facts come from the {@link SwarmDesk}.
 */

import type { Gate } from "../access/gate.ts";
import { OpenFileDigests } from "../digests/open-file-digests.ts";
import type { Root } from "../files/locate.ts";
import type { Found, OpenFile } from "../files/open-file.ts";
import { segmentsBelow } from "../files/shared-content.ts";
import { baseUrl } from "../http/base-url.ts";
import type { Fields } from "../http/conditional.ts";
import {
  asksForDigests,
  contentDigest,
  fileDigestFields,
  readWantedDigests,
} from "../http/digest.ts";
import { wantsMetalink } from "../http/negotiate.ts";
import type { Pass } from "../http/pass.ts";
import { NOT_FOUND, type Plan, planMethod, refuse, windowOf } from "../http/plan.ts";
import { formatPath, type Target } from "../http/target.ts";
import { type AskedBy, documentAt, type DocumentTarget } from "./documents/document.ts";
import { linkField, signedLinkField } from "./documents/link.ts";
import { planDocument, planPending, planRefused } from "./documents/plan-document.ts";
import type { SwarmDesk } from "./origin.ts";
import { parseTrackerUrl } from "./tracker/route.ts";

/** A request and its client. */
export interface ClientRequest {
  readonly request: Pick<Request, "method" | "url"> & { readonly headers: Fields };
  /** Address of the client; empty when it is gone. */
  readonly client: string;
  /** How it was admitted; undefined where anyone is. */
  readonly pass?: Pass | undefined;
  /** Whether that may be the address of a proxy, and not its client's. */
  readonly isOfProxy: boolean;
  /** The client's scheme, where a trusted proxy told it. */
  readonly scheme: "http" | "https" | undefined;
}

export interface SwarmAnswersOptions {
  readonly desk: SwarmDesk;
  readonly root: Root;
  /** URL of this server without a path; undefined: the one that the client used. */
  readonly url: string | undefined;
  /** The same files elsewhere: URLs that end in a slash. */
  readonly mirrors: readonly string[];
  /** Whether a client that accepts Metalinks gets one in place of a file (`--negotiate`). */
  readonly negotiate: boolean;
  /** Who may read; undefined: anyone. */
  readonly gate?: Gate | undefined;
}

export class SwarmAnswers {
  readonly #options: SwarmAnswersOptions;
  readonly #digests: OpenFileDigests;
  /** For every answer with a file whose Metalink could have been the answer. */
  readonly #vary: Plan["fields"];
  /** What was added last to the fields of 200 and 206. */
  readonly #whole = new WeakMap<Plan["fields"], Described>();
  readonly #part = new WeakMap<Plan["fields"], Described>();

  constructor(options: SwarmAnswersOptions) {
    this.#options = options;
    this.#vary = options.negotiate ? { vary: "Accept" } : {};
    this.#digests = new OpenFileDigests(options.desk);
  }

  /** The answer where no file is: a document's or the tracker's. Undefined for any other URL. */
  documentOrTracker(target: Target, asking: ClientRequest): Promise<Plan> | undefined {
    const document = documentAt(target);
    if (document !== undefined) return this.#document(document, asking, "name");
    return this.#track(asking);
  }

  /**
   * The Metalink in place of a file, for a client that names this type in Accept and has
   * nothing of the file yet, once the digests are known. Undefined: send the file.
   */
  metalinkInstead(found: Found, asking: ClientRequest, now: number): Promise<Plan> | undefined {
    if (!this.#options.negotiate) return undefined;
    const { method, headers } = asking.request;
    if (!wantsMetalink(headers.get("accept"))) return undefined;
    if (method !== "GET" && method !== "HEAD") return undefined;
    if (ABOUT_THE_FILE.some((name) => headers.get(name) !== null)) return undefined;
    found.look();
    const { file } = found;
    const segments = segmentsBelow(this.#options.root, file.path);
    if (segments === undefined || this.#digests.of(file, false, now) === undefined)
      return undefined;
    return this.#document({ kind: "meta4", segments }, asking, "accept");
  }

  /** Adds the fields for digests and documents of `file` to the plan of its answer. */
  addFields(
    decided: Plan,
    file: OpenFile,
    { method, headers }: Pick<ClientRequest["request"], "method" | "headers">,
    now: number,
    pass?: Pass,
  ): Plan {
    const { status, fields, own, content } = decided;
    if (status === 304) return { status, fields: { ...fields, ...this.#vary }, content };
    if (status !== 200 && status !== 206) return decided;
    const wanted = readWantedDigests(headers);
    const digests = this.#digests.of(file, asksForDigests(wanted, headers), now);
    const known = digests && fileDigestFields(digests, wanted);
    const isLinked = pass !== undefined && pass.query !== "";
    const link = status === 200 && !isLinked ? this.#linkOf(file, now) : undefined;
    const described = this.#add(status === 200 ? this.#whole : this.#part, fields, known, link);
    const window = method === "GET" ? windowOf(content) : undefined;
    const digest = digests && contentDigest(digests, window, wanted);
    const signed = status === 200 && isLinked ? this.#signedLinkOf(file, now, pass) : undefined;
    if (digest === undefined && pass === undefined) {
      return { status, fields: described, ...(own && { own }), content };
    }
    const more = {
      ...own,
      ...(digest && { "content-digest": digest }),
      ...(signed && { link: signed }),
      // It isn't for caches that several users share (RFC 9111 §5.2.2.7).
      ...(pass && { "cache-control": "private" }),
    };
    return { status, fields: described, own: more, content };
  }

  #linkOf(file: OpenFile, now: number): string | undefined {
    return linkField(file.representAt(now), () => this.#duplicatesOf(file));
  }

  /** That of one reader. */
  #signedLinkOf(file: OpenFile, now: number, { query, terms }: Pass): string | undefined {
    const { gate } = this.#options;
    const duplicates = this.#duplicatesOf(file).map((url) => gate?.signUrl(url, terms) ?? url);
    return signedLinkField(file.representAt(now), duplicates, query);
  }

  /** URLs on mirrors. */
  #duplicatesOf(file: OpenFile): readonly string[] {
    const { root, mirrors } = this.#options;
    const segments = segmentsBelow(root, file.path) ?? [];
    return mirrors.map((mirror) => formatPath(mirror, segments, false));
  }

  /** Fields with what is known besides: the same object as before when it is the same. */
  #add(
    before: WeakMap<Plan["fields"], Described>,
    fields: Plan["fields"],
    known: Plan["fields"] | undefined,
    link: string | undefined,
  ): Plan["fields"] {
    const described = before.get(fields);
    if (described !== undefined && described.known === known && described.link === link) {
      return described.all;
    }
    const linked = link === undefined ? undefined : { link };
    const all = { ...fields, ...this.#vary, ...known, ...linked };
    before.set(fields, { known, link, all });
    return all;
  }

  async #document(
    target: DocumentTarget,
    { request, client, scheme, pass }: ClientRequest,
    askedBy: AskedBy,
  ): Promise<Plan> {
    const { url, headers, method } = request;
    const refused = planMethod(method);
    if (refused !== undefined) return refused;
    const base = baseUrl({ url, host: headers.get("host"), scheme }, this.#options.url);
    const hasUrls = target.kind !== "sha256" && target.kind !== "sha256sums";
    if (base === undefined && hasUrls) return NO_HOST;
    const { desk } = this.#options;
    const outcome = await desk.document(target, askedBy, base ?? "", client, pass?.terms);
    const about = "document";
    switch (outcome.kind) {
      case "document":
        return { ...planDocument(outcome.document, headers), about };
      case "pending":
        return { ...planPending(outcome.percent / 100, outcome.retryAfter), about };
      case "refused":
        return { ...planRefused(outcome), about };
      case "absent":
        return NOT_FOUND;
    }
  }

  #track(asking: ClientRequest): Promise<Plan> | undefined {
    const { request, client, pass } = asking;
    const parsed = parseTrackerUrl(request.url, client);
    if (parsed === undefined) return undefined;
    const refused = planMethod(request.method);
    if (refused !== undefined) return Promise.resolve(refused);
    const field = request.headers.get("host") ?? "";
    const host = field.length <= LONGEST_ADDRESS ? field : undefined;
    const hasCredentials = pass?.hasCredentials === true;
    const query = { ...parsed, forwarded: asking.isOfProxy, hasCredentials };
    return this.#options.desk.track(query, host).then((bytes) => ({
      status: 200,
      // It depends on the client's address and on its Host.
      fields: { "content-type": "text/plain", "cache-control": "no-store" },
      content: { kind: "bytes", bytes: new Uint8Array(bytes) },
      about: "tracker",
    }));
  }
}

/** Fields, and what they were made of besides those of the plan. */
interface Described {
  readonly known: Plan["fields"] | undefined;
  readonly link: string | undefined;
  readonly all: Plan["fields"];
}

/** Characters of the longest Host field that is a numeric address; the tracker uses no other. */
const LONGEST_ADDRESS = 64;

/** For a document with URLs of this server, when the request has no Host. */
const NO_HOST = refuse(400, "This document has URLs of this server: send a Host field");

/** A client that sends one of these has some of the file already, or knows of it. */
const ABOUT_THE_FILE = [
  "range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
];

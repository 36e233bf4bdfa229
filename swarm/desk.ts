/** The desk of a worker: it passes every question on to the supervisor's. */

import { fileJob } from "../digests/job.ts";
import { DigestMemory } from "../digests/memory.ts";
import type { Need } from "../digests/open-file-digests.ts";
import type { Identity } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import type { Terms } from "../http/pass.ts";
import type { Answers, Asker } from "../os/line.ts";
import type { AskedBy, DocumentTarget } from "./documents/document.ts";
import type { DocumentOutcome, SwarmDesk } from "./origin.ts";
import type { TrackerRequest } from "./tracker/route.ts";

/** The questions of a worker and their answers. */
export type DeskTopics = {
  readonly digests: {
    readonly question: { readonly file: Identity; readonly need: Need };
    readonly answer: Digests | undefined;
  };
  readonly document: {
    readonly question: {
      readonly target: DocumentTarget;
      readonly askedBy: AskedBy;
      readonly base: string;
      readonly client: string;
      readonly terms: Terms | undefined;
    };
    readonly answer: DocumentOutcome;
  };
  readonly track: {
    readonly question: { readonly request: TrackerRequest; readonly host: string | undefined };
    readonly answer: Uint8Array;
  };
};

/** Milliseconds that a worker waits for an answer. The supervisor doesn't wait for hashing. */
const LIMIT = 10_000;

/** Bytes of digests in a worker's memory: its supervisor is asked once for a file, not for every request. */
const MEMORY = 16 * 1024 * 1024;

export class RemoteDesk implements SwarmDesk {
  readonly #line: Asker<DeskTopics>;
  readonly #memory = new DigestMemory(MEMORY);

  constructor(line: Asker<DeskTopics>) {
    this.#line = line;
  }

  knownDigests(file: Identity): Digests | undefined {
    return this.#memory.findFile(file);
  }

  async digestsOf(file: Identity, need: Need): Promise<Digests | undefined> {
    const digests = await this.#line.ask("digests", { file, need }, { limit: LIMIT });
    if (digests !== undefined) this.#memory.keep(fileJob(file), { kind: "file", digests });
    return digests;
  }

  document(
    target: DocumentTarget,
    askedBy: AskedBy,
    base: string,
    client: string,
    terms?: Terms,
  ): Promise<DocumentOutcome> {
    const question = { target, askedBy, base, client, terms };
    return this.#line.ask("document", question, { limit: LIMIT });
  }

  track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array> {
    return this.#line.ask("track", { request, host }, { limit: LIMIT });
  }
}

/** The supervisor's end. */
export function deskAnswers(desk: SwarmDesk): Answers<DeskTopics> {
  return {
    digests: ({ file, need }) => desk.digestsOf(file, need),
    document: ({ target, askedBy, base, client, terms }) =>
      desk.document(target, askedBy, base, client, terms),
    track: ({ request, host }) => desk.track(request, host),
  };
}

/** The swarm as a worker knows it: its supervisor's, at the other end of the line. */

import type { Need } from "../digests/open-file-digests.ts";
import type { Identity } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import type { Answers, Asker } from "../os/line.ts";
import type { Asked, DocumentTarget } from "./documents/document.ts";
import type { DocumentOutcome, SwarmDesk } from "./origin.ts";
import type { TrackerRequest } from "./tracker/route.ts";

/** What a worker asks its supervisor. */
export type DeskTopics = {
  readonly digests: {
    readonly question: { readonly file: Identity; readonly need: Need };
    readonly answer: Digests | undefined;
  };
  readonly document: {
    readonly question: {
      readonly target: DocumentTarget;
      readonly asked: Asked;
      readonly base: string;
      readonly client: string;
    };
    readonly answer: DocumentOutcome;
  };
  readonly track: {
    readonly question: { readonly request: TrackerRequest; readonly host: string | undefined };
    readonly answer: Uint8Array;
  };
};

/** Milliseconds that a worker waits for its supervisor, which hashes nothing itself. */
const LIMIT = 10_000;

export class RemoteDesk implements SwarmDesk {
  readonly #line: Asker<DeskTopics>;

  constructor(line: Asker<DeskTopics>) {
    this.#line = line;
  }

  digestsOf(file: Identity, need: Need): Promise<Digests | undefined> {
    return this.#line.ask("digests", { file, need }, { limit: LIMIT });
  }

  document(
    target: DocumentTarget,
    asked: Asked,
    base: string,
    client: string,
  ): Promise<DocumentOutcome> {
    return this.#line.ask("document", { target, asked, base, client }, { limit: LIMIT });
  }

  track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array> {
    return this.#line.ask("track", { request, host }, { limit: LIMIT });
  }
}

/** Answers what workers ask. */
export function deskAnswers(desk: SwarmDesk): Answers<DeskTopics> {
  return {
    digests: ({ file, need }) => desk.digestsOf(file, need),
    document: ({ target, asked, base, client }) => desk.document(target, asked, base, client),
    track: ({ request, host }) => desk.track(request, host),
  };
}

/** The swarm as a worker knows it: its supervisor's, at the other end of the line. */
import type { FileFacts } from "../files/identity.ts";
import type { Digests } from "../http/digest.ts";
import type { Line } from "../os/line.ts";
import type { Asked, DocumentTarget } from "./documents/document.ts";
import type { DocumentOutcome, SwarmDesk } from "./origin.ts";
import type { TrackerRequest } from "./tracker/route.ts";

/** What a worker asks. */
export type Question =
  | { readonly kind: "digests"; readonly file: FileFacts }
  | {
      readonly kind: "document";
      readonly target: DocumentTarget;
      readonly asked: Asked;
      readonly base: string;
    }
  | {
      readonly kind: "track";
      readonly request: TrackerRequest;
      readonly host: string | undefined;
    };

/** What it is told, in the same order. */
export type Answer =
  | { readonly kind: "digests"; readonly digests: Digests | undefined }
  | { readonly kind: "document"; readonly outcome: DocumentOutcome }
  | { readonly kind: "track"; readonly bytes: Uint8Array };

export class RemoteDesk implements SwarmDesk {
  constructor(readonly line: Line<Question, Answer>) {}

  async digestsOf({
    path,
    device,
    inode,
    size,
    modified,
  }: FileFacts): Promise<Digests | undefined> {
    // An open file is more than can be sent.
    const file = { path, device, inode, size, modified };
    const answer = await this.line.ask({ kind: "digests", file });
    return answer.kind === "digests" ? answer.digests : mixedUp();
  }

  async document(target: DocumentTarget, asked: Asked, base: string): Promise<DocumentOutcome> {
    const answer = await this.line.ask({ kind: "document", target, asked, base });
    return answer.kind === "document" ? answer.outcome : mixedUp();
  }

  async track(request: TrackerRequest, host: string | undefined): Promise<Uint8Array> {
    const answer = await this.line.ask({ kind: "track", request, host });
    return answer.kind === "track" ? answer.bytes : mixedUp();
  }
}

/** Answers a worker's question. */
export async function answerAtDesk(desk: SwarmDesk, question: Question): Promise<Answer> {
  switch (question.kind) {
    case "digests":
      return { kind: "digests", digests: await desk.digestsOf(question.file) };
    case "document": {
      const { target, asked, base } = question;
      return { kind: "document", outcome: await desk.document(target, asked, base) };
    }
    case "track":
      return { kind: "track", bytes: await desk.track(question.request, question.host) };
  }
}

function mixedUp(): never {
  throw new Error("an answer to another question");
}

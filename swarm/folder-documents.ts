/**
 * Makes the texts about folders (documents/folder.ts): one at a time, in short turns
 * between requests, and once for all clients that ask with the same URL.
 */

import { MOST_FILES } from "../digests/piece-length.ts";
import { Turn } from "../files/turns.ts";
import type { Refused } from "./bittorrent/torrent.ts";
import type { Catalogue, FilesOrNone, NoSubject } from "./catalogue.ts";
import { type AskedBy, type MadeDocument, packDocument } from "./documents/document.ts";
import {
  type FolderDocumentKind,
  type FolderSubject,
  type FolderUrls,
  formatChecksums,
  formatFolderMetalink,
  formatUrlList,
  LONGEST_TEXT,
  refuseText,
  TOO_LONG,
} from "./documents/folder.ts";
import type { NamedJob } from "./named-job.ts";

/** What a document is made of, and for whom. */
export interface FolderRequest {
  readonly kind: FolderDocumentKind;
  readonly askedBy: AskedBy;
  readonly named: NamedJob;
  readonly urls: FolderUrls;
  /** The one that hashing is done for. */
  readonly client: string | undefined;
}

/** A document that was made before. */
type Kept = () => MadeDocument | undefined;

/** Documents that may wait for their turn. */
const MOST_WAITING = 100;
/** Characters of text that are turned into bytes at once. */
const PIECE = 64 * 1024;

const PENDING: NoSubject = { kind: "pending", percent: 0, retryAfter: 1 };

export class FolderDocuments {
  readonly #catalogue: Catalogue;
  /** The last name of the prefix: that of the root. */
  readonly #rootName: string;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(catalogue: Catalogue, prefix: string) {
    this.#catalogue = catalogue;
    this.#rootName = prefix.split("/").at(-2) ?? "";
  }

  /** Makes a document, or finds by `kept` that another request had it made meanwhile. */
  async make(request: FolderRequest, kept: Kept): Promise<MadeDocument | NoSubject> {
    const folder = subjectOf(request.named, this.#rootName);
    const refused = refuseText(request.kind, folder, MOST_FILES);
    if (refused !== undefined) return refused;
    const digests = await this.#digestsFor(request);
    if (digests.kind !== "files") return digests;
    if (this.#waiting >= MOST_WAITING) return PENDING;
    this.#waiting += 1;
    const made = this.#last.then(async () => kept() ?? (await write(request, folder, digests)));
    const ended = () => void (this.#waiting -= 1);
    this.#last = made.then(ended, ended);
    return await made;
  }

  async #digestsFor({ kind, named, client }: FolderRequest): Promise<FilesOrNone> {
    if (kind === "txt") return NO_DIGESTS;
    return await this.#catalogue.digestsOfFiles(named, client);
  }
}

type Files = Extract<FilesOrNone, { kind: "files" }>;

/** A list of URLs needs none. */
const NO_DIGESTS: Files = { kind: "files", files: [] };

function subjectOf({ job, segments, names }: NamedJob, rootName: string): FolderSubject {
  const files = job.files.map(({ size }, n) => ({ path: names[n] ?? [], length: size }));
  return { segments, name: segments.at(-1) ?? rootName, files };
}

async function write(
  { kind, urls, askedBy }: FolderRequest,
  folder: FolderSubject,
  digests: Files,
): Promise<MadeDocument> {
  const bytes = await bytesOf(textsOf(kind, folder, digests, urls));
  if (!(bytes instanceof Uint8Array)) return bytes;
  return { kind: "document", document: packDocument(kind, folder.name, bytes, askedBy) };
}

function textsOf(
  kind: FolderDocumentKind,
  folder: FolderSubject,
  { files }: Files,
  urls: FolderUrls,
): Iterable<string> {
  switch (kind) {
    case "txt":
      return formatUrlList(folder, urls);
    case "sha256sums":
      return formatChecksums(folder, files);
    case "meta4":
      return formatFolderMetalink(folder, files, urls);
  }
}

/** All texts, made in turns with other work. */
async function bytesOf(texts: Iterable<string>): Promise<Uint8Array<ArrayBuffer> | Refused> {
  const pieces: Buffer<ArrayBuffer>[] = [];
  let [text, length] = ["", 0];
  const turn = new Turn();
  function flush(): void {
    const piece = Buffer.from(text);
    pieces.push(piece);
    length += piece.length;
    text = "";
  }
  for (const one of texts) {
    text += one;
    if (text.length >= PIECE) flush();
    if (length > LONGEST_TEXT) return TOO_LONG;
    if (turn.isOver) await turn.pass();
  }
  flush();
  return Buffer.concat(pieces);
}

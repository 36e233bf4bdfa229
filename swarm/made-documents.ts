/**
 * Documents by name, each made once for the versions of its files and a URL of this
 * server. When they take more than 48 MiB, those asked for least recently go.
 */

import { sourceName } from "./bittorrent/address.ts";
import type { Catalogue, NoSubject } from "./catalogue.ts";
import {
  type AskedBy,
  type DocumentTarget,
  type DocumentUrls,
  isOfFoldersAlone,
  type MadeDocument,
  makeDocument,
  refuseFolder,
} from "./documents/document.ts";
import type { FolderDocumentKind } from "./documents/folder.ts";
import { FolderDocuments } from "./folder-documents.ts";
import { JobCache } from "./job-cache.ts";
import type { NamedJob } from "./named-job.ts";

/** What a client asked for. */
export interface DocumentRequest {
  readonly target: DocumentTarget;
  readonly askedBy: AskedBy;
  /** URL of this server without a path, as the client has it. */
  readonly base: string;
  /** Address of the client. */
  readonly client: string;
  /** False: its links are those of one reader, so it is kept for no other. */
  readonly isKept: boolean;
}

/** The URLs in a document about this torrent (20 bytes), or about a file or folder without one. */
export type UrlsOf = (infoHash?: Uint8Array) => DocumentUrls;

/** A document, or why there is none, and the torrent that it is about. */
export interface Made {
  readonly kind: "made";
  readonly outcome: MadeDocument;
  readonly infoHash: Uint8Array | undefined;
}

/** Bytes of documents that are kept. */
const MOST_KEPT = 48 * 1024 * 1024;

const ABSENT: NoSubject = { kind: "absent" };

export class MadeDocuments {
  readonly #catalogue: Catalogue;
  readonly #folders: FolderDocuments;
  readonly #made = new JobCache<Made>(MOST_KEPT);

  /** `prefix`: of files; begins and ends with a slash. */
  constructor(catalogue: Catalogue, prefix: string) {
    this.#catalogue = catalogue;
    this.#folders = new FolderDocuments(catalogue, prefix);
  }

  async make(request: DocumentRequest, urls: UrlsOf): Promise<Made | NoSubject> {
    const { kind, segments } = request.target;
    const ofFile = isOfFoldersAlone(kind) ? ABSENT : undefined;
    const named = await this.#catalogue.jobAt(segments, { ofFile, ofFolder: refuseFolder(kind) });
    if ("kind" in named) return named;
    // All that a document depends on besides the versions of the files.
    const name = JSON.stringify([kind, request.askedBy, request.base, ...segments]);
    const kept = request.isKept ? this.#made.find(name, named.job) : undefined;
    if (kept !== undefined) return kept;
    const isFolder = named.job.kind === "folder";
    const made =
      isOfFoldersAlone(kind) || (kind === "meta4" && isFolder)
        ? await this.#makeOfFolder(kind, request, named, urls, name)
        : await this.#makeOfSubject(kind, request, named, urls);
    if (made.kind !== "made" || !request.isKept) return made;
    const { outcome } = made;
    const size = outcome.kind === "document" ? outcome.document.bytes.length : 0;
    this.#made.keep(name, named.job, made, size);
    return made;
  }

  async #makeOfFolder(
    kind: FolderDocumentKind,
    { askedBy, client, isKept }: DocumentRequest,
    named: NamedJob,
    urls: UrlsOf,
    name: string,
  ): Promise<Made | NoSubject> {
    const request = { kind, askedBy, named, urls: urls(), client: sourceName(client) };
    const kept = () => (isKept ? this.#made.find(name, named.job)?.outcome : undefined);
    const outcome = await this.#folders.make(request, kept);
    if (outcome.kind === "pending" || outcome.kind === "absent") return outcome;
    return { kind: "made", outcome, infoHash: undefined };
  }

  async #makeOfSubject(
    kind: Parameters<typeof makeDocument>[0],
    { askedBy, client }: DocumentRequest,
    named: NamedJob,
    urls: UrlsOf,
  ): Promise<Made | NoSubject> {
    const about = await this.#catalogue.makeSubject(named, sourceName(client));
    if (about.kind !== "subject") return about;
    const { torrent } = about.subject;
    const infoHash = torrent.kind === "torrent" ? torrent.torrent.infoHash : undefined;
    const outcome = makeDocument(kind, about.subject, urls(infoHash), askedBy);
    return { kind: "made", outcome, infoHash };
  }
}

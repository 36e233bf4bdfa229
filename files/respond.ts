/**
 * From a plan to a response: the only place where bytes of a file are read.
 *
 * | content                    | how it is sent                                         |
 * | -------------------------- | ------------------------------------------------------ |
 * | up to {@link READ_AT_ONCE} | read before the answer begins, checked, then sent       |
 * | a larger window            | `Bun.file(…).slice(…)`, which is sendfile, and watched  |
 * | larger parts               | a stream of pieces, each read when it is sent, and checked |
 * | large, and of no file      | as a larger window, of a file in memory                |
 */

import { readSync } from "node:fs";
import { NOSNIFF } from "../http/browser.ts";
import { formatHttpDate } from "../http/date.ts";
import type { Multipart } from "../http/multipart.ts";
import {
  contentLength,
  lengthByRuntime,
  type Plan,
  windowOf,
  withoutContent,
} from "../http/plan.ts";
import { isShortOfDescriptors } from "../os/descriptors.ts";
import type { Window } from "../range.ts";
import { FileChanged, OutOfDescriptors } from "./failure.ts";
import { pathOf } from "./locate.ts";
import { MemoryFiles } from "./memory-files.ts";
import type { Found, OpenFile } from "./open-file.ts";
import { isResident, readAtOnce, warm } from "./page-cache.ts";
import { streamParts } from "./parts.ts";
import { LONGEST_PAUSE, type Transfer } from "./transfer.ts";

/**
 * Bytes. Processor time of an answer, read at once against sliced, in microseconds:
 * 64 KiB 15 and 24, 128 KiB 30 and 34, 256 KiB 43 and 46 to 52, 512 KiB 70 and 73,
 * 1 MiB 150 and 63. What is read waits in this process for a slow client, so the
 * bound is set where reading last gains something.
 */
export const READ_AT_ONCE = 256 * 1024;

/**
 * Answers with what needs no file. Throws Crowded when it is large and too much of that
 * kind is being sent.
 */
export function respond(plan: Plan, transfer: Transfer): Response {
  const { request, now } = transfer;
  transfer.plan = plan;
  const { status, fields, own, content } = request.method === "HEAD" ? withoutContent(plan) : plan;
  // The runtime dates every answer but one to HEAD whose length is given.
  const date = request.method === "HEAD" ? { date: formatHttpDate(now) } : undefined;
  const headers = { ...fields, ...own, ...NOSNIFF, ...date };
  if (content.kind === "stream") return respondAsMade(content, headers, transfer);
  const bytes = bytesOf(content);
  transfer.owed = bytes?.length ?? 0;
  const large = bytes !== undefined && bytes.length > READ_AT_ONCE;
  // The runtime opens one for each reader.
  if (large && isShortOfDescriptors()) throw new OutOfDescriptors();
  const body = large ? memoryFiles.bodyOf(keyOf(plan, bytes), bytes, now) : undefined;
  if (body === undefined) return new Response(bytes ?? null, { status, headers });
  transfer.owed = lengthByRuntime(plan, bytes?.length ?? 0, transfer.fields);
  transfer.watcher.watch(transfer);
  // Without one, the runtime makes up a disposition from the path.
  return new Response(body, { status, headers: { "content-disposition": "inline", ...headers } });
}

/** HEAD isn't told the length, which nobody knows. */
function respondAsMade(
  { open }: Extract<Plan["content"], { kind: "stream" }>,
  headers: Record<string, string>,
  transfer: Transfer,
): Response {
  const { status } = transfer;
  if (transfer.method === "HEAD") return new Response(null, { status, headers });
  // Nobody would read it.
  if (transfer.request.signal.aborted) return giveUp(transfer.plan, transfer);
  transfer.beingMade = true;
  transfer.watcher.watch(transfer);
  const body = open({
    sent: (length) => void (transfer.owed += length),
    made: (how) => transfer.watcher.made(transfer, how),
  });
  return new Response(body, { status, headers });
}

/** Answers a request of which the runtime tells nothing. The plan has text for content, or none. */
export function respondUnasked({ status, fields, content }: Plan): Response {
  return new Response(bytesOf(content) ?? null, { status, headers: { ...fields, ...NOSNIFF } });
}

function bytesOf(content: Plan["content"]): Uint8Array<ArrayBuffer> | undefined {
  if (content.kind === "text") return new TextEncoder().encode(content.text);
  return content.kind === "bytes" ? content.bytes : undefined;
}

/** Stands for these bytes: the strong entity tag, where there is one. */
function keyOf({ fields }: Plan, bytes: Uint8Array): string {
  return fields["etag"] ?? new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

const memoryFiles = new MemoryFiles();

/**
 * Reads what a plan to GET sends of a file, if that is a small window in memory, and makes
 * sure that the file still is what the plan was made of. The bytes stay what they are until
 * the next call. Throws FileChanged when the file became another version.
 */
export function take({ content }: Plan, found: Found, method: string): Uint8Array | undefined {
  const window = method === "GET" ? windowOf(content) : undefined;
  const length = window === undefined ? 0 : window.end - window.start;
  if (window !== undefined && length > 0 && length <= READ_AT_ONCE) {
    // Asking whether a small window is there and reading it are the same call.
    const bytes = bufferOf(length);
    if (readAtOnce(found.file, bytes, window.start)) {
      found.confirm();
      return bytes;
    }
  }
  found.look();
  return undefined;
}

/**
 * Answers from an open file, which stays the caller's to release: at once when its bytes
 * were taken or are in memory, else when another thread has read them.
 * Throws FileChanged when the file became another version before the answer began.
 */
export function respondFromFile(
  plan: Plan,
  taken: Uint8Array | undefined,
  file: OpenFile,
  transfer: Transfer,
): Response | Promise<Response> {
  const { status, content } = plan;
  transfer.plan = plan;
  transfer.file = file;
  if (taken !== undefined) {
    transfer.owed = taken.length;
    return new Response(taken, { status, headers: headersOf(plan) });
  }
  const { request } = transfer;
  if (!isOfFile(content) || request.method === "HEAD") return respond(plan, transfer);
  const windows = windowsOf(content);
  const length = contentLength(content) ?? 0;
  // Larger parts are read as they are sent.
  const first = content.kind === "parts" && length > READ_AT_ONCE ? [] : windows;
  const cold = first.filter(({ start, end }) => end > start && !isResident(file, { start, end }));
  if (cold.length === 0) return send(plan, content, file, transfer);
  file.retain();
  return warm(file, cold, request.signal)
    .then((wanted) => (wanted ? send(plan, content, file, transfer) : giveUp(plan, transfer)))
    .finally(() => file.release());
}

/** The answer to a client that went away: the runtime sends it to nobody. */
function giveUp(plan: Plan, transfer: Transfer): Response {
  transfer.owed = contentLength(plan.content) ?? 0;
  transfer.outcome = "aborted";
  return respondUnasked(GONE);
}

const GONE: Plan = { status: 503, fields: {}, content: { kind: "none" } };

function send(plan: Plan, content: FileContent, file: OpenFile, transfer: Transfer): Response {
  const { status } = plan;
  const headers = headersOf(plan);
  const length = contentLength(content) ?? 0;
  transfer.owed = length;
  if (length <= READ_AT_ONCE) {
    const bytes = readContent(content, length, file);
    return new Response(bytes, { status, headers });
  }
  transfer.server.timeout(transfer.request, LONGEST_PAUSE);
  const body =
    content.kind === "parts"
      ? makeParts(content.multipart, file, transfer)
      : streamWindow(windowOf(content), file, transfer);
  return new Response(body, { status, headers });
}

/** Fields as the runtime has them: it copies a Headers sooner than it reads an object. */
interface Made {
  readonly headers: Headers;
  /** Those of them that are of the latest answer alone. */
  own: Plan["fields"];
}

const made = new WeakMap<Plan["fields"], Made>();

/** The fields of a plan, until the next call. Those that other answers have as well are set once. */
function headersOf({ fields, own = NO_FIELDS }: Plan): Headers {
  let known = made.get(fields);
  if (known === undefined) {
    known = { headers: new Headers(fields), own };
    made.set(fields, known);
  }
  const { headers } = known;
  for (const name in known.own) if (own[name] === undefined) headers.delete(name);
  for (const name in own) headers.set(name, own[name] ?? "");
  known.own = own;
  return headers;
}

const NO_FIELDS: Plan["fields"] = {};

/** Content that is bytes of a file. */
type FileContent = Extract<Plan["content"], { kind: "whole" | "window" | "parts" }>;

function isOfFile(content: Plan["content"]): content is FileContent {
  return content.kind === "whole" || content.kind === "window" || content.kind === "parts";
}

function windowsOf(content: FileContent): readonly Window[] {
  if (content.kind === "parts") return content.multipart.parts.map(({ window }) => window);
  return [windowOf(content)];
}

/** The runtime opens the file again by its descriptor, reads on its own and closes what it opened. */
function streamWindow({ start, end }: Window, file: OpenFile, transfer: Transfer): Blob {
  if (isShortOfDescriptors()) throw new OutOfDescriptors();
  transfer.watcher.watch(transfer, file);
  return Bun.file(pathOf(file)).slice(start, end);
}

function makeParts(
  multipart: Multipart,
  file: OpenFile,
  transfer: Transfer,
): ReadableStream<Uint8Array> {
  transfer.beingMade = true;
  transfer.watcher.watch(transfer);
  return streamParts(multipart, file, transfer.now, (how) => transfer.watcher.made(transfer, how));
}

/** Where small answers are read to. A response copies its bytes, so that the next one may use it. */
const buffer = Buffer.allocUnsafe(READ_AT_ONCE);
let latest = buffer;

/** The same object for the same length: pieces are as long as each other. */
function bufferOf(length: number): Buffer<ArrayBuffer> {
  if (latest.length !== length) latest = buffer.subarray(0, length);
  return latest;
}

/** Reads a small answer whole, so that it is one version or none. */
function readContent(content: FileContent, length: number, file: OpenFile): Uint8Array {
  const bytes = bufferOf(length);
  if (content.kind === "parts") readParts(content.multipart, file, bytes);
  else readFully(file, windowOf(content), bytes);
  checkUnchanged(file);
  return bytes;
}

function readParts({ parts, tail }: Multipart, file: OpenFile, bytes: Buffer): void {
  let length = 0;
  for (const { head, window } of parts) {
    length += bytes.write(head, length, "latin1");
    length += readFully(file, window, bytes.subarray(length));
  }
  bytes.write(tail, length, "latin1");
}

/** Reads a window into `bytes`; a file that ends before it does has changed. */
function readFully(file: OpenFile, { start, end }: Window, bytes: Uint8Array): number {
  const length = end - start;
  for (let read = 0; read < length;) {
    const count = readSync(file.descriptor, bytes, read, length - read, start + read);
    if (count === 0) throw new FileChanged();
    read += count;
  }
  return length;
}

/** What was read in one go is sent only if nothing happened to the file meanwhile; else it is read again. */
function checkUnchanged(file: OpenFile): void {
  if (!file.isUnchanged()) throw new FileChanged();
}

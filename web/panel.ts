/**
 * The panel of a file: what it is, how to take it, how to check it, and what is in it. The
 * file itself is shown by elements that run nothing of it: a picture, a film, a frame for a
 * PDF, or text. A page is shown as its text.
 */

import { encodeName } from "../http/target.ts";
import { type Command, fileCommands, folderCommands } from "./commands.ts";
import { bdi, escape, formatSize, time } from "./html.ts";
import { directoryPath, FOOT, head, type Way } from "./layout.ts";
import { qrSvg } from "./qr.ts";

/** What is known of a file. */
export interface FileFacts {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339, UTC. */
  readonly mtime: string;
  readonly entityTag: string;
  readonly mediaType: string;
  /** Kinds of the documents about it. */
  readonly documents: readonly string[];
  /** Its text as safe HTML, for Markdown. */
  readonly html: string | undefined;
}

/** `base`: URL of this server without a path; undefined when the client named none. */
export function filePanel(way: Way, file: FileFacts, base: string | undefined): string {
  const { name, size, mtime, entityTag, mediaType, documents } = file;
  const href = encodeName(name);
  const url = base === undefined ? undefined : `${base}${directoryPath(way)}${href}`;
  const commands = url === undefined ? [] : fileCommands(url, name, documents);
  return `${head({ way, title: name, here: name, hidden: true })}<h1 class="alone">${bdi(name)}</h1>
<div class="panel">
<section class="card" aria-labelledby="what"><h2 id="what">File</h2>
<dl class="facts">
<dt>Size</dt><dd>${formatSize(size)}, ${size} bytes</dd>
<dt>Modified</dt><dd>${time(mtime)}</dd>
<dt>Type</dt><dd>${escape(mediaType)}</dd>
<dt>Version</dt><dd><code>${escape(entityTag)}</code></dd>
</dl>
<p class="actions"><a class="button first" href="${href}?download">Download</a> <a class="button" href="${href}">Open</a></p>
</section>
${url === undefined ? "" : scanned(url)}
${section("take", "Take it", commands)}
${checked(href, documents)}
<section class="card wide" id="swarm" data-file="${href}" aria-label="Swarm" hidden></section>
${preview(href, file)}
</div>
${FOOT}`;
}

/** The panel of a folder. `documents`: URLs by kind, relative to the folder or absolute. */
export function folderPanel(
  way: Way,
  base: string | undefined,
  documents: Readonly<Record<string, string>>,
): string {
  const name = way.segments.at(-1) ?? way.prefix;
  const url = base === undefined ? undefined : `${base}${directoryPath(way)}`;
  const absolute = Object.entries(documents).map(([kind, href]) => [
    kind,
    new URL(href, url ?? "http://host/").href,
  ]);
  const commands = url === undefined ? [] : folderCommands(url, Object.fromEntries(absolute));
  const links = Object.values(documents).map(
    (href) =>
      `<li><a href="${href}">${escape(decodeURIComponent(href.slice(href.lastIndexOf("/") + 1)))}</a>`,
  );
  return `${head({ way, title: `The folder ${name}`, here: "the whole folder", hidden: true })}<h1 class="alone">The folder ${bdi(name)}</h1>
<div class="panel">
${section("take", "Take it", commands)}
${url === undefined ? "" : scanned(url)}
${links.length === 0 ? "" : `<section class="card" aria-labelledby="documents"><h2 id="documents">Documents</h2><p class="note">The first request may take a while: all files are read.</p><ul>${links.join("")}</ul></section>`}
</div>
${FOOT}`;
}

function section(id: string, title: string, commands: readonly Command[]): string {
  if (commands.length === 0) return "";
  const all = commands.map(({ label, text }, n) => command(`${id}-${n}`, label, text)).join("\n");
  return `<section class="card" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>\n${all}\n</section>`;
}

/** What is copied is the text of the element: a command has no character that isn't seen. */
function command(id: string, label: string, text: string): string {
  const button = `<button type="button" data-copies="${id}" aria-label="Copy: ${escape(label)}" class="scripts">Copy</button>`;
  return `<div class="command"><h3>${escape(label)}</h3><pre id="${id}">${escape(text)}</pre>${button}</div>`;
}

function scanned(url: string): string {
  const code = qrSvg(url, "QR code of the URL");
  if (code === undefined) return "";
  return `<section class="card" aria-labelledby="scan"><h2 id="scan">On another device</h2>${code}</section>`;
}

function checked(href: string, documents: readonly string[]): string {
  if (documents.length === 0) return "";
  const links = documents.map((kind) => `<a class="button" href="${href}.${kind}">.${kind}</a>`);
  return `<section class="card" id="digests" data-file="${href}" aria-labelledby="check"><h2 id="check">Check and share</h2>
<p class="state" role="status">The server reads the whole file for the first of these documents.</p>
<progress max="100" value="0" aria-label="Digests" hidden></progress>
<p><button type="button" class="compute" hidden>Compute the digests</button></p>
<p class="actions">${links.join(" ")}</p>
<div id="magnet" hidden><p><a id="magnet-link" href="#magnet">Open the magnet link</a></p><div class="command"><pre id="magnet-text"></pre><button type="button" data-copies="magnet-text" aria-label="Copy the magnet link" class="scripts">Copy</button></div></div>
</section>`;
}

function preview(href: string, file: FileFacts): string {
  const shown = show(href, file);
  if (shown === undefined) return "";
  return `<section class="card wide preview" aria-labelledby="preview"><h2 id="preview">Preview</h2>\n${shown}\n</section>`;
}

/** What a browser shows as text: the types of text, and data that is text. */
const TEXT =
  /^(?:text\/|application\/(?:json|jsonl|geo\+json|manifest\+json|x-pem-file)|[^;]*[/+]xml(?:;|$))/;
/** Types of pictures that browsers show. */
const PICTURE = /^image\/(?:png|apng|jpeg|gif|webp|avif|svg\+xml|bmp|vnd\.microsoft\.icon)$/;

function show(href: string, { name, mediaType, html }: FileFacts): string | undefined {
  const label = escape(name);
  if (PICTURE.test(mediaType)) return `<img src="${href}" alt="${label}">`;
  if (mediaType.startsWith("video/"))
    return `<video src="${href}" controls preload="metadata" aria-label="${label}"></video>`;
  if (mediaType.startsWith("audio/"))
    return `<audio src="${href}" controls preload="metadata" aria-label="${label}"></audio>`;
  if (mediaType === "application/pdf") return `<iframe src="${href}" title="${label}"></iframe>`;
  if (html !== undefined) return `<div class="text">${html}</div>`;
  if (!TEXT.test(mediaType)) return undefined;
  return `<pre id="text" data-file="${href}" tabindex="0" aria-label="${label}"></pre><p class="note" id="cut" hidden>The first 64 KiB.</p>`;
}

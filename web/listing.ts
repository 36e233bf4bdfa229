/**
 * A directory as a page. It is complete without a script. Whatever isn't a way to another
 * file or directory is a button of a form and no link: crawlers follow links, also those
 * with rel=nofollow (wget), and would fetch the same listing in every order.
 *
 * Rows come in bodies of {@link BODY} rows: the browser lays out those that are seen.
 */

import { type Order, SORTED_BY, type SortedBy } from "../files/listing-order.ts";
import type { Entry, Form, Totals } from "../files/listing-text.ts";
import { encodeName } from "../http/target.ts";
import { bdi, count, escape, exactly, formatSize, time } from "./html.ts";
import { FOOT, head, pathText, type Way } from "./layout.ts";
import { liveSection } from "./live-page.ts";

/** Rows of one body of the table. */
const BODY = 100;

/** Files above which the way to a panel is made by the script: browsers take long for thousands of buttons. */
const MOST_BUTTONS = 1_000;

export function listingForm(way: Way, order: Order): Form {
  const path = pathText(way);
  const opening = head({ way, title: `Index of ${path}` });
  let rows = 0;
  let many = false;
  return {
    mediaType: "text/html; charset=utf-8",
    head(totals) {
      many = totals.files > MOST_BUTTONS;
      const names = `<h1>${bdi(way.segments.at(-1) ?? way.prefix)}</h1>`;
      return `${opening}<div class="top">${names}${tools()}</div>
<p class="totals" id="totals">${summary(totals)}</p>
${liveSection(way)}
<form id="about"></form>
<table class="list"${totals.largest === undefined ? "" : ` data-largest="${totals.largest}"`}>
<caption class="unseen">Files and folders in ${bdi(path)}</caption>
<thead><tr>${SORTED_BY.map((by) => heading(by, order)).join("")}<th scope="col"><span class="unseen">Details</span></th></tr></thead>
<tbody>${way.segments.length > 0 ? UP : ""}`;
    },
    entry: (one) => `${rows++ % BODY === 0 ? "</tbody>\n<tbody>" : ""}\n${row(one, many)}`,
    separator: "",
    tail(totals) {
      const empty = rows === 0 ? '\n<p class="empty">This folder is empty.</p>' : "";
      const end = totals.partial
        ? `\n<p class="totals">${summary({ ...totals, partial: false })}</p>`
        : "";
      return `</tbody>\n</table>${empty}${end}\n${FOOT}`;
    },
  };
}

/** Above the prefix there is nothing to list. */
const UP = `
<tr class="up"><td><a href="../">.. up</a></td><td></td><td></td><td></td></tr>`;

function tools(): string {
  return `<div class="tools"><form><button name="folder" value="">Take the whole folder</button></form>
<search><label id="filter" class="scripts">Filter <input type="search" autocomplete="off" spellcheck="false" aria-describedby="found"></label> <span id="found" role="status"></span></search></div>`;
}

/** `3 files, 1 folder, 1.2 MiB`; what isn't known yet is left out. */
function summary({ files, directories, bytes, partial }: Totals): string {
  const named = `${count(files, "file")}, ${count(directories, "folder")}`;
  return partial ? named : `${named}, <span title="${bytes} bytes">${formatSize(bytes)}</span>`;
}

const TITLES: Readonly<Record<SortedBy, string>> = { name: "Name", size: "Size", date: "Modified" };

/** A heading that sorts: the other way round when it sorts already. */
function heading(by: SortedBy, order: Order): string {
  const sorted = order.by === by;
  const state = !sorted ? "" : ` aria-sort="${order.descending ? "descending" : "ascending"}"`;
  const next = sorted ? (order.descending ? "asc" : "desc") : by === "name" ? "asc" : "desc";
  const inputs = `<input type="hidden" name="sort" value="${by}"><input type="hidden" name="order" value="${next}">`;
  return `<th scope="col"${state}><form class="sort">${inputs}<button>${TITLES[by]}</button></form></th>`;
}

function row({ name, type, size, mtime, unreachable = false }: Entry, many: boolean): string {
  const slash = type === "directory" ? "/" : "";
  const shown = `${bdi(name)}${slash}`;
  const link = unreachable
    ? `<span class="note" title="The name is no UTF-8: no URL leads there">${shown}</span>`
    : `<a href="${encodeName(name)}${slash}">${shown}</a>`;
  const length = size === undefined ? "" : ` title="${size} bytes">${formatSize(size)}`;
  const about = many || type === "directory" || unreachable ? "" : details(name);
  return `<tr${slash && ' class="dir"'}><td>${link}<td class=n${length || ">"}<td>${time(mtime)}<td>${about}`;
}

function details(name: string): string {
  const label = `<span class="unseen">Details of ${escape(name)}</span>`;
  // A form changes line breaks in what it sends.
  const sent = /[\r\n]/.test(name) ? ["encoded", encodeName(name)] : ["file", name];
  const [parameter = "", value = ""] = sent;
  return `<button class="more" form="about" name="${parameter}" value=${exactly(value)}>${label}</button>`;
}

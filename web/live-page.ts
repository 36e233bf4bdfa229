/**
 * What goes on at the server: a section of each listing, which the script fills when it is
 * opened, and the page `/-/live`, which is complete without a script and then shows the
 * moment at which it was asked for.
 */

import { PAGE_POLICY } from "../http/browser.ts";
import type { Plan } from "../http/plan.ts";
import { formatPath } from "../http/target.ts";
import type { Download } from "../live/reporter.ts";
import type { SharedFile, Snapshot } from "../live/snapshot.ts";
import { LIVE_SCRIPT } from "./assets.ts";
import { bdi, count, escape, formatSize } from "./html.ts";
import { FOOT, head, pathText, type Way } from "./layout.ts";

/** The section of a listing. Without a script it is a button: crawlers follow links. */
export function liveSection({ prefix, segments }: Way): string {
  const below = escape(formatPath(prefix, segments, true));
  return `<details class="live scripts" id="live" data-below="${below}"><summary>Live</summary></details>
<noscript><form action="/-/live"><button>Live</button></form></noscript>
<script src="${LIVE_SCRIPT.path}" defer></script>`;
}

/** The page of the whole server; `json` is a {@link Snapshot} of this server. */
export function planLivePage(prefix: string, json: string): Plan {
  const snapshot = JSON.parse(json) as Snapshot;
  const way = { prefix, segments: [] };
  const text = `${head({ way, title: `Live at ${pathText(way)}`, here: "Live", hidden: true, from: prefix })}<h1>Live</h1>
<section id="live" class="live" aria-label="Live" data-rendered>${content(snapshot)}</section>
<script src="${LIVE_SCRIPT.path}" defer></script>
${FOOT}`;
  return {
    status: 200,
    fields: {
      ...{ "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
      ...PAGE_POLICY,
    },
    content: { kind: "text", text },
  };
}

function content({ sent, originShare, files, transfers, ended }: Snapshot): string {
  const share =
    originShare === null
      ? ""
      : ` The origin sent ${percent(originShare)} of all bytes, as peers report.`;
  const totals = `${formatSize(sent.http)} by HTTP and ${formatSize(sent.seeder)} to peers since the start.${share}`;
  return `<p class="note">${totals}</p>${[
    list("Shared", files.map(fileRow)),
    list("Downloads", transfers.map(downloadRow)),
    list("Ended", ended.map(downloadRow)),
  ].join("")}`;
}

function list(title: string, rows: readonly string[]): string {
  return rows.length === 0 ? "" : `<h2>${title}</h2><ul class="rows">${rows.join("")}</ul>`;
}

function fileRow({ path, length, seeds, leechers, peers, spread, connected }: SharedFile): string {
  const facts = `${formatSize(length)}, ${count(seeds, "seed")}, ${count(leechers, "peer")}`;
  const bars = peers
    .map(({ client, completion }) => `<li>${bar(completion, client)}</li>`)
    .join("");
  return `<li>${link(path)} <span class="note">${facts}</span>${picture(spread, connected)}<ul class="peers">${bars}</ul></li>`;
}

function downloadRow({ path, client, owed, acknowledged, outcome }: Download): string {
  const part = owed > 0 ? Math.min(1, acknowledged / owed) : 0;
  const facts = [client, `${percent(part)} of ${formatSize(owed)}`, outcome ?? "runs"].join(", ");
  return `<li>${link(path)} <span class="note">${escape(facts)}</span>${bar(part, "Download")}</li>`;
}

function link(path: string): string {
  return `<a class="name" rel="nofollow" href="${escape(path)}">${bdi(readable(path))}</a>`;
}

function bar(part: number, of: string): string {
  return `<progress value="${part.toFixed(3)}" aria-label="${escape(of)}: ${percent(part)}"></progress>`;
}

/** How many of the peers have each stretch of the pieces, in four shades. */
export function picture(spread: readonly number[], peers: number): string {
  const drawn = ["", "", "", "", ""];
  for (let start = 0; start < spread.length;) {
    const shade = shadeOf(spread[start] ?? 0, peers);
    let end = start + 1;
    while (end < spread.length && shadeOf(spread[end] ?? 0, peers) === shade) end++;
    drawn[shade] += `M${start} 0h${end - start}v1h${start - end}z`;
    start = end;
  }
  const paths = drawn.slice(1).map((d, n) => `<path class="shade${n + 1}" d="${d}"/>`);
  const box = `viewBox="0 0 ${Math.max(1, spread.length)} 1" preserveAspectRatio="none"`;
  return `<svg class="spread" role="img" aria-label="How far the pieces have spread" ${box}>${paths.join("")}</svg>`;
}

function shadeOf(copies: number, peers: number): 0 | 1 | 2 | 3 | 4 {
  if (copies <= 0 || peers <= 0) return 0;
  if (copies < 1) return 1;
  const thirds = Math.ceil((3 * copies) / peers);
  return thirds <= 1 ? 2 : thirds === 2 ? 3 : 4;
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

function readable(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (error) {
    // A long path is cut, maybe within an escape.
    if (error instanceof URIError) return path;
    throw error;
  }
}

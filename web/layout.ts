/** What all pages have in common: the head, the way to the page, the foot. */

import { formatPath } from "../http/target.ts";
import { SCRIPT, STYLE } from "./assets.ts";
import { bdi, escape } from "./html.ts";

/** A directory and the way to it. */
export interface Way {
  /** Begins and ends with a slash. */
  readonly prefix: string;
  /** Names below the prefix. */
  readonly segments: readonly string[];
}

export interface Frame {
  readonly way: Way;
  /** Text, not HTML. */
  readonly title: string;
  /** The last step of the way, where it isn't the directory itself. */
  readonly here?: string;
  /** Where the way begins, when the page isn't below the directory. */
  readonly from?: string;
  /** Whether crawlers stay away from the page and its links. */
  readonly hidden?: boolean;
}

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%23176b5b'/%3E%3Cpath d='M3 4h10M3 8h7M3 12h4' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E";

/** Everything before the content of `<main>`. */
export function head({ way, title, here, from, hidden = false }: Frame): string {
  const robots = hidden ? '\n<meta name="robots" content="noindex,nofollow">' : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">${robots}
<title>${escape(title)}</title>
<link rel="icon" href="${ICON}">
<link rel="stylesheet" href="${STYLE.path}">
<script src="${SCRIPT.path}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="bar">
<nav aria-label="Path"><ol class="way">${steps(way, here, from)}</ol></nav>
<button id="theme" class="scripts" type="button">Dark</button>
</header>
<main id="main" tabindex="-1">
`;
}

/** Everything after the content of `<main>`. */
export const FOOT = `</main>
<footer class="foot"><p>Served by rangesrv. <span class="keys scripts">Keys: <kbd>/</kbd> filter, <kbd>↑</kbd> <kbd>↓</kbd> move, <kbd>Enter</kbd> open, <kbd>Backspace</kbd> up.</span></p></footer>
</body>
</html>
`;

/** The directories from the prefix on, each a link but the page itself. */
function steps({ prefix, segments }: Way, here?: string, from?: string): string {
  const names = [prefix, ...segments];
  const last = here === undefined ? names.length - 1 : names.length;
  const links = names.map((name, n) => {
    if (n === last) return `<li><span aria-current="page">${bdi(name)}</span>`;
    // From here up, so that a proxy may serve the tree below another path.
    const up = "../".repeat(segments.length - n) || (from ?? "./");
    return `<li><a href="${up}">${bdi(name)}</a>`;
  });
  if (here !== undefined) links.push(`<li><span aria-current="page">${bdi(here)}</span>`);
  return links.join("");
}

/** The path of a directory as text. */
export function pathText({ prefix, segments }: Way): string {
  return prefix + segments.map((name) => `${name}/`).join("");
}

export function directoryPath({ prefix, segments }: Way): string {
  return formatPath(prefix, segments, true);
}

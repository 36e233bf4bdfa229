/** What the documents promise of themselves: links lead somewhere, and the README stays short. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { usage } from "../service/usage.ts";

const HOME = join(import.meta.dir, "..");

const DOCUMENTS = ["*.md", "docs/*.md", "deploy/*.md", "bench/*.md"]
  .flatMap((pattern) => [...new Bun.Glob(pattern).scanSync(HOME)])
  .sort();

/** Words as `wc -w` counts them. */
const MOST_WORDS = 1_200;

const LINK = /\[[^\]]*\]\(([^)\s]+)\)/g;

/** Links of the document `text` at `path` that lead to no file, or to no heading of one. */
function brokenLinks(path: string, text: string, read: (path: string) => string | undefined) {
  const broken: string[] = [];
  for (const [, link = ""] of withoutCode(text).matchAll(LINK)) {
    if (/^https?:/.test(link)) continue;
    const [file = "", heading] = link.split("#");
    const place = file === "" ? path : normalize(join(dirname(path), file));
    const target = read(place);
    const leads = target !== undefined && (heading === undefined || headings(target).has(heading));
    if (!leads) broken.push(`${path}: ${link}`);
  }
  return broken;
}

function withoutCode(text: string): string {
  return text.replaceAll(/```[\s\S]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");
}

/** Headings as GitHub names them in a URL. */
function headings(text: string): Set<string> {
  const found = withoutCode(text).matchAll(/^#+ +(.*)$/gm);
  const name = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-");
  return new Set([...found].map(([, heading = ""]) => name(heading.trim())));
}

const PAGES: Readonly<Record<string, string>> = { "a.md": "# One: two\n", "d/b.md": "## Three\n" };

test.each<[string, string, string, string[]]>([
  ["a file", "a.md", "[x](d/b.md)", []],
  ["a heading", "d/b.md", "[x](../a.md#one-two)", []],
  ["a heading of its own", "a.md", "# Here\n[x](#one-two)", []],
  ["another site", "a.md", "[x](https://example.org/a)", []],
  ["what is code", "a.md", "`[x](no.md)`\n```\n[x](no.md)\n```", []],
  ["no file", "a.md", "[x](no.md)", ["a.md: no.md"]],
  ["a file from elsewhere", "d/b.md", "[x](d/b.md)", ["d/b.md: d/b.md"]],
  ["no heading", "a.md", "[x](d/b.md#four)", ["a.md: d/b.md#four"]],
])("%s", (_why, path, text, expected) => {
  expect(brokenLinks(path, text, (place) => PAGES[place])).toEqual(expected);
});

test("Every link of the documents leads somewhere", () => {
  expect(DOCUMENTS).toContain("README.md");
  expect(DOCUMENTS).toContain("docs/architecture.md");
  const read = (path: string) => {
    const place = join(HOME, path);
    if (!existsSync(place)) return undefined;
    return path.endsWith(".md") ? readFileSync(place, "utf8") : "";
  };
  expect(DOCUMENTS.flatMap((path) => brokenLinks(path, read(path) ?? "", read))).toEqual([]);
});

test("The README is read in a few minutes", () => {
  const words = readFileSync(join(HOME, "README.md"), "utf8").split(/\s+/).filter(Boolean);
  expect(words.length).toBeLessThanOrEqual(MOST_WORDS);
});

/** The first block of code behind a heading. */
function codeBelow(path: string, heading: string): string {
  const text = readFileSync(join(HOME, path), "utf8");
  return /```\n([\s\S]*?)```/.exec(text.slice(text.indexOf(`\n${heading}\n`)))?.[1] ?? "";
}

test("The options of docs/operating.md are those of --help", () => {
  expect(codeBelow("docs/operating.md", "## Options")).toBe(usage());
});

test("The README's options are lines of --help", () => {
  const lines = codeBelow("README.md", "## Options").trimEnd().split("\n");
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter((line) => !usage().split("\n").includes(line))).toEqual([]);
});

test("The architecture names files that exist", () => {
  const text = readFileSync(join(HOME, "docs/architecture.md"), "utf8");
  const named = [...text.matchAll(/\b(?:[a-z-]+\/)+[a-z-]+\.ts\b/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((path) => !existsSync(join(HOME, path)))).toEqual([]);
});

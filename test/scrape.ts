/** What Prometheus would read of a server. */

import { ask } from "./wire.ts";

/** Series by name and labels, without the prefix `rangesrv_`. */
export type Scraped = ReadonlyMap<string, number>;

export async function scrapeText(port: number): Promise<string> {
  const { status, body } = await ask(port, "GET", "/-/metrics");
  if (status !== 200) throw new Error(`/-/metrics answered ${status}`);
  return body.toString();
}

export async function scrape(port: number): Promise<Scraped> {
  const lines = (await scrapeText(port)).split("\n").filter((line) => /^[a-z]/.test(line));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(" ");
      return [line.slice(0, space).replace(/^rangesrv_/, ""), Number(line.slice(space + 1))];
    }),
  );
}

/** Milliseconds. */
const BETWEEN = 20;

/** Scrapes until the series have these values: reports and samples take up to a second. */
export async function scrapeUntil(
  port: number,
  expected: Readonly<Record<string, number>>,
): Promise<Scraped> {
  for (;;) {
    const scraped = await scrape(port);
    const differs = Object.entries(expected).some(
      ([name, value]) => (scraped.get(name) ?? 0) !== value,
    );
    if (!differs) return scraped;
    // Each scrape is a connection, and the machine has some thousand ports.
    await Bun.sleep(BETWEEN);
  }
}

/** The counters of `before` that are smaller in `after`. */
export function fallen(before: Scraped, after: Scraped): string[] {
  const isCounter = (name: string) => /_(?:total|count|sum|bucket)(?:\{|$)/.test(name);
  return [...before]
    .filter(([name, value]) => isCounter(name) && (after.get(name) ?? 0) < value)
    .map(([name]) => name);
}

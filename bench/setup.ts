/** What every comparison needs: figures as Markdown, a file to serve, a port. */

import { closeSync, openSync, utimesSync, writeSync } from "node:fs";

/** Writes a file of `length` bytes that looks as if it came to rest long ago. */
export function writeFile(path: string, length: number): void {
  const descriptor = openSync(path, "w");
  const chunk = Buffer.alloc(Math.min(length, 16 * 1024 * 1024), "rangesrv");
  for (let written = 0; written < length; written += chunk.length) writeSync(descriptor, chunk);
  closeSync(descriptor);
  utimesSync(path, 1e9, 1e9);
}

export function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}

/** `median (lowest–highest)`, to so many decimals. */
export function spread(values: readonly number[], decimals = 0): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [lowest = NaN] = sorted;
  const median = sorted[Math.floor(sorted.length / 2)] ?? NaN;
  const highest = sorted.at(-1) ?? NaN;
  const [m, l, h] = [median, lowest, highest].map((value) => value.toFixed(decimals));
  return `${m} (${l}–${h})`;
}

/** One row. */
export function row(...cells: string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** A table; every column but the first is of figures. */
export function table(columns: readonly string[], rows: readonly string[]): string {
  const rule = columns.map((_, n) => (n === 0 ? "---" : "---:"));
  return `${[row(...columns), row(...rule), ...rows].join("\n")}\n`;
}

/** Bytes in words. */
export function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`;
}

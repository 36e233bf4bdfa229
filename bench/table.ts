/** Figures as Markdown: medians with their spread. */

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

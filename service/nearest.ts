/** The name that a mistaken one was meant to be: near by the edits between them, or begun alike. Pure. */

/** Edits that are taken for slips of the hand, by the length of what was written. */
function mostEdits(written: string): number {
  return Math.max(1, Math.floor(written.length / 3));
}

/** One of `names`, or undefined when none is near. */
export function nearest(written: string, names: readonly string[]): string | undefined {
  const begun = names.filter((name) => written.length > 2 && name.startsWith(written));
  if (begun.length === 1) return begun[0];
  const ranked = names
    .map((name) => ({ name, edits: editsBetween(written, name) }))
    .sort((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= mostEdits(written) ? best.name : undefined;
}

/** Letters put in, left out, exchanged or swapped with their neighbour to get from `a` to `b`. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const fewest = Math.min(exchanged, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
      next.push(swapped ? Math.min(fewest, (before[j - 2] ?? 0) + 1) : fewest);
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}

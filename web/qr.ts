/**
 * QR codes (ISO/IEC 18004): text as bytes, versions 1 to 20, error correction level M, as
 * rows of modules, true for dark. Up to 666 bytes.
 */

import { encodeWords } from "./qr-words.ts";

type Modules = (boolean | undefined)[][];

/** The code of `text`; undefined when it is too long. */
export function encodeQr(text: string): boolean[][] | undefined {
  const encoded = encodeWords(text);
  return encoded && draw(encoded.version, encoded.words);
}

/** Modules on a side. */
function sizeOf(version: number): number {
  return 17 + 4 * version;
}

/** With the mask that has the least penalty (§7.8). */
function draw(version: number, words: readonly number[]): boolean[][] {
  let best: { readonly modules: boolean[][]; readonly penalty: number } | undefined;
  for (let mask = 0; mask < MASKS.length; mask++) {
    const modules = place(version, words, mask);
    const penalty = penaltyOf(modules);
    if (best === undefined || penalty < best.penalty) best = { modules, penalty };
  }
  return best?.modules ?? [];
}

/** Table 10; x is the column. */
const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function place(version: number, words: readonly number[], mask: number): boolean[][] {
  const size = sizeOf(version);
  const modules: Modules = Array.from({ length: size }, () =>
    Array<undefined>(size).fill(undefined),
  );
  drawPatterns(modules, version);
  drawFormat(modules, mask);
  const hides = MASKS[mask] ?? (() => false);
  let bit = 0;
  // Two columns at a time, from the right, up and down in turn; the timing column is none of them.
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const upward = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = upward ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        const row = modules[y];
        if (row === undefined || row[x] !== undefined) continue;
        const dark = (((words[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1) === 1;
        bit += 1;
        row[x] = dark !== hides(x, y);
      }
    }
  }
  return modules as boolean[][];
}

function set(modules: Modules, x: number, y: number, dark: boolean): void {
  const row = modules[y];
  if (row !== undefined && x >= 0 && x < row.length) row[x] = dark;
}

/** Timing, finders, alignment and version (§6.3). */
function drawPatterns(modules: Modules, version: number): void {
  const size = modules.length;
  for (let n = 0; n < size; n++) {
    set(modules, 6, n, n % 2 === 0);
    set(modules, n, 6, n % 2 === 0);
  }
  for (const [cx, cy] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    drawRings(modules, cx, cy, 4);
  const centres = alignments(version);
  const last = centres.at(-1) ?? 0;
  for (const cx of centres) {
    for (const cy of centres) {
      const onFinder =
        (cx === 6 && cy === 6) || (cx === 6 && cy === last) || (cx === last && cy === 6);
      if (!onFinder) drawRings(modules, cx, cy, 2);
    }
  }
  if (version < 7) return;
  const bits = (version << 12) | remainder(version, 12, 0x1f25);
  for (let n = 0; n < 18; n++) {
    const dark = ((bits >>> n) & 1) === 1;
    const [a, b] = [size - 11 + (n % 3), Math.floor(n / 3)];
    set(modules, a, b, dark);
    set(modules, b, a, dark);
  }
}

/** Squares around a centre: a finder of radius 4 with its light edge, or an alignment pattern of radius 2. */
function drawRings(modules: Modules, cx: number, cy: number, radius: number): void {
  for (let dy = -radius; dy <= radius; dy++) {
    for (let dx = -radius; dx <= radius; dx++) {
      const ring = Math.max(Math.abs(dx), Math.abs(dy));
      const dark = radius === 4 ? ring !== 2 && ring !== 4 : ring !== 1;
      set(modules, cx + dx, cy + dy, dark);
    }
  }
}

/** Annex E, computed. */
function alignments(version: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2;
  const last = sizeOf(version) - 7;
  return [6, ...Array.from({ length: count - 1 }, (_, n) => last - (count - 2 - n) * step)];
}

/** Level and mask, twice (§7.9), and the module that is always dark. */
function drawFormat(modules: Modules, mask: number): void {
  const size = modules.length;
  // Level M is 00.
  const bits = ((mask << 10) | remainder(mask, 10, 0x537)) ^ 0x5412;
  for (let n = 0; n < 15; n++) {
    const dark = ((bits >>> n) & 1) === 1;
    const beside = n < 6 ? n : n < 8 ? n + 1 : 14 - n;
    if (n < 8) set(modules, 8, beside, dark);
    else set(modules, n === 8 ? 7 : beside, 8, dark);
    if (n < 8) set(modules, size - 1 - n, 8, dark);
    else set(modules, 8, size - 15 + n, dark);
  }
  set(modules, 8, size - 8, true);
}

/** Of `value`, shifted, by a polynomial of so high a degree (BCH). */
function remainder(value: number, degree: number, polynomial: number): number {
  let rest = value;
  for (let n = 0; n < degree; n++) rest = (rest << 1) ^ ((rest >>> (degree - 1)) * polynomial);
  return rest;
}

/** §7.8.3: runs, squares, what looks like a finder, and too much of one colour. */
function penaltyOf(modules: readonly boolean[][]): number {
  const size = modules.length;
  const at = (x: number, y: number) => modules[y]?.[x] === true;
  let [penalty, dark] = [0, 0];
  for (let y = 0; y < size; y++) {
    let [row, column] = ["", ""];
    for (let x = 0; x < size; x++) {
      row += at(x, y) ? "1" : "0";
      column += at(y, x) ? "1" : "0";
      dark += at(x, y) ? 1 : 0;
      const sum = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)].filter(Boolean).length;
      if (x < size - 1 && y < size - 1 && (sum === 0 || sum === 4)) penalty += 3;
    }
    penalty += linePenalty(row) + linePenalty(column);
  }
  return penalty + 10 * Math.floor(Math.abs((20 * dark) / size ** 2 - 10));
}

function linePenalty(line: string): number {
  let penalty = 0;
  for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2;
  for (const pattern of ["10111010000", "00001011101"]) {
    for (let at = line.indexOf(pattern); at !== -1; at = line.indexOf(pattern, at + 1))
      penalty += 40;
  }
  return penalty;
}

/** An inline picture with the light edge of four modules that readers need; undefined when the text is too long. */
export function qrSvg(text: string, label: string): string | undefined {
  const modules = encodeQr(text);
  if (modules === undefined) return undefined;
  const side = modules.length + 8;
  const path = modules
    .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + 4} ${y + 4}h1v1h-1z` : "")))
    .join("");
  return `<svg class="qr" role="img" aria-label="${label}" viewBox="0 0 ${side} ${side}" width="208" height="208" shape-rendering="crispEdges"><rect width="${side}" height="${side}" fill="#fff"/><path d="${path}" fill="#000"/></svg>`;
}

/**
 * The order of a listing: `?sort=name|size|date&order=asc|desc`, directories first. Names
 * are in natural order: numbers in them by value, letters without regard to case.
 *
 * Keys are made of what is sorted, and compared by code unit: comparing 200 000 names by
 * the rules of a language takes a second, and by their keys a tenth of that.
 */

import type { Entry } from "./listing-text.ts";
import type { Turn } from "./turns.ts";

export const SORTED_BY = ["name", "size", "date"] as const;
export type SortedBy = (typeof SORTED_BY)[number];

export interface Order {
  readonly by: SortedBy;
  readonly descending: boolean;
}

const BY_NAME: Order = { by: "name", descending: false };

/** The order that a query asks for: by name where it asks for none that there is. */
export function parseOrder(query: string): Order {
  if (query === "") return BY_NAME;
  const parameters = new URLSearchParams(query);
  const by = SORTED_BY.find((one) => one === parameters.get("sort")) ?? "name";
  return { by, descending: parameters.get("order") === "desc" };
}

/** Sorts `a10` behind `a9`: the length of a number comes before its digits. */
function naturalKey(name: string): string {
  const key = name.toLowerCase().replace(/\d+/g, (digits) => {
    const number = digits.replace(/^0+(?=\d)/, "");
    // From the character 0 on; a name has at most 255 digits.
    return String.fromCharCode(0x30 + number.length) + number;
  });
  return `${key}\0${name}`;
}

/** The key of an entry among those of its type. */
function orderKey({ name, size = 0, mtime }: Entry, by: SortedBy): string {
  // Milliseconds from the first date to the last have 17 digits, bytes of a file 16.
  const first = by === "size" ? size : by === "date" ? Date.parse(mtime) + 8.64e15 : 0;
  return String(first).padStart(17, "0") + naturalKey(name);
}

/** Items that are handled between two looks at the clock. */
const PIECE = 256;

/** Different names in their natural order. */
export async function sortNames(names: readonly string[], turn: Turn): Promise<string[]> {
  const keys = await mapInTurns(names, naturalKey, turn);
  await sortStrings(keys, turn);
  return await mapInTurns(keys, (key) => key.slice(key.indexOf("\0") + 1), turn);
}

/** Digits of an index of entries. */
const INDEX = 10;

/** Entries of one type in their order. */
export async function sortEntries(
  entries: readonly Entry[],
  { by, descending }: Order,
  turn: Turn,
): Promise<Entry[]> {
  let n = 0;
  const keys = await mapInTurns(
    entries,
    (entry) => `${orderKey(entry, by)}\0${String(n++).padStart(INDEX, "0")}`,
    turn,
  );
  await sortStrings(keys, turn);
  const sorted: Entry[] = [];
  for (const key of descending ? keys.reverse() : keys) {
    const entry = entries[Number(key.slice(-INDEX))];
    if (entry !== undefined) sorted.push(entry);
  }
  return sorted;
}

/** Loops with `await` in them run slower: what is between two looks at the clock has its own. */
async function mapInTurns<From, To>(
  items: readonly From[],
  map: (item: From) => To,
  turn: Turn,
): Promise<To[]> {
  const mapped: To[] = [];
  for (let start = 0; start < items.length; start += PIECE) {
    mapPiece(items, start, map, mapped);
    if (turn.isOver) await turn.pass();
  }
  return mapped;
}

function mapPiece<From, To>(
  items: readonly From[],
  start: number,
  map: (item: From) => To,
  mapped: To[],
): void {
  const end = Math.min(start + PIECE, items.length);
  for (let n = start; n < end; n++) mapped.push(map(items[n] as From));
}

/** Strings that the runtime sorts at once, in up to 10 ms. */
const RUN = 32_768;

/**
 * Sorts by code unit, as `<` does: parts them by the first code unit that differs, and each
 * part by the next one, until few are left for the runtime. (A comparison in this language
 * takes twenty times as long as one by the runtime.)
 */
export async function sortStrings(strings: string[], turn: Turn, alike = 0): Promise<void> {
  if (turn.isOver) await turn.pass();
  if (strings.length <= RUN) return void strings.sort();
  let at = alike;
  while (isAlike(strings, at)) {
    if (unitAt(strings[0], at) === END) return;
    at++;
    if (turn.isOver) await turn.pass();
  }
  const parts = new Map<number, string[]>();
  for (let start = 0; start < strings.length; start += RUN) {
    part(strings, start, at, parts);
    if (turn.isOver) await turn.pass();
  }
  let to = 0;
  for (const unit of [...parts.keys()].sort((a, b) => a - b)) {
    const same = parts.get(unit) ?? [];
    if (unit !== END) await sortStrings(same, turn, at + 1);
    for (let n = 0; n < same.length; n++) strings[to++] = same[n] ?? "";
  }
}

/** Puts a run of strings into parts by one of their code units. Loops with `await` in them run slower. */
function part(
  strings: readonly string[],
  start: number,
  at: number,
  parts: Map<number, string[]>,
): void {
  const end = Math.min(start + RUN, strings.length);
  for (let n = start; n < end; n++) {
    const one = strings[n] ?? "";
    const unit = unitAt(one, at);
    const same = parts.get(unit);
    if (same === undefined) parts.set(unit, [one]);
    else same.push(one);
  }
}

/** Before every code unit. */
const END = -1;

function unitAt(one = "", at: number): number {
  return at < one.length ? one.charCodeAt(at) : END;
}

function isAlike(strings: readonly string[], at: number): boolean {
  const unit = unitAt(strings[0], at);
  for (let n = 1; n < strings.length; n++) if (unitAt(strings[n], at) !== unit) return false;
  return true;
}

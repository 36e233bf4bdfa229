/**
 * A snapshot as lines for a terminal. The server that is asked may be anybody's: what it
 * sends is read as if it could be anything, and no character of it acts on the terminal.
 */

/** Columns and rows. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Control and format characters (escape sequences, writing directions), line separators, lone surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Lines of at most `columns` columns, and at most `rows` of them. */
export function screen(snapshot: unknown, url: string, { columns, rows }: Size): string[] {
  const all = fields(snapshot);
  const transfers = list(all["transfers"]);
  const lines = [
    ...summary(all, url),
    ...section("SHARED", list(all["files"]), (file) => fileLine(file, columns)),
    ...section("DOWNLOADS", transfers, (one) => downloadLine(one, columns)),
    ...more(number(all["running"]) - transfers.length),
    ...section("ENDED", list(all["ended"]), (one) => downloadLine(one, columns)),
  ];
  return lines.slice(0, Math.max(1, rows)).map((line) => cut(line, columns));
}

function summary(all: Fields, url: string): string[] {
  const sent = fields(all["sent"]);
  const both = addUp(fields(all["throughput"]));
  const up = (number(all["now"]) - number(all["started"])) / 1000;
  const share = typeof all["originShare"] === "number" ? percent(all["originShare"]) : "–";
  return [
    `${text(url)}  up ${formatSeconds(up)}, processes: ${number(all["workers"])}`,
    `sent ${formatBytes(number(sent["http"]))} by HTTP and ${formatBytes(number(sent["seeder"]))} to peers; ` +
      `origin's share, as peers report: ${share}`,
    `${chart(both)} ${formatBytes(both.at(-1) ?? 0)}/s`,
  ];
}

function section(title: string, rows: readonly Fields[], line: (row: Fields) => string): string[] {
  return rows.length === 0 ? [] : ["", title, ...rows.map(line)];
}

function more(count: number): string[] {
  return count > 0 ? [`and ${count} more`] : [];
}

function fileLine(file: Fields, columns: number): string {
  const spread = numbers(file["spread"]);
  const connected = number(file["connected"]);
  const peers = `${number(file["seeds"])} seeds, ${number(file["leechers"])} peers`;
  const bar = shades(spread, connected, columns < 80 ? 16 : 32);
  return `${bar}  ${formatBytes(number(file["length"])).padStart(9)}  ${peers}  ${text(file["path"])}`;
}

function downloadLine(one: Fields, columns: number): string {
  const [owed, acknowledged] = [number(one["owed"]), number(one["acknowledged"])];
  const seconds = number(one["seconds"]);
  const done = owed > 0 ? Math.min(1, acknowledged / owed) : 0;
  const rate = seconds > 0 ? formatBytes(acknowledged / seconds) : "–";
  const outcome = one["outcome"] === undefined ? "" : `${text(one["outcome"])}  `;
  const width = columns < 80 ? 8 : 16;
  const filled = Math.round(done * width);
  const bar = "█".repeat(filled) + "░".repeat(width - filled);
  return (
    `${bar} ${percent(done).padStart(5)}  ${formatBytes(owed).padStart(9)}  ` +
    `${`${rate}/s`.padStart(11)}  ${outcome}${text(one["client"])}  ${text(one["path"])}`
  );
}

/** How many of the peers have each part, light to dark. */
export function shades(spread: readonly number[], peers: number, width: number): string {
  if (spread.length === 0) return " ".repeat(width);
  return Array.from({ length: width }, (_, n) => {
    const copies = spread[Math.floor((n * spread.length) / width)] ?? 0;
    const level = peers > 0 ? Math.ceil((copies / peers) * 4) : 0;
    return "·░▒▓█"[Math.max(0, Math.min(4, level))] ?? "·";
  }).join("");
}

/** The last minute as blocks of eight heights. */
function chart(bytes: readonly number[]): string {
  const last = bytes.slice(-60);
  const most = Math.max(1, ...last);
  return last.map((one) => " ▁▂▃▄▅▆▇█"[Math.ceil((8 * one) / most)] ?? " ").join("");
}

function addUp({ http, seeder }: Fields): number[] {
  const [first, second] = [numbers(http), numbers(seeder)];
  return first.map((bytes, n) => bytes + (second[n] ?? 0));
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

function formatBytes(bytes: number): string {
  let [scaled, unit] = [bytes, "B"];
  for (const next of UNITS) {
    if (scaled < 1024) break;
    [scaled, unit] = [scaled / 1024, next];
  }
  return unit === "B" || scaled >= 100
    ? `${Math.round(scaled)} ${unit}`
    : `${scaled.toFixed(1)} ${unit}`;
}

function formatSeconds(seconds: number): string {
  const minutes = Math.floor(Math.max(0, seconds) / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 60 * 48
    ? `${Math.floor(minutes / 60)} h ${minutes % 60} min`
    : `${Math.floor(minutes / 1440)} d`;
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value.slice(0, 100).map(fields) : [];
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.slice(0, 200).map(number) : [];
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : 0;
}

function text(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 1000).replace(UNSEEN, "?") : "";
}

/** By the columns that characters take: some take two, some none. */
function cut(line: string, columns: number): string {
  let [width, kept] = [0, ""];
  for (const character of line) {
    width += Bun.stringWidth(character);
    if (width > columns) return kept;
    kept += character;
  }
  return kept;
}

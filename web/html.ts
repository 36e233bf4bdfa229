/**
 * Text for pages. File names may come from strangers: what is written here acts on no page,
 * and shows what can't be seen.
 */

/** Characters without a sign of their own: controls, and those that change the writing direction. */
const UNSEEN = /[\0-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text between tags or in a quoted attribute. Control characters are shown as signs: ␛ for the escape character. */
export function escape(text: string): string {
  return Bun.escapeHTML(text.toWellFormed()).replace(UNSEEN, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
  });
}

/** A name for the reader, whichever way it is written: its direction ends with it. */
export function bdi(name: string): string {
  const shown = escape(name);
  return /[^ -~]/.test(shown) ? `<bdi>${shown}</bdi>` : shown;
}

/** A quoted attribute whose value is kept to the last character: what a form sends, or a script reads. */
export function exactly(value: string): string {
  const escaped = Bun.escapeHTML(value.toWellFormed());
  return `"${escaped.replace(UNSEEN, (character) => (character === "\0" ? "\ufffd" : `&#${character.charCodeAt(0)};`))}"`;
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 GiB` */
export function formatSize(bytes: number): string {
  let [scaled, unit] = [bytes, "B"];
  for (const next of UNITS) {
    if (scaled < 1024) break;
    [scaled, unit] = [scaled / 1024, next];
  }
  return unit === "B" || scaled >= 100
    ? `${Math.round(scaled)} ${unit}`
    : `${scaled.toFixed(1)} ${unit}`;
}

/** `1 file`, `12 files` */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A date, RFC 3339 in UTC with milliseconds, as `<time>`: the page's script shows it in the reader's zone. */
export function time(date: string): string {
  const at = date.indexOf("T");
  return `<time datetime="${date.slice(0, -5)}Z">${date.slice(0, at)} ${date.slice(at + 1, at + 6)}</time>`;
}

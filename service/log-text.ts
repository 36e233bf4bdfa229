/** What a client sent, as it may stand in a log line: ASCII without control characters, and cut. */

/** What can't stand between quotes as it is. */
const UNQUOTABLE = /[^ !#-[\]-~]/gu;
const ESCAPED_START = /\\(?:x[0-9A-F]?)?$/;

/** By code, 1 for what can: for a short text, looking there is faster than the expression. */
const QUOTABLE = Uint8Array.from({ length: 128 }, (_, code) => {
  return String.fromCharCode(code).search(UNQUOTABLE) === -1 ? 1 : 0;
});

function isQuotable(text: string): boolean {
  for (let n = 0; n < text.length; n++) if (QUOTABLE[text.charCodeAt(n)] !== 1) return false;
  return true;
}

/** As nginx escapes: `"` gives `\x22`, é gives its UTF-8 bytes `\xC3\xA9`. Cut to `longest` characters. */
export function quotable(text: string, longest: number): string {
  if (text.length <= longest && isQuotable(text)) return text;
  const escaped = text.slice(0, longest).replace(UNQUOTABLE, hexBytes);
  const isCut = text.length > longest || escaped.length > longest;
  return isCut ? `${escaped.slice(0, longest - 3).replace(ESCAPED_START, "")}...` : escaped;
}

function hexBytes(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

const NOT_ASCII = /[^ -~]/g;
/** One character of a string of JSON, escaped or not. */
const JSON_CHARACTER = /\\u[0-9a-f]{4}|\\.|[^\\]/g;

/** A string of JSON in ASCII, its content cut to `longest` characters. */
export function jsonText(text: string, longest: number): string {
  if (text.length <= longest && isQuotable(text)) return `"${text}"`;
  const escaped = JSON.stringify(text.slice(0, longest))
    .slice(1, -1)
    .replace(NOT_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (text.length <= longest && escaped.length <= longest) return `"${escaped}"`;
  let kept = "";
  for (const [character] of escaped.matchAll(JSON_CHARACTER)) {
    if (kept.length + character.length > longest - 3) break;
    kept += character;
  }
  return `"${kept}..."`;
}

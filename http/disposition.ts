/** Content-Disposition for a file to be saved under its own name: RFC 6266, RFC 8187. */

/**
 * `attachment; filename="plain.bin"`, and for a name that isn't plain a second,
 * exact form: `attachment; filename="_.bin"; filename*=UTF-8''%C3%A4.bin`.
 */
export function attachment(name: string): string {
  // Quotes, backslashes and percent signs are read differently by different clients (RFC 6266 appendix D).
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/gu, "_");
  const fallback = `attachment; filename="${plain}"`;
  return plain === name ? fallback : `${fallback}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** RFC 8187 §3.2.1: percent-encoded UTF-8, all but `attr-char`. */
function encodeExtended(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

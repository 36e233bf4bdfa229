/** Lines for `sha256sum -c`, as GNU coreutils write them. */

/**
 * `HEX  NAME` and a line break. A name with a backslash or a line break in it is
 * escaped, and a backslash in front of the line says so.
 */
export function formatChecksum(sha256: Uint8Array, name: string): string {
  const escaped = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? "");
  return `${escaped === name ? "" : "\\"}${sha256.toHex()}  ${escaped}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

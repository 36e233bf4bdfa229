/**
 * The key file: one key a line, one or two of them. The first signs; both are accepted, so
 * that a new key can be put first while links signed by the old one live. The line itself
 * is the key, whatever it encodes; blank lines and lines that begin with # don't count.
 */

import { linesOf, Unusable } from "./secret-file.ts";

/** The one that signs, and perhaps the one before it. */
export type Keys = readonly [Uint8Array, ...Uint8Array[]];

/** Bytes: 64 hexadecimal digits or 44 of base64 are 32 random bytes; HMAC-SHA256 gains nothing by more. */
const SHORTEST = 32;
const MOST = 2;

/** Throws {@link Unusable}. */
export function parseKeys(text: string): Keys {
  const keys = linesOf(text).map(({ line, number }) => {
    const key = Buffer.from(line, "utf8");
    if (key.length < SHORTEST) {
      throw new Unusable(`line ${number} has ${key.length} bytes; a key has ${SHORTEST} or more`);
    }
    return key;
  });
  const [first, ...others] = keys;
  if (first === undefined) throw new Unusable("it has no key");
  if (keys.length > MOST) throw new Unusable(`it has ${keys.length} keys; ${MOST} are the most`);
  return [first, ...others];
}

/** A new key as it stands in a key file. */
export function makeKey(): string {
  return crypto
    .getRandomValues(new Uint8Array(32))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

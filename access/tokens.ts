/**
 * The token file, for `Authorization: Bearer` (RFC 6750): one token a line, or a name, a
 * blank and a token. Tokens are found by a keyed hash: how long that takes tells nothing
 * about them.
 */

import { linesOf, Unusable } from "./secret-file.ts";

/** RFC 6750 §2.1: characters that a token may have. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;
/** Characters. */
const LONGEST = 4096;

export class Tokens {
  readonly #key = crypto.getRandomValues(new Uint8Array(32));
  readonly #names = new Map<string, string>();

  /** Throws {@link Unusable}. */
  constructor(text: string) {
    for (const { line, number } of linesOf(text)) {
      const words = line.split(/[ \t]+/);
      const token = words.at(-1) ?? "";
      if (words.length > 2)
        throw new Unusable(`line ${number} is no token and no name with a token`);
      if (!TOKEN.test(token) || token.length > LONGEST) {
        throw new Unusable(`line ${number} has a character that no bearer token has`);
      }
      this.#names.set(this.#hash(token), words.length === 2 ? (words[0] ?? "") : `line ${number}`);
    }
    if (this.#names.size === 0) throw new Unusable("it has no token");
  }

  /** The name of a token, or where it stands; undefined for one that isn't in the file. */
  nameOf(token: string): string | undefined {
    return token.length > LONGEST ? undefined : this.#names.get(this.#hash(token));
  }

  #hash(token: string): string {
    return new Bun.CryptoHasher("sha256", this.#key).update(token).digest("hex");
  }
}

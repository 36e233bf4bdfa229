/**
 * The style and the script of the pages. They are part of the program. Their URLs name
 * their content: a browser keeps them for good, and asks for new ones after an upgrade.
 */

import type { Fields } from "../http/conditional.ts";
import type { Plan } from "../http/plan.ts";
import liveScript from "./live.js" with { type: "text" };
import script from "./page.js" with { type: "text" };
import style from "./style.css" with { type: "text" };

/** Its URL and its bytes are made when they are first asked for. */
export class Asset {
  #path: string | undefined;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #compressed: Uint8Array<ArrayBuffer> | undefined;

  constructor(
    readonly name: string,
    readonly extension: string,
    readonly mediaType: string,
    readonly text: string,
  ) {}

  /** Of its URL: `/-/NAME.HASH.EXTENSION`. */
  get path(): string {
    return (this.#path ??= `/-/${this.name}.${hashOf(this.text)}.${this.extension}`);
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return (this.#bytes ??= new TextEncoder().encode(this.text));
  }

  get compressed(): Uint8Array<ArrayBuffer> {
    return (this.#compressed ??= Bun.gzipSync(this.bytes, { level: 9 }));
  }
}

function hashOf(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
}

export const STYLE = new Asset("page", "css", "text/css; charset=utf-8", style);
export const SCRIPT = new Asset("page", "js", "text/javascript; charset=utf-8", script);
export const LIVE_SCRIPT = new Asset("live", "js", "text/javascript; charset=utf-8", liveScript);

/** What answers at the URLs of assets. */
export function assetRoutes() {
  return Object.fromEntries(
    [STYLE, SCRIPT, LIVE_SCRIPT].map((one) => [
      one.path,
      (asked: { readonly fields: Fields }) => planAsset(one, asked.fields),
    ]),
  );
}

export function planAsset(one: Asset, fields: Fields): Plan {
  const coded = acceptsGzip(fields.get("accept-encoding"));
  return {
    status: 200,
    fields: {
      "content-type": one.mediaType,
      "cache-control": "public, max-age=31536000, immutable",
      vary: "Accept-Encoding",
      ...(coded ? { "content-encoding": "gzip" } : {}),
    },
    content: { kind: "bytes", bytes: coded ? one.compressed : one.bytes },
  };
}

/** RFC 9110 §12.5.3, as far as one coding needs it: named, and not with a weight of 0. */
function acceptsGzip(accepted: string | null): boolean {
  return /(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)/i.test(
    accepted ?? "",
  );
}

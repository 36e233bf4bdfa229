/**
 * The style and the script of the pages. They are part of the program. Their URLs name
 * their content: a browser keeps them for good, and asks for new ones after an upgrade.
 */

import type { Fields } from "../http/conditional.ts";
import type { Plan } from "../http/plan.ts";
import liveScript from "./live.js" with { type: "text" };
import script from "./page.js" with { type: "text" };
import style from "./style.css" with { type: "text" };

export interface Asset {
  /** Of its URL. */
  readonly path: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export const STYLE = asset("page", "css", "text/css; charset=utf-8", style);
export const SCRIPT = asset("page", "js", "text/javascript; charset=utf-8", script);
export const LIVE_SCRIPT = asset("live", "js", "text/javascript; charset=utf-8", liveScript);

/** `/-/NAME.HASH.EXTENSION` */
export function asset(name: string, extension: string, mediaType: string, text: string): Asset {
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
  const bytes = new TextEncoder().encode(text);
  return { path: `/-/${name}.${hash}.${extension}`, mediaType, bytes };
}

/** What answers at the URLs of assets. */
export const ASSET_ROUTES = Object.fromEntries(
  [STYLE, SCRIPT, LIVE_SCRIPT].map((one) => [
    one.path,
    (asked: { readonly fields: Fields }) => planAsset(one, asked.fields),
  ]),
);

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
    content: { kind: "bytes", bytes: coded ? gzipped(one) : one.bytes },
  };
}

/** RFC 9110 §12.5.3, as far as one coding needs it: named, and not with a weight of 0. */
function acceptsGzip(accepted: string | null): boolean {
  return /(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))[\d.]+\s*)?(?:,|$)/i.test(
    accepted ?? "",
  );
}

const compressed = new WeakMap<Asset, Uint8Array<ArrayBuffer>>();

/** Made when it is first asked for. */
function gzipped(one: Asset): Uint8Array<ArrayBuffer> {
  const known = compressed.get(one) ?? Bun.gzipSync(one.bytes, { level: 9 });
  compressed.set(one, known);
  return known;
}

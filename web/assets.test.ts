/** Style and script: found at their own URL alone, compressed for those who can read that. */

import { expect, test } from "bun:test";
import { assetRoutes, planAsset, SCRIPT, STYLE } from "./assets.ts";

function fields(values: Record<string, string> = {}) {
  return { get: (name: string) => values[name] ?? null };
}

test("Each has a URL that names its content", () => {
  expect(Object.keys(assetRoutes()).map((path) => path.replace(/[0-9a-f]{12}/, "HASH"))).toEqual([
    "/-/page.HASH.css",
    "/-/page.HASH.js",
    "/-/live.HASH.js",
  ]);
});

test.each<[string | undefined, string | undefined]>([
  [undefined, undefined],
  ["gzip", "gzip"],
  ["gzip, deflate, br, zstd", "gzip"],
  ["br;q=1.0, GZIP;q=0.5", "gzip"],
  ["gzip;q=0", undefined],
  ["gzip;q=0.000, br", undefined],
  ["x-gzip", "gzip"],
  ["notgzip", undefined],
  ["identity", undefined],
])("Accept-Encoding: %p", (accepted, coding) => {
  const values: Record<string, string> =
    accepted === undefined ? {} : { "accept-encoding": accepted };
  const plan = planAsset(STYLE, fields(values));
  const bytes = plan.content.kind === "bytes" ? plan.content.bytes : new Uint8Array();
  const text = coding === undefined ? bytes : Bun.gunzipSync(bytes);
  expect([
    plan.fields,
    new TextDecoder().decode(text) === new TextDecoder().decode(STYLE.bytes),
  ]).toEqual([
    {
      "content-type": "text/css; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
      vary: "Accept-Encoding",
      ...(coding === undefined ? {} : { "content-encoding": coding }),
    },
    true,
  ]);
});

test("Both together are small", () => {
  const sizes = [STYLE, SCRIPT].map(({ bytes }) => Bun.gzipSync(bytes).length);
  expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(20_000);
});

/** Style and script: found at their own URL alone, compressed for those who can read that. */

import { expect, test } from "bun:test";
import { planAsset, SCRIPT, STYLE } from "./assets.ts";

const HOST = "http://host:13000";

function fields(values: Record<string, string> = {}) {
  return { get: (name: string) => values[name] ?? null };
}

test.each<[string, string, string, number | undefined]>([
  ["the style", "GET", HOST + STYLE.path, 200],
  ["the script", "HEAD", HOST + SCRIPT.path, 200],
  ["without a host", "GET", STYLE.path, 200],
  ["another method", "POST", HOST + STYLE.path, 405],
  ["another version", "GET", `${HOST}/-/page.000000000000.css`, undefined],
  ["below a directory", "GET", `${HOST}/data${STYLE.path}`, undefined],
  ["with a query", "GET", `${HOST}${STYLE.path}?a`, undefined],
  ["another service", "GET", `${HOST}/-/announce`, undefined],
])("%s", (_why, method, url, status) => {
  expect(planAsset({ method, url }, fields())?.status).toBe(status);
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
  const plan = planAsset({ method: "GET", url: HOST + STYLE.path }, fields(values));
  const bytes = plan?.content.kind === "bytes" ? plan.content.bytes : new Uint8Array();
  const text = coding === undefined ? bytes : Bun.gunzipSync(bytes);
  expect([
    plan?.fields,
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

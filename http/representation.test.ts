/** Facts about a file to its representation: RFC 9110 §8.8, tags are in base 36. */

import { describe, expect, test } from "bun:test";
import {
  type FileFacts,
  represent,
  type Representation,
  validatorFields,
} from "./representation.ts";

/** Sun, 09 Sep 2001 01:46:40 GMT in milliseconds and, in nanoseconds, as a time stamp. */
const SECOND = 1_000_000_000_000;
const STAMP = 1_000_000_000_000_000_000n;

const HOUR_LATER = SECOND + 3_600_000;
/** Half a second in nanoseconds. */
const HALF = 500_000_000n;

const TEXT = "text/plain; charset=utf-8";

/** A file of 100 bytes, `2s` in base 36; 10^18 is `7lieexzx4kxs`. */
function file(modified: bigint): FileFacts {
  return { size: 100, modified, name: "a.txt" };
}

function taggedAs(entityTag: string, lastModified = SECOND): Representation {
  const settled = !entityTag.startsWith("W/");
  return {
    ...{ completeLength: 100, entityTag, settled, mediaType: TEXT, name: "a.txt" },
    lastModified: settled ? lastModified : undefined,
  };
}

describe("represent", () => {
  test.each<[string, FileFacts, number, Representation]>([
    // The limit: more than two seconds
    ["long settled", file(STAMP), HOUR_LATER, taggedAs('"2s-7lieexzx4kxs"')],
    ["just written", file(STAMP), SECOND, taggedAs('W/"2s-7lieexzx4kxs"')],
    ["before the limit", file(STAMP), SECOND + 1999, taggedAs('W/"2s-7lieexzx4kxs"')],
    ["at the limit", file(STAMP), SECOND + 2000, taggedAs('W/"2s-7lieexzx4kxs"')],
    ["past the limit", file(STAMP), SECOND + 2001, taggedAs('"2s-7lieexzx4kxs"')],
    ["not quite there", file(STAMP + 999_999n), SECOND + 2000, taggedAs('W/"2s-7lieexzxq0jj"')],
    // Nanoseconds
    ["a nanosecond later", file(STAMP + 1n), HOUR_LATER, taggedAs('"2s-7lieexzx4kxt"')],
    [
      "a nanosecond earlier",
      file(STAMP - 1n),
      HOUR_LATER,
      taggedAs('"2s-7lieexzx4kxr"', SECOND - 1000),
    ],
    ["half a second later", file(STAMP + HALF), HOUR_LATER, taggedAs('"2s-7lieey86tbeo"')],
    // No date that another version could have
    ["0.1 s ahead", file(STAMP + HALF), SECOND + 400, taggedAs('W/"2s-7lieey86tbeo"')],
    ["0.4 s ago", file(STAMP + HALF), SECOND + 900, taggedAs('W/"2s-7lieey86tbeo"')],
    ["two seconds ahead", file(STAMP + 4n * HALF), SECOND + 999, taggedAs('W/"2s-7lieeywzvitc"')],
    ["an hour ahead", file(STAMP + 7200n * HALF), SECOND, taggedAs('W/"2s-7lifovtc6eps"')],
    // 1970 and before
    ["the epoch", file(0n), SECOND, taggedAs('"2s-0"', 0)],
    ["a second before it", file(-2n * HALF), SECOND, taggedAs('"2s--gjdgxs"', -1000)],
    ["one and a half", file(-3n * HALF), SECOND, taggedAs('"2s--ot27eo"', -2000)],
    // Sizes and names
    [
      "empty, of no known type",
      { size: 0, modified: STAMP, name: "data" },
      HOUR_LATER,
      {
        completeLength: 0,
        entityTag: '"0-7lieexzx4kxs"',
        lastModified: SECOND,
        settled: true,
        mediaType: "application/octet-stream",
        name: "data",
      },
    ],
    [
      "the largest",
      { size: 4503599627370495, modified: 0n, name: "disk.iso" },
      SECOND,
      {
        completeLength: 4503599627370495,
        entityTag: '"18ce53un18f-0"',
        lastModified: 0,
        settled: true,
        mediaType: "application/x-iso9660-image",
        name: "disk.iso",
      },
    ],
  ])("%s", (_why, facts, now, expected) => {
    expect(represent(facts, now)).toEqual(expected);
  });

  // Two versions of one second: what is known of the first while the second can still come.
  test("gives out no date that a later version can have", () => {
    const given = [];
    for (let age = -3000; age <= 5000; age += 7) {
      const { lastModified } = represent(file(STAMP), SECOND + age);
      if (lastModified !== undefined) given.push(age);
    }
    expect([Math.min(...given) > 1000, given.length]).toEqual([true, 428]);
  });
});

test.each<[string, Representation, Record<string, string>]>([
  [
    "strong",
    taggedAs('"2s-7lieexzx4kxs"'),
    {
      "accept-ranges": "bytes",
      etag: '"2s-7lieexzx4kxs"',
      "last-modified": "Sun, 09 Sep 2001 01:46:40 GMT",
    },
  ],
  ["weak", taggedAs('W/"2s-0"', 0), { "accept-ranges": "bytes", etag: 'W/"2s-0"' }],
])("Fields of a representation whose tag is %s", (_why, given, expected) => {
  expect(validatorFields(given)).toEqual(expected);
});

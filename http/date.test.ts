/** The three forms of RFC 9110 §5.6.7. */

import { describe, expect, test } from "bun:test";
import { formatHttpDate, parseHttpDate } from "./date.ts";

/** Mon, 01 Jun 2026 00:00:00 GMT */
const NOW = 1_780_272_000_000;

describe("parseHttpDate", () => {
  test.each<[string, string, number | undefined]>([
    // The example of §5.6.7 in all three forms
    ["IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000],
    ["RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777_000],
    ["asctime", "Sun Nov  6 08:49:37 1994", 784_111_777_000],
    ["asctime with two digits", "Wed Nov 16 08:49:37 1994", 784_975_777_000],
    // Bounds
    ["the epoch", "Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["before the epoch", "Wed, 31 Dec 1969 23:59:59 GMT", -1000],
    ["past 32 bits", "Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648_000],
    ["the last one", "Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799_000],
    ["the year 1 isn't 1901", "Mon, 01 Jan 0001 00:00:00 GMT", -62_135_596_800_000],
    ["the last second of a day", "Fri, 31 Dec 1999 23:59:59 GMT", 946_684_799_000],
    ["29 February 2000", "Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400_000],
    ["29 February 2024", "Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000_000],
    ["a leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800_000],
    // Every month
    ["January", "Wed, 15 Jan 2025 00:00:00 GMT", 1_736_899_200_000],
    ["February", "Sat, 15 Feb 2025 00:00:00 GMT", 1_739_577_600_000],
    ["March", "Sat, 15 Mar 2025 00:00:00 GMT", 1_741_996_800_000],
    ["April", "Tue, 15 Apr 2025 00:00:00 GMT", 1_744_675_200_000],
    ["May", "Thu, 15 May 2025 00:00:00 GMT", 1_747_267_200_000],
    ["June", "Sun, 15 Jun 2025 00:00:00 GMT", 1_749_945_600_000],
    ["July", "Tue, 15 Jul 2025 00:00:00 GMT", 1_752_537_600_000],
    ["August", "Fri, 15 Aug 2025 00:00:00 GMT", 1_755_216_000_000],
    ["September", "Mon, 15 Sep 2025 00:00:00 GMT", 1_757_894_400_000],
    ["October", "Wed, 15 Oct 2025 00:00:00 GMT", 1_760_486_400_000],
    ["November", "Sat, 15 Nov 2025 00:00:00 GMT", 1_763_164_800_000],
    ["December", "Mon, 15 Dec 2025 00:00:00 GMT", 1_765_756_800_000],
    // RFC 850: two digits of a year
    ["this century", "Wednesday, 15-Jan-25 00:00:00 GMT", 1_736_899_200_000],
    ["a day less than 50 years ahead", "Sunday, 31-May-76 00:00:00 GMT", 3_358_108_800_000],
    [
      "a day more than 50 years ahead is past",
      "Wednesday, 02-Jun-76 00:00:00 GMT",
      202_521_600_000,
    ],
    ["the last year of the century before", "Friday, 31-Dec-99 23:59:59 GMT", 946_684_799_000],
    ["29 February 00", "Tuesday, 29-Feb-00 00:00:00 GMT", 951_782_400_000],
    ["every long day's name", "Saturday, 31-Dec-16 23:59:59 GMT", 1_483_228_799_000],
    // No such day or time
    ["29 February 2023", "Wed, 29 Feb 2023 00:00:00 GMT", undefined],
    ["29 February 1900", "Thu, 29 Feb 1900 00:00:00 GMT", undefined],
    ["30 February", "Fri, 30 Feb 2024 00:00:00 GMT", undefined],
    ["31 April", "Wed, 31 Apr 2024 00:00:00 GMT", undefined],
    ["day 0", "Thu, 00 Jan 2024 00:00:00 GMT", undefined],
    ["day 32", "Thu, 32 Jan 2024 00:00:00 GMT", undefined],
    ["hour 24", "Thu, 01 Jan 1970 24:00:00 GMT", undefined],
    ["minute 60", "Thu, 01 Jan 1970 00:60:00 GMT", undefined],
    ["second 61", "Thu, 01 Jan 1970 00:00:61 GMT", undefined],
    ["29 February of no leap year, RFC 850", "Wednesday, 29-Feb-23 00:00:00 GMT", undefined],
    ["31 June, asctime", "Sat Jun 31 00:00:00 2025", undefined],
    // No HTTP date
    ["empty", "", undefined],
    ["a word", "yesterday", undefined],
    ["seconds", "784111777", undefined],
    ["ISO 8601", "1994-11-06T08:49:37Z", undefined],
    ["another zone", "Sun, 06 Nov 1994 08:49:37 UTC", undefined],
    ["an offset", "Sun, 06 Nov 1994 08:49:37 +0000", undefined],
    ["no zone", "Sun, 06 Nov 1994 08:49:37", undefined],
    ["the zone in small letters", "Sun, 06 Nov 1994 08:49:37 gmt", undefined],
    ["the day in small letters", "sun, 06 Nov 1994 08:49:37 GMT", undefined],
    ["the month in capitals", "Sun, 06 NOV 1994 08:49:37 GMT", undefined],
    ["a day of no week", "Abc, 06 Nov 1994 08:49:37 GMT", undefined],
    ["a month of no year", "Sun, 06 Nob 1994 08:49:37 GMT", undefined],
    ["no day of the week", "06 Nov 1994 08:49:37 GMT", undefined],
    ["one digit for the day", "Sun, 6 Nov 1994 08:49:37 GMT", undefined],
    ["one digit for the hour", "Sun, 06 Nov 1994 8:49:37 GMT", undefined],
    ["no seconds", "Sun, 06 Nov 1994 08:49 GMT", undefined],
    ["fractions of a second", "Sun, 06 Nov 1994 08:49:37.5 GMT", undefined],
    ["two digits of the year", "Sun, 06 Nov 94 08:49:37 GMT", undefined],
    ["five digits of the year", "Sun, 06 Nov 11994 08:49:37 GMT", undefined],
    ["dashes and a long year", "Sunday, 06-Nov-1994 08:49:37 GMT", undefined],
    ["dashes and a short day", "Sun, 06-Nov-94 08:49:37 GMT", undefined],
    ["asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT", undefined],
    ["asctime with one blank", "Sun Nov 6 08:49:37 1994", undefined],
    ["a blank in front", " Sun, 06 Nov 1994 08:49:37 GMT", undefined],
    ["something behind", "Sun, 06 Nov 1994 08:49:37 GMT; length=5", undefined],
    ["a line feed behind", "Sun, 06 Nov 1994 08:49:37 GMT\n", undefined],
    ["two dates", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", undefined],
    ["full-width digits", "Sun, ０６ Nov 1994 08:49:37 GMT", undefined],
  ])("%s: %s", (_why, text, expected) => {
    expect(parseHttpDate(text, NOW)).toBe(expected);
  });
});

test.each<[string, string, number]>([
  ["this year", "Wednesday, 06-Nov-26 00:00:00 GMT", 4_949_596_800_000],
  ["more than 50 years ahead", "Saturday, 06-Nov-94 00:00:00 GMT", 3_939_840_000_000],
])("Two digits of a year are of the century of now, 2126: %s", (_why, text, expected) => {
  // Sat, 01 Jun 2126 00:00:00 GMT
  expect(parseHttpDate(text, 4_935_945_600_000)).toBe(expected);
});

describe("formatHttpDate", () => {
  test.each<[number, string]>([
    [784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"],
    [0, "Thu, 01 Jan 1970 00:00:00 GMT"],
    [-1000, "Wed, 31 Dec 1969 23:59:59 GMT"],
    [1_000_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"],
    [2_147_483_648_000, "Tue, 19 Jan 2038 03:14:08 GMT"],
    [253_402_300_799_000, "Fri, 31 Dec 9999 23:59:59 GMT"],
  ])("%d", (time, expected) => {
    expect(formatHttpDate(time)).toBe(expected);
  });

  test("what it writes is read as the same time", () => {
    // Steps of 40 days, 3 hours, 7 minutes and 11 seconds from 1970 to beyond 2200.
    for (let time = 0; time < 7_500_000_000_000; time += 3_467_231_000) {
      expect(parseHttpDate(formatHttpDate(time), NOW)).toBe(time);
    }
  });
});

/**
 * HTTP dates, RFC 9110 §5.6.7: read in all three forms, written in one.
 * Times are milliseconds since 1970, always whole seconds.
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(${MONTHS.join("|")})`;
const TIME = "(\\d\\d):(\\d\\d):(\\d\\d)";
const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";

// Sun, 06 Nov 1994 08:49:37 GMT
const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} GMT$`);
// Sunday, 06-Nov-94 08:49:37 GMT
const RFC_850 = new RegExp(`^${LONG_DAY}, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} GMT$`);
// Sun Nov  6 08:49:37 1994
const ASCTIME = new RegExp(`^${DAY} ${MONTH} ( \\d|\\d\\d) ${TIME} (\\d{4})$`);

const YEAR = 365.25 * 24 * 3600 * 1000;

/**
 * Reads an HTTP date; undefined when it is none. `now` (milliseconds) dates the
 * two-digit year of the RFC 850 form: one that seems more than 50 years ahead is past.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const fixdate = IMF_FIXDATE.exec(text);
  if (fixdate !== null) {
    const [, day, month, year, ...time] = fixdate;
    return toTime(Number(year), month, day, time);
  }
  const rfc850 = RFC_850.exec(text);
  if (rfc850 !== null) {
    const [, day, month, shortYear, ...time] = rfc850;
    const year = Math.floor(new Date(now).getUTCFullYear() / 100) * 100 + Number(shortYear);
    const candidate = toTime(year, month, day, time);
    if (candidate === undefined || candidate - now <= 50 * YEAR) return candidate;
    return toTime(year - 100, month, day, time);
  }
  const asctime = ASCTIME.exec(text);
  if (asctime !== null) {
    const [, month, day, hour, minute, second, year] = asctime;
    return toTime(Number(year), month, day, [hour, minute, second]);
  }
  return undefined;
}

/** Writes the preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`. */
export function formatHttpDate(time: number): string {
  return new Date(time).toUTCString();
}

/** Undefined for a day or time that no calendar has; second 60 is a leap second. */
function toTime(
  year: number,
  month: string | undefined,
  day: string | undefined,
  [hour, minute, second]: readonly (string | undefined)[],
): number | undefined {
  const at = { month: MONTHS.indexOf(month ?? ""), day: Number(day) };
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  if (h > 23 || m > 59 || s > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, at.month, at.day);
  if (date.getUTCMonth() !== at.month || date.getUTCDate() !== at.day) return undefined;
  return date.setUTCHours(h, m, s, 0);
}

/** Content negotiation by Accept, RFC 9110 §12.5.1, as far as a listing needs it. */

/**
 * Whether a client would rather have `application/json` than `text/html`. Without a
 * preference it gets HTML: browsers and crawlers name no JSON.
 */
export function prefersJson(accept: string | null): boolean {
  if (accept === null) return false;
  return quality(accept, "application/json") > quality(accept, "text/html");
}

/** RFC 9110 §12.4.2: 0 to 1 with at most three decimals. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The weight of a media type by the most specific media range that names it: 0 to 1. */
function quality(accept: string, type: string): number {
  const ranges = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  let best = { rank: ranges.length, weight: 0 };
  for (const element of accept.split(",")) {
    const [range = "", ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
    const rank = ranges.indexOf(range);
    if (rank === -1 || rank >= best.rank) continue;
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    best = { rank, weight: weight === undefined ? 1 : WEIGHT.test(weight) ? Number(weight) : 0 };
  }
  return best.weight;
}

/** Content negotiation by Accept, RFC 9110 §12.5.1, as far as listings and Metalinks need it. */

/**
 * Whether a client would rather have `application/json` than `text/html`. Without a
 * preference it gets HTML: browsers and crawlers name no JSON.
 */
export function prefersJson(accept: string | null): boolean {
  if (accept === null) return false;
  return quality(accept, "application/json") > quality(accept, "text/html");
}

/** Whether a client names the Metalink type: a client that sends a wildcard wants the file. */
export function wantsMetalink(accept: string | null): boolean {
  // On the path of every request.
  if (accept === null || !/metalink4\+xml/i.test(accept)) return false;
  return listRanges(accept).some(
    ({ range, weight }) => range === "application/metalink4+xml" && weight > 0,
  );
}

/** RFC 9110 §12.4.2: 0 to 1 with at most three decimals. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The weight of a media type by the most specific media range that names it: 0 to 1. */
function quality(accept: string, type: string): number {
  const ranges = [type, `${type.slice(0, type.indexOf("/"))}/*`, "*/*"];
  let best = { rank: ranges.length, weight: 0 };
  for (const { range, weight } of listRanges(accept)) {
    const rank = ranges.indexOf(range);
    if (rank !== -1 && rank < best.rank) best = { rank, weight };
  }
  return best.weight;
}

/** The elements of a list in lower case, with their weights: 1 where none is given, 0 where it is malformed. */
function listRanges(field: string): { readonly range: string; readonly weight: number }[] {
  return field.split(",").map((element) => {
    const [range = "", ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    return { range, weight: weight === undefined ? 1 : WEIGHT.test(weight) ? Number(weight) : 0 };
  });
}

/**
 * A list of names with weights and nothing else, `SHA-256;q=0.5, sha`, in lower
 * case. Undefined when it is malformed.
 */
export function readWeights(field: string): ReadonlyMap<string, number> | undefined {
  const weights = new Map<string, number>();
  for (const element of field.split(",")) {
    if (element.trim() === "") continue;
    const [, name, weight = "1"] = NAME_WITH_WEIGHT.exec(element.trim().toLowerCase()) ?? [];
    if (name === undefined || !WEIGHT.test(weight)) return undefined;
    weights.set(name, Number(weight));
  }
  return weights;
}

/** RFC 9110 §5.6.2, §12.4.2. */
const NAME_WITH_WEIGHT = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=([\d.]+))?$/;

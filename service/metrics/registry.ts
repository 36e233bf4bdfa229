/**
 * What a metric is, and where its numbers are. Every metric is described once (table.ts);
 * from the description follow its place among the numbers of a process and its text
 * (text.ts). The values of a label are a closed set, so no client can make a series.
 *
 *     counter, gauge   one number for each combination of label values
 *     histogram        one for each bucket, one for what is above the last, and the sum
 */

/** Names of labels with all of their values, in the order of the text. */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** A metric as the table describes it. */
export interface Description {
  readonly type: "counter" | "gauge" | "histogram";
  /** Without the prefix; with its unit, and `_total` on a counter. */
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
  /** Of a histogram: the upper bounds of its buckets, ascending, without +Inf. */
  readonly bounds: readonly number[];
  /** How the numbers of several processes become one. */
  readonly across: "sum" | "max";
  /** Whether series that are 0 are left out: where few of many combinations occur. */
  readonly isSparse: boolean;
  /** Whether the prefix is left out: `process_…` are names that others know. */
  readonly isStandard: boolean;
}

/** A metric with its place: the index of its first number, and how many it has. */
export interface Metric extends Description {
  readonly at: number;
  readonly length: number;
  /** Numbers of one series. */
  readonly width: number;
}

/** All metrics by their names in the program, and how many numbers they have together. */
export interface Registry<Names extends string = string> {
  readonly metrics: Readonly<Record<Names, Metric>>;
  readonly length: number;
}

type Choices = Partial<Pick<Description, "labels" | "across" | "isSparse" | "isStandard">>;

const PLAIN = {
  labels: {},
  bounds: [],
  across: "sum",
  isSparse: false,
  isStandard: false,
} as const;

export function counter(name: string, help: string, choices: Choices = {}): Description {
  return { ...PLAIN, type: "counter", name, help, ...choices };
}

export function gauge(name: string, help: string, choices: Choices = {}): Description {
  return { ...PLAIN, type: "gauge", name, help, ...choices };
}

export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  choices: Choices = {},
): Description {
  return { ...PLAIN, type: "histogram", name, help, bounds, ...choices };
}

/** Gives every metric its place. */
export function layOut<Names extends string>(
  table: Readonly<Record<Names, Description>>,
): Registry<Names> {
  const metrics = {} as Record<Names, Metric>;
  let at = 0;
  for (const key of Object.keys(table) as Names[]) {
    const description = table[key];
    const width = description.type === "histogram" ? description.bounds.length + 2 : 1;
    const sets = Object.values<readonly string[]>(description.labels);
    const length = sets.reduce((product, values) => product * values.length, width);
    metrics[key] = { ...description, at, length, width };
    at += length;
  }
  return { metrics, length: at };
}

/**
 * The index of a series by the indices of its label values, in the order of the labels. For
 * the path of a request do the same by hand.
 */
export function seriesAt({ at, width, labels }: Metric, ...indices: readonly number[]): number {
  let series = 0;
  Object.values(labels).forEach((values, n) => {
    series = series * values.length + (indices[n] ?? 0);
  });
  return at + series * width;
}

/** Adds an observation to the histogram series that begins at `at`. */
export function observe(
  numbers: Float64Array,
  at: number,
  bounds: readonly number[],
  value: number,
): void {
  let bucket = 0;
  while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
  numbers[at + bucket]!++;
  numbers[at + bounds.length + 1]! += value;
}

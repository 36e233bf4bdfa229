/** Numbers → the text that Prometheus reads (text format 0.0.4). */

import type { Metric, Registry } from "./registry.ts";

/** The media type of the text. */
export const MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const PREFIX = "rangesrv_";

/** `numbers` are those of all processes together, in the order of the registry. */
export function renderMetrics({ metrics }: Registry, numbers: Float64Array): string {
  const lines: string[] = [];
  for (const metric of Object.values(metrics)) {
    const name = nameOf(metric);
    lines.push(`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`);
    const { at, length, width } = metric;
    for (let series = 0; series < length / width; series++) {
      const first = at + series * width;
      const own = numbers.subarray(first, first + width);
      if (metric.isSparse && own.every((number) => number === 0)) continue;
      const labels = labelsOf(metric, series);
      if (metric.type === "histogram") pushHistogram(lines, name, metric.bounds, labels, own);
      else lines.push(`${name}${braced(labels)} ${formatNumber(own[0] ?? 0)}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** As it is read, and named in queries. */
export function nameOf({ name, isStandard }: Metric): string {
  return isStandard ? name : PREFIX + name;
}

/** The names of a metric's series: a histogram has three. */
export function seriesNames(metric: Metric): string[] {
  const name = nameOf(metric);
  if (metric.type !== "histogram") return [name];
  return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
}

/** A bucket counts all that is at most its bound, and so what is in those before it. */
function pushHistogram(
  lines: string[],
  name: string,
  bounds: readonly number[],
  labels: readonly string[],
  numbers: Float64Array,
): void {
  let count = 0;
  [...bounds, Infinity].forEach((bound, bucket) => {
    count += numbers[bucket] ?? 0;
    lines.push(`${name}_bucket${braced([...labels, `le="${formatNumber(bound)}"`])} ${count}`);
  });
  const sum = numbers[bounds.length + 1] ?? 0;
  lines.push(`${name}_sum${braced(labels)} ${formatNumber(sum)}`);
  lines.push(`${name}_count${braced(labels)} ${count}`);
}

/** The label values of a series, as `name="value"`. */
function labelsOf({ labels }: Metric, series: number): string[] {
  let rest = series;
  return Object.entries(labels)
    .reverse()
    .map(([name, values]) => {
      const value = values[rest % values.length] ?? "";
      rest = Math.floor(rest / values.length);
      return `${name}="${escapeLabel(value)}"`;
    })
    .reverse();
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? "" : `{${labels.join(",")}}`;
}

function formatNumber(number: number): string {
  if (number === Infinity) return "+Inf";
  return number === -Infinity ? "-Inf" : String(number);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

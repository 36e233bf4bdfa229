/** What Prometheus reads, by the numbers of a small registry. */

import { expect, test } from "bun:test";
import {
  counter,
  type Description,
  gauge,
  histogram,
  layOut,
  observe,
  seriesAt,
} from "./registry.ts";
import { renderMetrics } from "./text.ts";

const AB = { a: ["x", "y"], b: ["1", "2", "3"] };

// [why, metric, its numbers, the lines below HELP and TYPE]
test.each<[string, Description, number[], string[]]>([
  ["a counter", counter("n_total", "N"), [3], ["rangesrv_n_total 3"]],
  ["a counter that is 0", counter("n_total", "N"), [0], ["rangesrv_n_total 0"]],
  ["a fraction", gauge("lag_seconds", "N"), [0.0125], ["rangesrv_lag_seconds 0.0125"]],
  ["a large number", counter("n_total", "N"), [2 ** 53], ["rangesrv_n_total 9007199254740992"]],
  ["a huge number", counter("n_total", "N"), [1e30], ["rangesrv_n_total 1e+30"]],
  [
    "a name that others know",
    gauge("process_open_fds", "N", { isStandard: true }),
    [5],
    ["process_open_fds 5"],
  ],
  [
    "the last label changes first",
    counter("n_total", "N", { labels: AB }),
    [1, 2, 3, 4, 5, 6],
    [
      'rangesrv_n_total{a="x",b="1"} 1',
      'rangesrv_n_total{a="x",b="2"} 2',
      'rangesrv_n_total{a="x",b="3"} 3',
      'rangesrv_n_total{a="y",b="1"} 4',
      'rangesrv_n_total{a="y",b="2"} 5',
      'rangesrv_n_total{a="y",b="3"} 6',
    ],
  ],
  [
    "only series that occur",
    counter("n_total", "N", { labels: AB, isSparse: true }),
    [0, 0, 3, 0, 5, 0],
    ['rangesrv_n_total{a="x",b="3"} 3', 'rangesrv_n_total{a="y",b="2"} 5'],
  ],
  [
    "a value with a quote, a backslash and a line break",
    gauge("n", "N", { labels: { a: ['"\\\n'] } }),
    [1],
    [String.raw`rangesrv_n{a="\"\\\n"} 1`],
  ],
  [
    "a histogram: buckets count what is below them, too",
    histogram("t_seconds", "N", [0.5, 1]),
    [2, 0, 1, 7.25],
    [
      'rangesrv_t_seconds_bucket{le="0.5"} 2',
      'rangesrv_t_seconds_bucket{le="1"} 2',
      'rangesrv_t_seconds_bucket{le="+Inf"} 3',
      "rangesrv_t_seconds_sum 7.25",
      "rangesrv_t_seconds_count 3",
    ],
  ],
  [
    "a histogram by kind",
    histogram("t_seconds", "N", [1], { labels: { kind: ["x", "y"] }, isSparse: true }),
    [0, 0, 0, 1, 0, 0.5],
    [
      'rangesrv_t_seconds_bucket{kind="y",le="1"} 1',
      'rangesrv_t_seconds_bucket{kind="y",le="+Inf"} 1',
      'rangesrv_t_seconds_sum{kind="y"} 0.5',
      'rangesrv_t_seconds_count{kind="y"} 1',
    ],
  ],
])("%s", (_why, description, numbers, expected) => {
  const registry = layOut({ one: description });
  const [help, type, ...lines] = renderMetrics(registry, Float64Array.from(numbers))
    .trimEnd()
    .split("\n");
  const name = `${description.isStandard ? "" : "rangesrv_"}${description.name}`;
  expect({ length: registry.length, help, type, lines }).toEqual({
    length: numbers.length,
    help: `# HELP ${name} N`,
    type: `# TYPE ${name} ${description.type}`,
    lines: expected,
  });
});

test("Metrics stand one behind the other, and a series is found by its label values", () => {
  const { metrics, length } = layOut({
    first: counter("first_total", "N", { labels: AB }),
    second: histogram("second", "N", [1, 2], { labels: { kind: ["x", "y"] } }),
    third: gauge("third", "N"),
  });
  expect({
    places: [metrics.first.at, metrics.second.at, metrics.third.at, length],
    series: [
      seriesAt(metrics.first, 0, 2),
      seriesAt(metrics.first, 1, 0),
      seriesAt(metrics.second, 1),
      seriesAt(metrics.third),
    ],
  }).toEqual({ places: [0, 6, 14, 15], series: [2, 3, 10, 14] });
});

test.each<[string, number, number[]]>([
  ["on a bound", 1, [1, 0, 0, 1]],
  ["above a bound", 1.5, [0, 1, 0, 1.5]],
  ["above the last", 9, [0, 0, 1, 9]],
  ["nothing", 0, [1, 0, 0, 0]],
])("An observation %s", (_why, value, expected) => {
  const numbers = new Float64Array(4);
  observe(numbers, 0, [1, 2], value);
  expect([...numbers]).toEqual(expected);
});

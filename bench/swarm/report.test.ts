import { describe, expect, test } from "bun:test";
import type { Race } from "./race.ts";
import { details, type Record, replaceSection, summary } from "./report.ts";

const scale = { length: 1000, rate: 8000, alone: 1000 };

function record(method: string, peers: number, race: Partial<Race>): Record {
  const nothing: Race = {
    ...{ finishes: Array.from({ length: peers }, () => 1000), time: 1000, originSent: 1000 },
    ...{ originSeries: [], sent: [], processor: 0.25, processorMost: 0.5 },
  };
  return { method, peers, race: { ...nothing, ...race } };
}

describe("summary", () => {
  test("medians by way and number of peers", () => {
    const records = [
      record("one", 1, {}),
      record("one", 2, { time: 2000, originSent: 2000 }),
      record("two", 2, { time: 1200, originSent: 1100 }),
      record("two", 2, { time: 1300, originSent: 1200 }),
      record("two", 2, { time: 9000, originSent: 1300 }),
      record("two", 4, { finishes: [1000, 1000, 1000] }),
    ];
    expect(summary(records, ["one", "two", "three"], scale)).toEqual(
      `| peers | one | two |
| --- | ---: | ---: |
| 1 | 1.00 / 1.00 | – |
| 2 | 2.00 / 2.00 | 1.30 / 1.20 |
| 4 | – | not finished |
`,
    );
  });
});

describe("details", () => {
  test("spread, finishes and what is busy", () => {
    const records = [
      record("one", 2, { time: 2000, finishes: [1500, 2000], originSent: 1000 }),
      record("two", 2, {}),
    ];
    expect(details(records, "one", scale).split("\n").at(-2)).toEqual(
      "| 2 | 1 | 2.00 (2.00–2.00) | 1.00 (1.00–1.00) | 1.5 / 2.0 / 2.0 | 50 % | 50 % | 25 %, 50 % |",
    );
  });
});

describe("replaceSection", () => {
  const cases: [string, string, string][] = [
    ["an empty file", "", "# Swarm\n\nnew\n"],
    ["a file without it", "# Results\n\nx\n", "# Results\n\nx\n\n# Swarm\n\nnew\n"],
    [
      "a file that ends with it",
      "# Results\n\nx\n\n# Swarm\n\nold\n## a\n",
      "# Results\n\nx\n\n# Swarm\n\nnew\n",
    ],
    ["nothing but it", "# Swarm\n\nold\n", "# Swarm\n\nnew\n"],
    ["another heading that begins so", "# Swarms\n", "# Swarms\n\n# Swarm\n\nnew\n"],
  ];
  test.each(cases)("%s", (_, before, after) => {
    expect(replaceSection(before, "# Swarm\n\nnew\n")).toEqual(after);
  });
});

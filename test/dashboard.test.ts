/**
 * deploy/grafana.json: a dashboard whose queries Prometheus reads, about metrics that there
 * are. And docs/operating.md, which names them all.
 */

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TABLE } from "../service/metrics/table.ts";
import { nameOf, seriesNames } from "../service/metrics/text.ts";
import { run, testWith } from "./clients.ts";
import { temporaryDirectory } from "./site.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const DASHBOARD: {
  readonly title: string;
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly Panel[];
} = JSON.parse(readFileSync(join(import.meta.dir, "../deploy/grafana.json"), "utf8"));

const { panels } = DASHBOARD;
const QUERIES = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const SERIES = new Set(Object.values(TABLE.metrics).flatMap(seriesNames));

/** The metrics that a query names. */
function named(query: string): string[] {
  return query.match(/\b(?:rangesrv|process)_[a-z_]+/g) ?? [];
}

test("Every query is about metrics that there are, and every metric is shown", () => {
  const names = new Set(QUERIES.flatMap(named));
  const unknown = [...names].filter((name) => !SERIES.has(name));
  const mute = QUERIES.filter((query) => named(query).length === 0);
  const unseen = Object.values(TABLE.metrics).filter(
    (metric) => !seriesNames(metric).some((name) => names.has(name)),
  );
  expect({ unknown, mute, unseen: unseen.map(({ name }) => name) }).toEqual({
    ...{ unknown: [], mute: [], unseen: ["process_virtual_memory_bytes"] },
  });
});

test("Labels in queries are those of their metric", () => {
  const labels = new Set(Object.values(TABLE.metrics).flatMap((one) => Object.keys(one.labels)));
  const grouped = QUERIES.flatMap((query) => [...query.matchAll(/by \(([^)]*)\)/g)]);
  const selected = QUERIES.flatMap((query) => [...query.matchAll(/[{,]([a-z]+)(?==)/g)]);
  const asked = [...grouped, ...selected].flatMap(([, names = ""]) => names.split(/,\s*/));
  const known = new Set([...labels, "instance", "le"]);
  expect([...new Set(asked)].filter((name) => !known.has(name))).toEqual([]);
});

test("It has the shape that Grafana imports: panels on a grid of 24, none upon another", () => {
  const taken = new Map<string, number>();
  const faults: string[] = [];
  for (const { id, type, title, gridPos, targets } of panels) {
    const { x, y, w, h } = gridPos;
    const isQuery = type !== "row";
    if (title === "" || x < 0 || x + w > 24) faults.push(`${id}: place`);
    if (isQuery !== (targets?.every(({ refId, expr }) => refId !== "" && expr !== "") ?? false)) {
      faults.push(`${id}: queries`);
    }
    for (let cell = 0; cell < w * h; cell++) {
      const place = `${x + (cell % w)} ${y + Math.floor(cell / w)}`;
      if (taken.has(place)) faults.push(`${id} is upon ${taken.get(place)}`);
      taken.set(place, id);
    }
  }
  expect({
    faults,
    ids: new Set(panels.map(({ id }) => id)).size,
    variables: DASHBOARD.templating.list.map(({ name }) => name),
    title: DASHBOARD.title,
  }).toEqual({
    ...{ faults: [], ids: panels.length, title: "rangesrv" },
    variables: ["datasource", "instance"],
  });
});

testWith("promtool")("Prometheus reads every query", async () => {
  const rules = QUERIES.map((query, n) => ({
    record: `query_${n}`,
    expr: query.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
  }));
  const file = join(temporaryDirectory(), "rules.json");
  // YAML is a superset of JSON.
  writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
  const { exitCode, stdout, stderr } = await run(["promtool", "check", "rules", file]);
  expect([exitCode, stderr, stdout]).toEqual([
    0,
    "",
    `Checking ${file}\n  SUCCESS: ${rules.length} rules found\n\n`,
  ]);
});

test("docs/operating.md names every metric, and no other", () => {
  const text = readFileSync(join(import.meta.dir, "../docs/operating.md"), "utf8");
  const [, section = ""] = text.split("## Metrics\n");
  const rows = section.split("\n").filter((line) => /^\| `/.test(line));
  const inTable = rows.flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-z_]+)`/g)]);
  const standard = [...section.matchAll(/`(process_[a-z_]+)`/g)];
  const named = [
    ...inTable.map(([, name]) => `rangesrv_${name}`),
    ...standard.map(([, name]) => name),
  ];
  expect(named.sort()).toEqual(Object.values(TABLE.metrics).map(nameOf).sort());
});

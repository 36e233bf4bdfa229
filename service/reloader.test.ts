/** What SIGHUP changes, what it keeps, and what it says of both. */

import { expect, test } from "bun:test";
import { parseCommandLine } from "./options.ts";
import { type Prepare, Reloads } from "./reload.ts";
import { Reloader } from "./reloader.ts";

type Environment = Readonly<Record<string, string>>;

const read = (environment: Environment) => parseCommandLine(["."], environment);

/** Reloads once: what the subscribers had applied, the lines, and what counts then. */
function reload(
  before: Environment,
  after: Environment,
  withWorkers: boolean,
  ...subscribers: Prepare[]
) {
  const lines: string[] = [];
  const applied: number[] = [];
  const started = read(before);
  if (started.kind !== "serve") throw new Error(started.kind);
  const reloads = new Reloads();
  reloads.on(
    ({ grace }) =>
      () =>
        void applied.push(grace),
  );
  for (const prepare of subscribers) reloads.on(prepare);
  const log = (line: string) => void lines.push(line);
  const reloader = new Reloader({
    ...{ settings: started.settings, read: () => read(after), withWorkers, reloads },
    ...{ log, tell: log },
  });
  const next = reloader.next();
  next?.apply();
  const counts = next && { grace: next.settings.grace.texts, port: next.settings.port.texts };
  return { applied, lines, counts };
}

const SAME = { grace: ["30"], port: ["13000"] };

// [why, variables before and after, with workers, seen]
test.each<[string, Environment, Environment, boolean, ReturnType<typeof reload>]>([
  [
    "the same options: files that they name may have changed",
    {},
    {},
    false,
    { applied: [30], lines: ["SIGHUP: no option changed"], counts: SAME },
  ],
  ["the same options, with workers", {}, {}, true, { applied: [30], lines: [], counts: SAME }],
  [
    "what can change",
    {},
    { RANGESRV_GRACE: "5", RANGESRV_QUIET: "true" },
    false,
    {
      applied: [5],
      lines: ["SIGHUP: changes grace, quiet"],
      counts: { grace: ["5"], port: ["13000"] },
    },
  ],
  [
    "back to the default",
    { RANGESRV_GRACE: "5" },
    {},
    false,
    { applied: [30], lines: ["SIGHUP: changes grace"], counts: SAME },
  ],
  [
    "what can't",
    {},
    { RANGESRV_PORT: "80" },
    false,
    {
      applied: [30],
      lines: ["SIGHUP: port can't change without a restart; kept 13000"],
      counts: SAME,
    },
  ],
  [
    "both",
    {},
    { RANGESRV_GRACE: "5", RANGESRV_PORT: "80", RANGESRV_HOST: "::1" },
    false,
    {
      applied: [5],
      lines: [
        "SIGHUP: port, host can't change without a restart; kept 13000, none",
        "SIGHUP: changes grace",
      ],
      counts: { grace: ["5"], port: ["13000"] },
    },
  ],
  [
    "what only a worker can take",
    {},
    { RANGESRV_NEGOTIATE: "true" },
    false,
    {
      applied: [30],
      lines: ["SIGHUP: negotiate can't change without a restart; kept false"],
      counts: SAME,
    },
  ],
  [
    "what only a worker can take, with workers",
    {},
    { RANGESRV_NEGOTIATE: "true" },
    true,
    { applied: [30], lines: ["SIGHUP: changes negotiate"], counts: SAME },
  ],
  [
    "a mistake",
    { RANGESRV_GRACE: "5" },
    { RANGESRV_GRACE: "6", RANGESRV_PROT: "1" },
    false,
    {
      applied: [],
      lines: [
        'SIGHUP: kept what runs: Unknown variable "RANGESRV_PROT"; did you mean RANGESRV_PORT?',
      ],
      counts: undefined,
    },
  ],
])("%s", (_why, before, after, withWorkers, seen) => {
  expect(reload(before, after, withWorkers)).toEqual(seen);
});

test("When one can't use the options, none does", () => {
  const seen = reload({}, { RANGESRV_GRACE: "5" }, false, () => {
    throw new Error('Cannot read "key": no such file');
  });
  expect(seen).toEqual({
    applied: [],
    lines: ['SIGHUP: kept what runs: Cannot read "key": no such file'],
    counts: undefined,
  });
});

test("What was kept is compared again, and what was taken isn't", () => {
  const environments = [{ RANGESRV_PORT: "80", RANGESRV_GRACE: "5" }, { RANGESRV_GRACE: "5" }];
  const lines: string[] = [];
  const started = read({});
  if (started.kind !== "serve") throw new Error(started.kind);
  const log = (line: string) => void lines.push(line);
  const reloader = new Reloader({
    ...{ settings: started.settings, read: () => read(environments.shift() ?? {}) },
    ...{ withWorkers: false, log, tell: log, reloads: new Reloads() },
  });
  for (let n = 0; n < 3; n++) reloader.next()?.apply();
  expect(lines).toEqual([
    "SIGHUP: port can't change without a restart; kept 13000",
    "SIGHUP: changes grace",
    "SIGHUP: no option changed",
    "SIGHUP: changes grace",
  ]);
});
